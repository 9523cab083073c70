import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { expect, onTestFinished, test, vi } from 'vitest'
import { deferred } from '../testing/project'
import { Refresher } from './refresher'

/** A query on display, whose reads are counted and can be held up. */
function display(key: string[], read: (nth: number) => Promise<unknown>) {
  const queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } })
  let reads = 0
  const queryFn = vi.fn(() => read(++reads))
  onTestFinished(new QueryObserver(queries, { queryKey: key, queryFn }).subscribe(() => undefined))
  onTestFinished(() => queries.clear())
  return { queries, queryFn }
}

const always = () => Promise.resolve()

test('a burst of changes is one read, and one that comes during a read leads to another', async () => {
  const gate = deferred<void>()
  const { queries, queryFn } = display(['tables', 'posts'], async (nth) => {
    if (nth === 2) await gate.promise
    return nth
  })
  await vi.waitFor(() => expect(queries.getQueryData(['tables', 'posts'])).toBe(1))

  const refresher = new Refresher(queries, always, 10, 10)
  for (let n = 0; n < 50; n++) refresher.add([['tables', 'posts']])
  await vi.waitFor(() => expect(queryFn).toHaveBeenCalledTimes(2))
  for (let n = 0; n < 50; n++) refresher.add([['tables', 'posts'], ['tables']])
  gate.resolve()
  // The two keys of the second burst cover the same query, so it is read at most twice more.
  await vi.waitFor(() => expect(queries.getQueryData(['tables', 'posts'])).toBeGreaterThan(2))
  expect(queryFn.mock.calls.length).toBeLessThanOrEqual(4)
})

test('a hidden page reads nothing until it is looked at', async () => {
  const shown = deferred<void>()
  const { queries, queryFn } = display(['tables'], async () => 'read')
  await vi.waitFor(() => expect(queries.getQueryData(['tables'])).toBe('read'))
  const visible = vi.fn(() => shown.promise)
  new Refresher(queries, visible, 0, 0).add([['tables']])
  await vi.waitFor(() => expect(visible).toHaveBeenCalled())
  expect(queryFn).toHaveBeenCalledTimes(1)
  shown.resolve()
  await vi.waitFor(() => expect(queryFn).toHaveBeenCalledTimes(2))
})

test('a failed read does not end the refreshing', async () => {
  const { queries } = display(['tables'], async (nth) => {
    if (nth === 2) throw new Error('failed')
    return nth
  })
  await vi.waitFor(() => expect(queries.getQueryData(['tables'])).toBe(1))
  const refresher = new Refresher(queries, always, 0, 0)
  refresher.add([['tables']])
  await vi.waitFor(() => expect(queries.getQueryState(['tables'])?.status).toBe('error'))
  refresher.add([['tables']])
  await vi.waitFor(() => expect(queries.getQueryData(['tables'])).toBe(3))
})
