// PostgREST's own client library on a lending library. The same expectations
// hold wherever the query engine is mounted, and every test leaves the rows as
// it found them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PostgrestClient } from '@supabase/postgrest-js'

const { POSTGREST_URL: url, POSTGREST_HEADERS: headers } = process.env
const db = new PostgrestClient(url, { headers: JSON.parse(headers) ?? {} })

// ok returns the data of a query that succeeds.
async function ok(query, status = 200) {
  const answer = await query
  assert.ifError(answer.error && Object.assign(new Error(answer.error.message), { cause: answer.error }))
  assert.equal(answer.status, status)
  return answer.data
}

// fails returns the error of a query that does not.
async function fails(query, status, code) {
  const { data, error, status: got } = await query
  assert.equal(data, null)
  assert.equal(error?.code, code, JSON.stringify(error))
  assert.equal(got, status)
  return error
}

const ids = (rows) => rows.map((row) => row.id)

test('filters', async () => {
  const books = () => db.from('books').select('id').order('id')
  assert.deepEqual(ids(await ok(books())), [1, 2, 3, 4])
  assert.deepEqual(ids(await ok(books().eq('author_id', 1).neq('id', 3))), [1])
  assert.deepEqual(ids(await ok(books().gt('id', 1).lte('id', 3))), [2, 3])
  assert.deepEqual(ids(await ok(books().in('title', ['Solaris', 'Fables, of course', 'Fables for Robots']))), [2, 4])
  assert.deepEqual(ids(await ok(books().eq('title', 'The Left Hand, of "Darkness"'))), [3])
  assert.deepEqual(ids(await ok(books().ilike('title', 'the %'))), [1, 3])
  assert.deepEqual(ids(await ok(books().likeAnyOf('title', ['Sol%', 'Fab%']))), [2, 4])
  assert.deepEqual(ids(await ok(books().is('price', null))), [3])
  assert.deepEqual(ids(await ok(books().not('tags', 'cs', '{novel}'))), [4])
  assert.deepEqual(ids(await ok(books().contains('tags', ['utopia']))), [1])
  assert.deepEqual(ids(await ok(books().overlaps('tags', ['utopia', 'tales']))), [1, 4])
  assert.deepEqual(ids(await ok(books().contains('meta', { year: 1961 }))), [2])
  assert.deepEqual(ids(await ok(books().eq('meta->in->>lang', 'pl'))), [2])
  assert.deepEqual(ids(await ok(books().or('id.eq.1,and(author_id.eq.2,price.lt.8)'))), [1, 4])
  assert.deepEqual(ids(await ok(books().textSearch('title', 'fables & robots', { config: 'english' }))), [4])
  assert.deepEqual(ids(await ok(books().match({ author_id: 2, lent: false }))), [2, 4])
  assert.deepEqual(ids(await ok(books().filter('title', 'match', '^S'))), [2])
})

test('columns are renamed, cast, and taken out of JSON', async () => {
  const [row] = await ok(db.from('books').select('name:title,price::text,year:meta->year').eq('id', 2))
  assert.deepEqual(row, { name: 'Solaris', price: '12345678901234567890.25', year: 1961 })
  const [{ count, max }] = await ok(db.from('books').select('count(),id.max()'))
  assert.deepEqual([count, max], [4, 4])
})

test('related rows are embedded, filtered and ordered', async () => {
  const authors = await ok(db.from('authors').select('name,books(title)').order('id').order('title', { referencedTable: 'books', ascending: false }).limit(1, { referencedTable: 'books' }))
  assert.deepEqual(authors, [
    { name: 'Le Guin', books: [{ title: 'The Left Hand, of "Darkness"' }] },
    { name: 'Lem', books: [{ title: 'Solaris' }] },
    { name: 'Nobody', books: [] },
  ])
  assert.deepEqual(await ok(db.from('books').select('title,author:authors!inner(name),readers(name)').eq('authors.name', 'Le Guin').order('id').order('name', { referencedTable: 'readers' })), [
    { title: 'The Dispossessed', author: { name: 'Le Guin' }, readers: [{ name: 'Ann' }, { name: 'Bob' }] },
    { title: 'The Left Hand, of "Darkness"', author: { name: 'Le Guin' }, readers: [] },
  ])
  assert.deepEqual(await ok(db.from('books').select('id,...authors(name)').eq('id', 2)), [{ id: 2, name: 'Lem' }])
})

test('order, ranges and counts', async () => {
  assert.deepEqual(ids(await ok(db.from('books').select('id').order('price', { ascending: false, nullsFirst: false }).order('id'))), [2, 1, 4, 3])
  const page = await db.from('books').select('id', { count: 'exact' }).order('id').range(1, 2)
  assert.deepEqual([page.status, page.count, ids(page.data)], [206, 4, [2, 3]])
  const head = await db.from('books').select('*', { count: 'exact', head: true }).eq('author_id', 2)
  assert.deepEqual([head.status, head.count, head.data], [200, 2, null])
  await fails(db.from('books').select('id', { count: 'exact' }).range(10, 20), 416, 'PGRST103')
})

