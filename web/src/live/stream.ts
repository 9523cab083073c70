import { readEvents } from '../api/sse'

export type LiveState = 'connecting' | 'live' | 'waiting'

export interface Change {
  /** tables, table, records, index, trigger, policy, function, extension or migration */
  type: string
  name?: string
}

export interface DataUpdate {
  type: 'data-update'
  resource: string
  data?: { changes?: Change[] }
}

interface Options {
  open: (signal: AbortSignal) => Promise<Response>
  onState: (state: LiveState) => void
  /** Called at each start of the stream. Nothing is replayed, so after the first time changes may have been missed. */
  onReady: (again: boolean) => void
  onUpdate: (update: DataUpdate) => void
  /** The first delay before reconnecting; it doubles up to thirty times its value. */
  backoffMs?: number
  /** The server sends a comment every 25 s; silence for longer than this means that the connection is dead. */
  silenceMs?: number
}

/** Keeps one event stream open until the returned function is called. */
export function keepStream({ open, onState, onReady, onUpdate, backoffMs = 1_000, silenceMs = 70_000 }: Options): () => void {
  const stop = new AbortController()
  let failures = 0
  let wasReady = false

  async function connectOnce(): Promise<void> {
    const silence = new AbortController()
    const signal = AbortSignal.any([stop.signal, silence.signal])
    let timer: ReturnType<typeof setTimeout> | undefined
    try {
      const response = await open(signal)
      if (!response.body) return
      const heard = () => {
        clearTimeout(timer)
        timer = setTimeout(() => silence.abort(), silenceMs)
      }
      heard()
      for await (const data of readEvents(response.body)) {
        heard()
        if (data !== undefined) receive(data)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  function receive(data: string): void {
    const event = parse(data)
    if (event?.type === 'ready') {
      failures = 0
      onState('live')
      onReady(wasReady)
      wasReady = true
    }
    if (event?.type === 'data-update') onUpdate(event as DataUpdate)
  }

  async function run(): Promise<void> {
    onState('connecting')
    while (!stop.signal.aborted) {
      await connectOnce().catch(() => undefined)
      if (stop.signal.aborted) return
      onState('waiting')
      await pause(delay(failures++, backoffMs), stop.signal)
    }
  }

  void run()
  return () => stop.abort()
}

function parse(data: string): { type?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Half of the delay is random, so that many tabs do not return at the same moment. */
function delay(failures: number, backoffMs: number): number {
  const full = backoffMs * Math.min(2 ** failures, 30)
  return full / 2 + (Math.random() * full) / 2
}

/** Waits; less long when the browser comes back online. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      globalThis.removeEventListener?.('online', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    globalThis.addEventListener?.('online', done)
  })
}
