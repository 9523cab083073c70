import { expect, onTestFinished, test, vi } from 'vitest'
import { calls, startProject } from '../testing/project'
import { keepStream, type DataUpdate, type LiveState } from './stream'

const route = 'GET /api/dashboard/events'

async function follow(options: { silenceMs?: number } = {}) {
  const project = await startProject()
  const { session, client } = project.browser.tab()
  await session.signIn(project.mock.username, project.mock.password)
  const states: LiveState[] = []
  const updates: DataUpdate[] = []
  const ready: boolean[] = []
  const stop = keepStream({
    open: (signal) => client.events(signal),
    onState: (state) => states.push(state),
    onReady: (again) => ready.push(again),
    onUpdate: (update) => updates.push(update),
    backoffMs: 5,
    ...options,
  })
  onTestFinished(stop)
  return { ...project, session, states, updates, ready, stop }
}

test('updates arrive, and what is not one is passed over', async () => {
  const { mock, states, updates } = await follow()
  await vi.waitFor(() => expect(states).toEqual(['connecting', 'live']))
  const update = { type: 'data-update', resource: 'database', data: { changes: [{ type: 'records', name: 'public.posts' }] } }
  mock.emit({ type: 'mcp-connected', toolName: 'x' })
  mock.emit([1])
  mock.emitRaw('data: not json\n\n: keepalive\n\n')
  mock.emit(update)
  await vi.waitFor(() => expect(updates).toEqual([update]))
})

test('a lost stream is opened again, and says that something may have been missed', async () => {
  const { mock, states, ready } = await follow()
  await vi.waitFor(() => expect(ready).toEqual([false]))
  mock.dropStreams()
  await vi.waitFor(() => expect(ready).toEqual([false, true]))
  expect(states).toEqual(['connecting', 'live', 'waiting', 'live'])
})

test('it survives a server that fails for a while', async () => {
  const { mock, ready } = await follow()
  await vi.waitFor(() => expect(ready).toHaveLength(1))
  mock.instead.set(route, [
    (response) => response.writeHead(502).end('<html>'),
    (response) => void response.destroy(),
    (response) => response.writeHead(200).end(),
  ])
  mock.dropStreams()
  await vi.waitFor(() => expect(ready).toHaveLength(2))
  expect(calls(mock, route)).toBe(5)
})

test('silence counts as a dead connection', async () => {
  const { ready } = await follow({ silenceMs: 60 })
  await vi.waitFor(() => expect(ready.length).toBeGreaterThan(1))
})

test('an expired access token is refreshed when the stream is opened again', async () => {
  const { mock, ready } = await follow()
  await vi.waitFor(() => expect(ready).toHaveLength(1))
  mock.expireAccessTokens()
  mock.dropStreams()
  await vi.waitFor(() => expect(ready).toHaveLength(2))
})

test('stopping closes the stream for good', async () => {
  const { mock, ready, states, stop } = await follow()
  await vi.waitFor(() => expect(ready).toHaveLength(1))
  stop()
  await vi.waitFor(() => expect(mock.streams).toBe(0))
  expect(states).toEqual(['connecting', 'live'])
  expect(calls(mock, route)).toBe(1)
})
