import { onTestFinished } from 'vitest'
import { Mock } from '../../mock/server.mjs'
import { Client } from '../api/client'
import type { CsrfStore } from '../api/csrf'
import { Http } from '../api/http'
import { Session } from '../api/session'

/** A browser as far as the API is concerned: one cookie jar, shared by its tabs. */
export class Browser implements CsrfStore {
  private cookies = ''
  private csrf: string | undefined

  constructor(private readonly url: string) {}

  /** A page of this browser that has just been loaded. */
  tab(): { session: Session; client: Client; http: Http } {
    const http = new Http(this.url, this.fetch)
    const session = new Session(http, this)
    return { http, session, client: new Client(http, session) }
  }

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const headers = new Headers(init.headers)
    if (this.cookies) headers.set('Cookie', this.cookies)
    const response = await fetch(input, { ...init, headers })
    const set = response.headers.getSetCookie()[0]
    if (set) this.cookies = /Max-Age=0/.test(set) ? '' : (set.split(';')[0] ?? '')
    return response
  }

  read = () => this.csrf
  write = (token: string) => void (this.csrf = token)
  clear = () => void (this.csrf = undefined)
}

/** Starts a separate project for the running test. */
export async function startProject(): Promise<{ mock: Mock; browser: Browser; url: string }> {
  const mock = new Mock()
  const url = await mock.listen()
  onTestFinished(() => mock.close())
  return { mock, url, browser: new Browser(url) }
}

/** How often a route was called. */
export function calls(mock: Mock, route: string): number {
  return mock.requests.filter((request) => request === route).length
}

/** A promise that is settled from outside. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => (resolve = settle))
  return { promise, resolve }
}
