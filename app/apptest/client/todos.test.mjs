// A to-do application as its users use it, through the published SDK. Two
// people, two browsers, one table todos whose policy shows each their own rows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthChangeEvent, createClient } from '@insforge/sdk'
import { Browser } from './browser.mjs'

const { INSFORGE_URL: baseUrl, INSFORGE_ANON_KEY: anonKey, EXPIRED_TOKENS: expiredTokens } = process.env

class Person {
  constructor(name) {
    this.email = `${name}@example.com`
    this.password = `${name}'s pass phrase ☂`
    this.browser = new Browser()
    // retryCount 0: a failure that only a second try hides is a failure here.
    this.client = createClient({ baseUrl, anonKey, fetch: this.browser.fetch, retryCount: 0 })
  }
  // as runs f with this person's client and returns its data; an error fails.
  async as(f) {
    const { data, error, count } = await this.try(f)
    assert.ifError(error && Object.assign(new Error(error.message), { cause: error }))
    return count === null || count === undefined ? data : { data, count }
  }
  try(f) {
    return this.browser.do(() => f(this.client))
  }
  todos(f) {
    return this.as((c) => f(c.database.from('todos')))
  }
}

const alice = new Person('alice')
const bob = new Person('bob')
const guest = new Person('guest')
const titles = (rows) => rows.map((row) => row.title)

test('people sign up, and are somebody at once', async () => {
  for (const person of [alice, bob]) {
    const { email, password } = person
    const signedUp = await person.as((c) => c.auth.signUp({ email, password, name: 'A Name' }))
    assert.equal(signedUp.user.email, email)
    assert.equal(signedUp.requireEmailVerification, false)
    assert.equal(signedUp.user.profile.name, 'A Name')
    assert.equal(signedUp.refreshToken, undefined, 'a browser gets its refresh token as a cookie only')
    assert.ok(person.browser.httpOnly.has('insforge_refresh_token'))
    person.id = signedUp.user.id
    assert.equal((await person.as((c) => c.auth.getCurrentUser())).user.id, person.id)
  }
})

test('a taken address and a wrong password are refused', async () => {
  const taken = await guest.try((c) => c.auth.signUp({ email: 'ALICE@example.com', password: 'something else' }))
  assert.deepEqual([taken.error.statusCode, taken.error.error], [409, 'AUTH_EMAIL_EXISTS'])
  const weak = await guest.try((c) => c.auth.signUp({ email: 'weak@example.com', password: 'x' }))
  assert.deepEqual([weak.error.statusCode, weak.error.error], [400, 'INVALID_INPUT'])
  const wrong = await guest.try((c) => c.auth.signInWithPassword({ email: alice.email, password: bob.password }))
  assert.deepEqual([wrong.error.statusCode, wrong.error.error], [401, 'AUTH_UNAUTHORIZED'])
})

test('people sign in again', async () => {
  for (const person of [alice, bob]) {
    const { email, password } = person
    const session = await person.as((c) => c.auth.signInWithPassword({ email, password }))
    assert.equal(session.user.id, person.id)
  }
})

test('insert returns the stored row, its defaults filled in', async () => {
  const row = await alice.todos((t) => t.insert({ title: 'buy milk', user_id: alice.id }).select().single())
  assert.match(row.id, /^[0-9a-f-]{36}$/)
  assert.equal(row.done, false)
  assert.equal(row.title, 'buy milk')
  assert.ok(Math.abs(Date.now() - Date.parse(row.created_at)) < 5 * 60_000)
})

test('insert takes many rows, and none when one is wrong', async () => {
  const rows = ['walk dog', 'call mum', "O'Brien, (50%)"].map((title, i) => ({ title, rank: i + 1, user_id: alice.id }))
  assert.deepEqual(await alice.todos((t) => t.insert(rows)), [], 'no rows come back unless asked for')
  await bob.todos((t) => t.insert([{ title: 'rob bank', rank: 9, user_id: bob.id }, { title: 'hide', rank: 10, user_id: bob.id }]))
  const { error } = await alice.try((c) => c.database.from('todos').insert([{ title: 'fine', user_id: alice.id }, { user_id: alice.id }]))
  assert.equal(error.code, '23502')
  assert.equal((await alice.todos((t) => t.select().eq('title', 'fine'))).length, 0)
})

