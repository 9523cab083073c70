import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { Mock } from '../../mock/server.mjs'
import { Browser, calls, deferred, startProject } from '../testing/project'
import { ApiError } from './error'
import type { SessionState } from './session'

const refresh = 'POST /api/auth/admin/refresh'
const logout = 'POST /api/auth/admin/logout'
const tables = 'GET /api/database/tables'
const admin = { sub: 'local:admin' }

async function signedIn() {
  const project = await startProject()
  const tab = project.browser.tab()
  await tab.session.signIn(project.mock.username, project.mock.password)
  return { ...project, ...tab }
}

describe('signing in', () => {
  test('a wrong password rejects with the sentence of the server and changes nothing', async () => {
    const { browser } = await startProject()
    const { session } = browser.tab()
    await session.start()
    await expect(session.signIn('admin', 'wrong')).rejects.toMatchObject({
      status: 401,
      code: 'AUTH_UNAUTHORIZED',
      message: 'Invalid admin credentials',
    })
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'none' })
    expect(browser.read()).toBeUndefined()
  })

  test('the right one makes calls possible and tells the listeners', async () => {
    const { mock, browser } = await startProject()
    const { session, client } = browser.tab()
    const seen: SessionState[] = []
    session.subscribe(() => seen.push(session.current()))
    await session.signIn(mock.username, mock.password)
    expect(seen).toEqual([{ status: 'signed-in', admin }])
    expect(await client.apiKey()).toBe(mock.apiKey)
  })
})

describe('a reload', () => {
  test('continues the session', async () => {
    const { mock, browser } = await signedIn()
    const { session, client } = browser.tab()
    await session.start()
    expect(session.current()).toEqual({ status: 'signed-in', admin })
    expect(await client.anonKey()).toBe(mock.anonKey)
  })

  test('asks nothing of the server when there was no session', async () => {
    const { mock, browser } = await startProject()
    const { session } = browser.tab()
    await session.start()
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'none' })
    expect(mock.requests).toEqual([])
  })

  test('finds an ended session ended', async () => {
    const { mock, browser } = await signedIn()
    mock.expireSessions()
    const { session } = browser.tab()
    await session.start()
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'expired' })
    expect(browser.read()).toBeUndefined()
  })

  test('with a CSRF token that is not of this session ends it', async () => {
    const { browser } = await signedIn()
    browser.write('forged')
    const { session } = browser.tab()
    await session.start()
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'expired' })
  })

  test('keeps the session for another try while the server fails', async () => {
    const { mock, browser } = await signedIn()
    mock.instead.set(refresh, [(response) => response.writeHead(503).end('upgrading')])
    const { session } = browser.tab()
    await session.start()
    expect(session.current()).toMatchObject({ status: 'unreachable', error: { status: 503 } })
    await session.start()
    expect(session.current()).toEqual({ status: 'signed-in', admin })
  })

  test('and while it cannot be reached', async () => {
    const mock = new Mock()
    const browser = new Browser(await mock.listen())
    await browser.tab().session.signIn(mock.username, mock.password)
    await mock.close()
    const { session } = browser.tab()
    await session.start()
    expect(session.current()).toMatchObject({ status: 'unreachable', error: { code: 'NETWORK' } })
    expect(browser.read()).toBeDefined()
  })
})

