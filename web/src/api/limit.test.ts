import { expect, test } from 'vitest'
import { deferred } from '../testing/project'
import { createLimit } from './limit'

test('tasks start in order, and the end or failure of one makes room for the next', async () => {
  const limit = createLimit(2)
  const started: number[] = []
  const gates = [0, 1, 2, 3].map(() => deferred<void>())
  const runs = gates.map((gate, n) =>
    limit(async () => {
      started.push(n)
      await gate.promise
      if (n === 1) throw new Error('failed')
      return n
    }),
  )
  const outcomes = Promise.allSettled(runs)
  await Promise.resolve()
  expect(started).toEqual([0, 1])
  gates[1]?.resolve()
  await expect(runs[1]).rejects.toThrow('failed')
  await Promise.resolve()
  expect(started).toEqual([0, 1, 2])
  for (const gate of gates) gate.resolve()
  expect((await outcomes).map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(started).toEqual([0, 1, 2, 3])
})

test('a task that is given up while it waits is not started, and does not keep its place', async () => {
  const limit = createLimit(1)
  const gate = deferred<void>()
  const abort = new AbortController()
  const first = limit(() => gate.promise)
  let started = false
  const second = limit(async () => (started = true), abort.signal)
  const third = limit(async () => 'third')
  abort.abort(new Error('gone'))
  gate.resolve()
  await first
  await expect(second).rejects.toThrow('gone')
  expect(await third).toBe('third')
  expect(started).toBe(false)
})
