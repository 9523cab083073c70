import { ApiError } from './error'
import type { CsrfStore } from './csrf'
import type { Call, Http } from './http'

export interface Admin {
  sub: string
}

interface Grant {
  admin: Admin
  accessToken: string
  csrfToken: string
}

export type SessionState =
  | { status: 'starting' }
  | { status: 'signed-in'; admin: Admin }
  /** asked: the admin signed out; expired: the server ended it; none: there was no session to continue. */
  | { status: 'signed-out'; reason: 'asked' | 'expired' | 'none' }
  /** The session may be alive, but the server could not be asked. */
  | { status: 'unreachable'; error: ApiError }

/**
 * The admin's session. The access token lives here and nowhere else; the page learns only the state.
 * Every call that needs the admin goes through `authorized`.
 */
export class Session {
  private state: SessionState = { status: 'starting' }
  private accessToken: string | undefined
  /** False where the browser refuses to keep the CSRF token; its absence then means nothing. */
  private remembered = false
  private refreshing: Promise<void> | undefined
  private readonly listeners = new Set<() => void>()

  constructor(
    private readonly http: Http,
    private readonly csrf: CsrfStore,
  ) {}

  readonly current = (): SessionState => this.state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Continues the session of before a reload. The outcome is the new state; it does not reject. */
  async start(): Promise<void> {
    this.become({ status: 'starting' })
    if (this.csrf.read() === undefined) return this.become({ status: 'signed-out', reason: 'none' })
    try {
      await this.refresh()
    } catch (error) {
      if (error instanceof ApiError && this.state.status === 'starting') this.become({ status: 'unreachable', error })
    }
  }

  /** Rejects with the server's refusal when the credentials are wrong. */
  async signIn(username: string, password: string): Promise<void> {
    this.accept(await this.http.json<Grant>('/api/auth/admin/sessions', { method: 'POST', body: { username, password } }))
  }

  /**
   * Ends the session here in any case. Rejects when the server did not confirm: its refresh cookie may then still be in
   * the browser, though it is useless without the CSRF token that is forgotten here.
   */
  async signOut(): Promise<void> {
    const headers = this.csrfHeader()
    this.end('asked')
    await this.http.json('/api/auth/admin/logout', { method: 'POST', headers })
  }

  /** Notices that another tab signed out: the shared CSRF token is then gone. */
  recheck(): void {
    if (this.state.status === 'signed-in' && this.remembered && this.csrf.read() === undefined) this.end('expired')
  }

  /**
   * Runs a call with the access token. On 401 it refreshes once, together with every other call that waits for the
   * same, and tries once more; when that is refused too the session is over and the 401 is rethrown.
   */
  async authorized<T>(run: (call: Pick<Call, 'headers'>) => Promise<T>): Promise<T> {
    const used = this.accessToken
    try {
      return await run(bearer(used))
    } catch (error) {
      if (!isStatus(error, 401) || this.state.status !== 'signed-in') throw error
    }
    // Another call may have refreshed while this one was under way.
    if (this.accessToken === used) await this.refresh()
    try {
      return await run(bearer(this.accessToken))
    } catch (error) {
      if (isStatus(error, 401)) this.end('expired')
      throw error
    }
  }

  private refresh(): Promise<void> {
    this.refreshing ??= this.requestGrant().finally(() => (this.refreshing = undefined))
    return this.refreshing
  }

  private async requestGrant(): Promise<void> {
    const before = this.state
    try {
      const grant = await this.http.json<Grant>('/api/auth/admin/refresh', { method: 'POST', headers: this.csrfHeader() })
      // A sign-out in the meantime wins.
      if (this.state === before) this.accept(grant)
    } catch (error) {
      if (this.state === before && (isStatus(error, 401) || isStatus(error, 403))) this.end('expired')
      throw error
    }
  }

  private accept(grant: Grant): void {
    this.accessToken = grant.accessToken
    this.csrf.write(grant.csrfToken)
    this.remembered = this.csrf.read() !== undefined
    const same = this.state.status === 'signed-in' && this.state.admin.sub === grant.admin.sub
    if (!same) this.become({ status: 'signed-in', admin: grant.admin })
  }

  private end(reason: 'asked' | 'expired'): void {
    this.accessToken = undefined
    this.csrf.clear()
    if (this.state.status !== 'signed-out') this.become({ status: 'signed-out', reason })
  }

  private csrfHeader(): Record<string, string> {
    const token = this.csrf.read()
    return token === undefined ? {} : { 'X-CSRF-Token': token }
  }

  private become(state: SessionState): void {
    this.state = state
    for (const listener of this.listeners) listener()
  }
}

function bearer(token: string | undefined): Pick<Call, 'headers'> {
  return token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status
}