test('single and maybeSingle', async () => {
  assert.deepEqual(await ok(db.from('authors').select('name').eq('id', 2).single()), { name: 'Lem' })
  const several = await fails(db.from('authors').select('name').single(), 406, 'PGRST116')
  assert.match(several.details, /3 rows/)
  await fails(db.from('authors').select('name').eq('id', 9).single(), 406, 'PGRST116')
  assert.equal(await ok(db.from('authors').select('name').eq('id', 9).maybeSingle()), null)
  assert.deepEqual(await ok(db.from('authors').select('name').eq('id', 2).maybeSingle()), { name: 'Lem' })
})

test('CSV', async () => {
  assert.equal(await ok(db.from('books').select('id,title,price').in('id', [2, 3]).order('id').csv()),
    'id,title,price\n2,Solaris,12345678901234567890.25\n3,"The Left Hand, of ""Darkness""",')
})

test('insert, update, delete', async () => {
  assert.equal(await ok(db.from('books').insert({ id: 50, title: '' }), 201), null)
  assert.deepEqual(await ok(db.from('books').select('title,lent,tags').eq('id', 50).single()), { title: '', lent: false, tags: [] })
  const made = await ok(db.from('books').insert([{ title: 'a', author_id: 3 }, { title: 'b', lent: true }], { defaultToNull: false }).select('title,lent,authors(name)'), 201)
  assert.deepEqual(made, [{ title: 'a', lent: false, authors: { name: 'Nobody' } }, { title: 'b', lent: true, authors: null }])
  assert.deepEqual(await ok(db.from('books').update({ lent: true }).eq('title', 'a').select('title,lent')), [{ title: 'a', lent: true }])
  assert.equal(await ok(db.from('books').update({ lent: false }).eq('title', 'a'), 204), null)
  const gone = await db.from('books').delete({ count: 'exact' }).gt('id', 4)
  assert.deepEqual([gone.status, gone.count, gone.data], [204, 3, null])
})

test('upsert', async () => {
  const authors = () => db.from('authors')
  const both = [{ id: 2, name: 'Stanisław Lem', born: 1921 }, { id: 9, name: 'new', born: null }]
  assert.deepEqual(await ok(authors().upsert(both).select('id,name').order('id'), 201), [{ id: 2, name: 'Stanisław Lem' }, { id: 9, name: 'new' }])
  assert.deepEqual(await ok(authors().upsert({ id: 2, name: 'ignored' }, { ignoreDuplicates: true }).select(), 201), [])
  assert.equal((await ok(authors().upsert({ id: 9, name: 'new', born: 1 }, { onConflict: 'name' }).select().single()))?.born, 1)
  await ok(authors().upsert({ id: 2, name: 'Lem', born: 1921 }))
  assert.deepEqual(await ok(authors().delete().eq('id', 9).select('name').single()), { name: 'new' })
})

test('rpc', async () => {
  assert.equal(await ok(db.rpc('add', { a: 2, b: 3 })), 5)
  assert.equal(await ok(db.rpc('add', { a: 2, b: 3 }, { get: true })), 5)
  assert.equal(await ok(db.rpc('nothing'), 204), null)
  const rows = await db.rpc('by_author', { name: 'Lem' }, { count: 'exact' }).select('title,authors(born)').order('id').limit(1)
  assert.deepEqual([rows.status, rows.count, rows.data], [206, 2, [{ title: 'Solaris', authors: { born: 1921 } }]])
  const error = await fails(db.rpc('fail'), 418, 'PT418')
  assert.deepEqual([error.message, error.details, error.hint], ['a teapot', 'short', 'and stout'])
})

test('another schema', async () => {
  assert.deepEqual(await ok(db.schema('archive').from('books').select()), [{ id: 1, title: 'Archived' }])
  await ok(db.schema('archive').from('books').insert({ id: 2, title: 'x' }), 201)
  assert.deepEqual(await ok(db.schema('archive').from('books').delete().eq('id', 2).select('id')), [{ id: 2 }])
  await fails(db.schema('auth').from('users').select(), 406, 'PGRST106')
})

test('errors', async () => {
  await fails(db.from('nowhere').select(), 404, '42P01')
  await fails(db.from('books').select('nothing'), 400, '42703')
  await fails(db.from('books').select('id,nowhere(id)'), 400, 'PGRST200')
  await fails(db.rpc('nowhere'), 404, 'PGRST202')
  await fails(db.from('books').insert({ title: null }), 400, '23502')
  await fails(db.from('authors').insert({ id: 1, name: 'x' }), 409, '23505')
  await fails(db.from('books').insert({ title: 'x', author_id: 77 }), 409, '23503')
  await fails(db.from('books').insert({ titel: 'x' }), 400, 'PGRST204')
  await fails(db.from('books').select('id').eq('id', 'x'), 400, '22P02')
  await assert.rejects(async () => { await db.from('books').select('nothing').throwOnError() }, { code: '42703' })
})
