import { text } from '../text'
import { ApiError, errorFrom } from './error'

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Sent as JSON. */
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** Sends calls to the server. It knows nothing of sessions. */
export class Http {
  /**
   * @param baseUrl the server's address without a final slash; empty means the page's own origin
   * @param timeoutMs how long one call may take, answer included
   */
  constructor(
    private readonly baseUrl = '',
    private readonly send: typeof fetch = (...args) => fetch(...args),
    private readonly timeoutMs = 30_000,
  ) {}

  /** Returns the decoded JSON answer. Rejects with an ApiError, or with the caller's own abort reason. */
  json<T>(path: string, call: Call = {}): Promise<T> {
    return this.within(call, async (signal) => (await this.answer(path, call, signal)).json() as Promise<T>)
  }

  /** Returns the answer once its headers are there; its body may then take any time, until call.signal aborts. */
  open(path: string, call: Call = {}): Promise<Response> {
    return this.within(call, (signal) => this.answer(path, call, signal))
  }

  private async answer(path: string, call: Call, signal: AbortSignal): Promise<Response> {
    const init: RequestInit = { method: call.method ?? 'GET', credentials: 'include', signal, headers: { ...call.headers } }
    if (call.body !== undefined) {
      init.body = JSON.stringify(call.body)
      init.headers = { ...call.headers, 'Content-Type': 'application/json' }
    }
    const response = await this.send(this.baseUrl + path, init)
    if (!response.ok) throw await errorFrom(response)
    return response
  }

  private async within<T>(call: Call, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), this.timeoutMs)
    try {
      return await work(call.signal ? AbortSignal.any([call.signal, late.signal]) : late.signal)
    } catch (error) {
      if (error instanceof ApiError) throw error
      call.signal?.throwIfAborted()
      if (late.signal.aborted) throw new ApiError(0, 'TIMEOUT', text.errors.timeout(this.timeoutMs / 1000))
      if (error instanceof SyntaxError) throw new ApiError(0, 'UNREADABLE', text.errors.unreadable)
      throw new ApiError(0, 'NETWORK', text.errors.network)
    } finally {
      clearTimeout(timer)
    }
  }
}
