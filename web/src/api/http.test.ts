import { describe, expect, test } from 'vitest'
import { calls, startProject } from '../testing/project'
import { ApiError, messageOf } from './error'
import { Http } from './http'

const health = 'GET /api/health'

describe('a refused call', () => {
  test.for([
    {
      name: 'carries the envelope of the server',
      body: '{"error":"FORBIDDEN","message":"Not yours","statusCode":403,"nextActions":"Ask the owner"}',
      want: { status: 403, code: 'FORBIDDEN', message: 'Not yours', nextActions: 'Ask the owner' },
    },
    {
      name: 'names the status when the body is of somebody else',
      body: '<html>blocked by a proxy</html>',
      want: { status: 403, code: 'REQUEST_FAILED', message: 'The server answered 403 Forbidden', nextActions: undefined },
    },
    {
      name: 'copes with fields of another type',
      body: '{"error":{"a":1},"message":["x"]}',
      want: { status: 403, code: 'REQUEST_FAILED', message: 'The server answered 403 Forbidden' },
    },
    { name: 'copes with null', body: 'null', want: { status: 403, code: 'REQUEST_FAILED' } },
    { name: 'copes with nothing', body: '', want: { status: 403, code: 'REQUEST_FAILED' } },
  ])('$name', async ({ body, want }) => {
    const { mock, url } = await startProject()
    mock.instead.set(health, [(response) => response.writeHead(403).end(body)])
    const error: unknown = await new Http(url).json('/api/health').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject(want)
  })
})

test('an answer that does not come in time is a timeout, headers sent or not', async () => {
  const { mock, url } = await startProject()
  mock.instead.set(health, [() => undefined, (response) => void response.writeHead(200).write('{"status":')])
  const http = new Http(url, fetch, 100)
  await expect(http.json('/api/health')).rejects.toMatchObject({ code: 'TIMEOUT', status: 0, temporary: true })
  await expect(http.json('/api/health')).rejects.toMatchObject({ code: 'TIMEOUT' })
})

test('an opened stream outlives the time a call may take', async () => {
  const { mock, url } = await startProject()
  let finish = () => undefined as void
  mock.instead.set(health, [
    (response) => {
      response.writeHead(200).write('first ')
      finish = () => void response.end('last')
    },
  ])
  const response = await new Http(url, fetch, 50).open('/api/health')
  await new Promise((resolve) => setTimeout(resolve, 120))
  finish()
  expect(await response.text()).toBe('first last')
})

test('a lost connection is told apart from a refusal', async () => {
  const { mock, url } = await startProject()
  mock.instead.set(health, [(response) => void response.destroy()])
  await expect(new Http(url).json('/api/health')).rejects.toMatchObject({ code: 'NETWORK', status: 0, temporary: true })
})

test('a successful answer that is not JSON is told apart from a lost connection', async () => {
  const { mock, url } = await startProject()
  mock.instead.set(health, [(response) => response.writeHead(200).end('<html>')])
  await expect(new Http(url).json('/api/health')).rejects.toMatchObject({ code: 'UNREADABLE' })
})

test("the caller's own abort is not made into an error of the server", async () => {
  const { mock, url } = await startProject()
  mock.instead.set(health, [() => undefined])
  const abort = new AbortController()
  const call = new Http(url).json('/api/health', { signal: abort.signal })
  const reason = new Error('left the page')
  abort.abort(reason)
  await expect(call).rejects.toBe(reason)
})

test('a body is sent as JSON', async () => {
  const { mock, url } = await startProject()
  const body = { username: mock.username, password: mock.password }
  const grant = await new Http(url).json('/api/auth/admin/sessions', { method: 'POST', body })
  expect(grant).toMatchObject({ admin: { sub: 'local:admin' } })
  expect(calls(mock, 'POST /api/auth/admin/sessions')).toBe(1)
})

test('anything thrown has a sentence', () => {
  expect(messageOf(new ApiError(500, 'X', 'It broke'))).toBe('It broke')
  expect(messageOf('plain')).toBe('plain')
})