describe('an expired access token', () => {
  test('is refreshed once for all calls that notice it, and each is repeated', async () => {
    const { mock, client } = await signedIn()
    mock.expireAccessTokens()
    expect(await Promise.all([client.tables(), client.apiKey(), client.tables()])).toEqual([[], mock.apiKey, []])
    expect(calls(mock, refresh)).toBe(1)
    expect(calls(mock, tables)).toBe(4)
  })

  test('noticed late, after another call refreshed, is not refreshed again', async () => {
    const { mock, session } = await signedIn()
    mock.expireAccessTokens()
    const late = deferred<void>()
    let attempts = 0
    const slow = session.authorized(async (call) => {
      if (attempts++ === 0) await late.promise
      return attempt(mock, call.headers)
    })
    await session.authorized((call) => attempt(mock, call.headers))
    late.resolve()
    expect(await slow).toBe('through')
    expect([calls(mock, refresh), attempts]).toEqual([1, 2])
  })

  test('that cannot be refreshed ends the session, and the call fails', async () => {
    const { mock, session, client, browser } = await signedIn()
    mock.expireSessions()
    const outcomes = await Promise.allSettled([client.tables(), client.apiKey()])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected'])
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'expired' })
    expect(calls(mock, refresh)).toBe(1)
    expect(browser.read()).toBeUndefined()
  })

  test('stays for another try when the refresh fails for another reason', async () => {
    const { mock, session, client } = await signedIn()
    mock.expireAccessTokens()
    mock.instead.set(refresh, [(response) => response.writeHead(500).end()])
    await expect(client.tables()).rejects.toMatchObject({ status: 500 })
    expect(session.current().status).toBe('signed-in')
    expect(await client.tables()).toEqual([])
  })

  test('a call that is refused again after a refresh ends the session instead of trying for ever', async () => {
    const { mock, session, client } = await signedIn()
    mock.instead.set(tables, Array(2).fill((response: ServerResponse) => response.writeHead(401).end()))
    await expect(client.tables()).rejects.toMatchObject({ status: 401 })
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'expired' })
    expect([calls(mock, refresh), calls(mock, tables)]).toEqual([1, 2])
  })
})

/** Plays a call: succeeds when the mock accepts the token. */
async function attempt(mock: Mock, headers: Record<string, string> | undefined): Promise<string> {
  if (!mock.accepts(headers?.['Authorization'])) throw new ApiError(401, 'AUTH_UNAUTHORIZED', 'Invalid token')
  return 'through'
}

describe('signing out', () => {
  test('ends the session in the browser and on the server', async () => {
    const { mock, session, client, browser } = await signedIn()
    await session.signOut()
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'asked' })
    expect(calls(mock, logout)).toBe(1)
    await expect(client.tables()).rejects.toMatchObject({ status: 401, code: 'AUTH_INVALID_CREDENTIALS' })
    const reloaded = browser.tab().session
    await reloaded.start()
    expect(reloaded.current()).toEqual({ status: 'signed-out', reason: 'none' })
    expect(calls(mock, refresh)).toBe(0)
  })

  test('ends it in the browser even when the server refuses, and says so', async () => {
    const { session, browser } = await signedIn()
    browser.write('forged')
    await expect(session.signOut()).rejects.toMatchObject({ status: 403, message: 'Invalid CSRF token' })
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'asked' })
    expect(browser.read()).toBeUndefined()
  })

  test('wins over a refresh that is under way', async () => {
    const { mock, session, client, browser } = await signedIn()
    mock.expireAccessTokens()
    const arrived = deferred<ServerResponse>()
    mock.instead.set(refresh, [(response) => arrived.resolve(response)])
    const call = client.tables()
    const response = await arrived.promise
    await session.signOut()
    response.end(JSON.stringify({ admin, accessToken: 'late', csrfToken: 'late' }))
    await expect(call).rejects.toMatchObject({ status: 401 })
    expect(session.current()).toEqual({ status: 'signed-out', reason: 'asked' })
    expect(browser.read()).toBeUndefined()
  })

  test('in one tab is noticed by the others', async () => {
    const { session, browser } = await signedIn()
    const other = browser.tab().session
    await other.start()
    other.recheck()
    expect(other.current().status).toBe('signed-in')
    await session.signOut()
    other.recheck()
    expect(other.current()).toEqual({ status: 'signed-out', reason: 'expired' })
  })

  test('is not suspected where the browser keeps no cookies', async () => {
    const { mock, browser } = await startProject()
    browser.write = () => undefined
    const { session } = browser.tab()
    await session.signIn(mock.username, mock.password)
    session.recheck()
    expect(session.current().status).toBe('signed-in')
  })
})