test('filters, order, limit and range', async () => {
  const all = ['buy milk', 'walk dog', 'call mum', "O'Brien, (50%)"]
  assert.deepEqual(titles(await alice.todos((t) => t.select().order('created_at').order('rank'))).sort(), [...all].sort())
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').eq('title', 'walk dog'))), ['walk dog'])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').gt('rank', 1).lte('rank', 3).order('rank', { ascending: false }))), [all[3], 'call mum'])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').in('title', ['buy milk', all[3]]).order('title'))), ["O'Brien, (50%)", 'buy milk'].sort())
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').ilike('title', 'WALK%'))), ['walk dog'])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').is('rank', null))), ['buy milk'])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').or('rank.eq.1,title.eq.buy milk').order('title'))), ['buy milk', 'walk dog'])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').not('rank', 'is', null).neq('rank', 2).order('rank'))), ['walk dog', all[3]])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').not('rank', 'is', null).order('rank').limit(1))), ['walk dog'])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').not('rank', 'is', null).order('rank').range(1, 2))), ['call mum', all[3]])
  assert.deepEqual(await alice.todos((t) => t.select('name:title').eq('rank', 1)), [{ name: 'walk dog' }])
  const { error } = await alice.try((c) => c.database.from('todos').select('nope'))
  assert.equal(error.code, '42703')
})

test('nobody sees, changes or takes the rows of somebody else', async () => {
  const seen = await bob.todos((t) => t.select())
  assert.deepEqual(titles(seen).sort(), ['hide', 'rob bank'])
  assert.deepEqual(await bob.todos((t) => t.select().eq('user_id', alice.id)), [])
  assert.deepEqual(await bob.todos((t) => t.update({ title: 'mine now' }).eq('user_id', alice.id).select()), [])
  assert.deepEqual(await bob.todos((t) => t.delete().eq('user_id', alice.id).select()), [])
  const planted = await bob.try((c) => c.database.from('todos').insert({ title: 'planted', user_id: alice.id }))
  assert.deepEqual([planted.status, planted.error.code], [403, '42501'])
  const given = await bob.try((c) => c.database.from('todos').update({ user_id: alice.id }).eq('title', 'hide'))
  assert.deepEqual([given.status, given.error.code], [403, '42501'])
  assert.equal((await alice.todos((t) => t.select())).length, 4)
  assert.deepEqual(await guest.todos((t) => t.select()), [], 'without signing in there is nothing to see')
  const anonymous = await guest.try((c) => c.database.from('todos').insert({ title: 'graffiti' }))
  assert.deepEqual([anonymous.status, anonymous.error.code], [401, '42501'])
})

test('count, with rows and without', async () => {
  assert.equal((await alice.todos((t) => t.select('*', { count: 'exact', head: true }))).count, 4)
  const page = await alice.todos((t) => t.select('title', { count: 'exact' }).not('rank', 'is', null).order('rank').range(0, 1))
  assert.deepEqual([page.count, page.data.length], [3, 2])
  assert.equal((await bob.todos((t) => t.select('*', { count: 'exact', head: true }).eq('done', true))).count, 0)
})

test('single and maybeSingle', async () => {
  assert.equal((await alice.todos((t) => t.select().eq('rank', 1).single())).title, 'walk dog')
  const none = await alice.try((c) => c.database.from('todos').select().eq('rank', 99).single())
  assert.deepEqual([none.status, none.error.code], [406, 'PGRST116'])
  const many = await alice.try((c) => c.database.from('todos').select().single())
  assert.deepEqual([many.status, many.error.code], [406, 'PGRST116'])
  assert.equal((await alice.todos((t) => t.select().eq('rank', 1).maybeSingle())).title, 'walk dog')
  assert.equal(await alice.todos((t) => t.select().eq('rank', 99).maybeSingle()), null)
  assert.ok((await alice.try((c) => c.database.from('todos').select().maybeSingle())).error)
})

