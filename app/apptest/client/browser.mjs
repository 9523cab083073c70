// What a browser adds to the SDK: a cookie jar that scripts cannot read, a
// document.cookie that they can, and the rules for answers to other origins.
import { AsyncLocalStorage } from 'node:async_hooks'

const origin = 'http://app.localhost:3000'
const safelisted = ['cache-control', 'content-language', 'content-length', 'content-type', 'expires', 'last-modified', 'pragma']

const current = new AsyncLocalStorage()

// The SDK looks for a global document; each browser here has its own.
globalThis.document = {
  get cookie() {
    return [...current.getStore().scriptCookies].map(([name, value]) => `${name}=${value}`).join('; ')
  },
  set cookie(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim())
    const [name, value] = split(pair)
    if (attributes.includes('max-age=0')) current.getStore().scriptCookies.delete(name)
    else current.getStore().scriptCookies.set(name, value)
  },
}

function split(pair) {
  const at = pair.indexOf('=')
  return [pair.slice(0, at), pair.slice(at + 1)]
}

export class Browser {
  scriptCookies = new Map() // document.cookie
  httpOnly = new Map() // what only requests carry: name → { value, path }
  calls = [] // every request so far: "METHOD /path status"

  // do runs f as a script in this browser, to its end: the SDK's queries start
  // when they are awaited.
  do(f) {
    return current.run(this, async () => await f())
  }

  // fetch is the browser's fetch for a page of another origin.
  fetch = async (input, init = {}) => {
    const url = new URL(input)
    const headers = new Headers(init.headers)
    headers.set('origin', origin)
    const credentials = init.credentials === 'include'
    const cookies = [...this.httpOnly].filter(([, c]) => url.pathname.startsWith(c.path)).map(([name, c]) => `${name}=${c.value}`)
    if (credentials && cookies.length > 0) headers.set('cookie', cookies.join('; '))
    const response = await fetch(url, { ...init, headers })
    this.calls.push(`${init.method ?? 'GET'} ${url.pathname} ${response.status}`)
    if (credentials) this.#store(response.headers.getSetCookie())
    return readable(response, credentials)
  }

  #store(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim())
      const [name, value] = split(pair)
      const settings = new Map(attributes.map((a) => split(a.includes('=') ? a : a + '=')).map(([k, v]) => [k.toLowerCase(), v]))
      // From another site, a browser keeps a cookie under these conditions only.
      if (!settings.has('httponly') || !settings.has('secure') || settings.get('samesite') !== 'None') {
        throw new Error(`cookie ${name} lacks an attribute: ${line.replace(value, '…')}`)
      }
      const expires = settings.get('expires')
      const expired = settings.get('max-age') === '0' || (expires && new Date(expires) <= new Date())
      if (expired || value === '') this.httpOnly.delete(name)
      else this.httpOnly.set(name, { value, path: settings.get('path') })
    }
  }
}

// readable refuses an answer that a page of another origin may not see, and
// hides the headers that it may not read.
function readable(response, credentials) {
  const h = response.headers
  if (h.get('access-control-allow-origin') !== origin) throw new TypeError('blocked by CORS: origin not allowed')
  if (credentials && h.get('access-control-allow-credentials') !== 'true') throw new TypeError('blocked by CORS: credentials not allowed')
  const exposed = (h.get('access-control-expose-headers') ?? '').toLowerCase().split(',').map((name) => name.trim())
  const seen = [...h].filter(([name]) => safelisted.includes(name) || exposed.includes(name))
  const empty = response.status === 204 || response.status === 304
  return new Response(empty ? null : response.body, { status: response.status, statusText: response.statusText, headers: seen })
}
