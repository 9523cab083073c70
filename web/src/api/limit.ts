type Limit = <T>(task: () => Promise<T>, signal?: AbortSignal) => Promise<T>

/**
 * Returns a function that runs tasks in the order given, at most `max` at a time. A task whose signal aborts while it
 * still waits is not started.
 */
export function createLimit(max: number): Limit {
  const waiting: (() => void)[] = []
  let running = 0

  return async (task, signal) => {
    if (running >= max) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      signal?.throwIfAborted()
      return await task()
    } finally {
      // The place passes to the next one, or becomes free.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