test('update and delete', async () => {
  const [before] = await alice.todos((t) => t.select().eq('rank', 1))
  const [after] = await alice.todos((t) => t.update({ done: true }).eq('rank', 1).select())
  assert.equal(after.done, true)
  assert.ok(after.updated_at > before.updated_at)
  assert.equal(await alice.todos((t) => t.update({ done: true }).eq('rank', 2)), null)
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').eq('done', true).order('rank'))), ['walk dog', 'call mum'])
  assert.deepEqual(titles(await alice.todos((t) => t.delete().eq('rank', 1).select())), ['walk dog'])
  await alice.todos((t) => t.delete().eq('rank', 2))
  assert.equal((await alice.todos((t) => t.select('*', { count: 'exact', head: true }))).count, 2)
})

test('upsert adds what is new and merges or ignores what is there', async () => {
  const row = (slug, title) => ({ slug, title, user_id: alice.id })
  await alice.todos((t) => t.insert(row('one', 'first')))
  const merged = await alice.todos((t) => t.upsert([row('one', 'changed'), row('two', 'added')], { onConflict: 'slug' }).select().order('slug'))
  assert.deepEqual(titles(merged).sort(), ['added', 'changed'])
  const ignored = await alice.todos((t) => t.upsert([row('two', 'ignored'), row('three', 'added too')], { onConflict: 'slug', ignoreDuplicates: true }).select())
  assert.deepEqual(titles(ignored), ['added too'])
  assert.deepEqual(titles(await alice.todos((t) => t.select('title').not('slug', 'is', null).order('slug'))), ['changed', 'added too', 'added'])
  const { error, status } = await alice.try((c) => c.database.from('todos').insert(row('one', 'again')))
  assert.deepEqual([status, error.code], [409, '23505'])
})

test('an expired access token is replaced without the application noticing', async () => {
  const expired = await (await fetch(`${expiredTokens}?sub=${alice.id}&email=${alice.email}`)).text()
  await alice.browser.do(() => alice.client.setAccessToken(expired, AuthChangeEvent.TOKEN_REFRESHED))
  alice.browser.calls.length = 0
  const counts = await Promise.all([1, 2, 3].map(() => alice.todos((t) => t.select('id'))))
  assert.deepEqual(counts.map((rows) => rows.length), [5, 5, 5])
  const calls = alice.browser.calls
  assert.equal(calls.filter((call) => call === 'GET /api/database/records/todos 401').length, 3)
  assert.equal(calls.filter((call) => call === 'POST /api/auth/refresh 200').length, 1)
  assert.equal(calls.filter((call) => call === 'GET /api/database/records/todos 200').length, 3)

  // The new token is the client's own from here on.
  await alice.todos((t) => t.select('id'))
  assert.equal(alice.browser.calls.at(-1), 'GET /api/database/records/todos 200')
  assert.equal(alice.browser.calls.length, 8)
})

test('an expired token without a session behind it is the end of the session', async () => {
  const expired = await (await fetch(`${expiredTokens}?sub=${bob.id}&email=${bob.email}`)).text()
  await guest.browser.do(() => guest.client.setAccessToken(expired))
  await assert.rejects(() => guest.todos((t) => t.select('id')))
  assert.deepEqual(guest.browser.calls.slice(-2), ['GET /api/database/records/todos 401', 'POST /api/auth/refresh 401'])
  assert.deepEqual(await guest.todos((t) => t.select('id')), [], 'from then on the visitor is nobody')
})

test('signing out ends the session in the browser and on the server', async () => {
  assert.ok(alice.browser.scriptCookies.has('insforge_csrf_token'))
  await alice.as((c) => c.auth.signOut())
  assert.equal(alice.browser.calls.at(-1), 'POST /api/auth/logout 200')
  assert.equal(alice.browser.httpOnly.has('insforge_refresh_token'), false)
  assert.equal(alice.browser.scriptCookies.size, 0)
  assert.deepEqual(await alice.todos((t) => t.select()), [])
  const { error } = await alice.try((c) => c.auth.refreshSession())
  assert.equal(error.statusCode, 401)
  assert.equal((await bob.todos((t) => t.select())).length, 2, 'the other session is untouched')
})
