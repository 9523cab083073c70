// A stand-in for the product: the routes the dashboard uses, answering as the REST contract says, from memory.
// Tests and "npm run mock" use it. It also serves dist/app the way the product does, security policy included.
import { createHmac, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

export const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
  "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const dist = join(import.meta.dirname, '../dist/app')
const cookieName = 'insforge_admin_refresh_token'
const cookieAttributes = 'Path=/api/auth/admin; HttpOnly; Secure; SameSite=None'

const types = /** @type {Record<string, string>} */ ({
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.md': 'text/plain; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
})

/**
 * @typedef {{ columnName: string, type: string, isNullable: boolean, isUnique: boolean, isPrimaryKey?: boolean, defaultValue?: string }} Column
 * @typedef {{ columns: Column[], foreignKeys: object[], rows: object[] }} Table
 * @typedef {import('node:http').IncomingMessage} Request
 * @typedef {import('node:http').ServerResponse} Response
 */

class Refusal extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

/** @type {Column[]} */
const idColumn = [{ columnName: 'id', type: 'uuid', isNullable: false, isUnique: true, isPrimaryKey: true, defaultValue: 'gen_random_uuid()' }]
/** @type {Column[]} */
const timeColumns = ['created_at', 'updated_at'].map((columnName) => ({
  columnName,
  type: 'datetime',
  isNullable: true,
  isUnique: false,
  isPrimaryKey: false,
  defaultValue: 'now()',
}))

/** One project. Tests change its fields and look at `requests`. */
export class Mock {
  username = 'admin'
  password = 'correct horse battery staple'
  apiKey = `ik_${randomBytes(32).toString('hex')}`
  anonKey = `anon_${randomBytes(32).toString('hex')}`
  /** @type {Map<string, Table>} */
  tables = new Map()
  /** "METHOD /path" of each API call so far. @type {string[]} */
  requests = []
  /** Answers for the next calls of a route, in place of the usual ones: each is used once. @type {Map<string, ((response: Response) => void)[]>} */
  instead = new Map()
  /** How many table schemas were being read at once, at most. */
  maxSchemaReads = 0
  /** How long reading a table's schema takes. */
  schemaReadMs = 0
  #schemaReads = 0
  #secret = randomBytes(32)
  /** @type {Set<string>} */
  #accessTokens = new Set()
  /** @type {Set<Response>} */
  #streams = new Set()
  #server = createServer((request, response) => void this.#answer(request, response))

  /** @param {number} [port] @returns {Promise<string>} the base URL */
  async listen(port = 0) {
    await new Promise((resolve) => this.#server.listen(port, '127.0.0.1', () => resolve(undefined)))
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return `http://127.0.0.1:${address.port}`
  }

  async close() {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** As after 15 minutes. */
  expireAccessTokens() {
    this.#accessTokens.clear()
  }

  /** Ends every refresh token. */
  expireSessions() {
    this.#secret = randomBytes(32)
    this.expireAccessTokens()
  }

  dropStreams() {
    for (const stream of this.#streams) stream.destroy()
  }

  get streams() {
    return this.#streams.size
  }

  /** @param {object} event */
  emit(event) {
    this.emitRaw(`data: ${JSON.stringify(event)}\n\n`)
  }

  /** @param {string} text */
  emitRaw(text) {
    for (const stream of this.#streams) stream.write(text)
  }

  /** @param {string} name @param {Column[]} columns @param {number} [rows] @param {object[]} [foreignKeys] */
  addTable(name, columns, rows = 0, foreignKeys = []) {
    this.tables.set(name, { columns: [...idColumn, ...columns, ...timeColumns], foreignKeys, rows: Array.from({ length: rows }, () => ({})) })
  }

  /** @param {Request} request @param {Response} response */
  async #answer(request, response) {
    const path = new URL(request.url ?? '/', 'http://mock').pathname
    if (!path.startsWith('/api/')) return this.#file(path, response)
    const route = `${request.method} ${path}`
    this.requests.push(route)
    const instead = this.instead.get(route)?.shift()
    if (instead) return instead(response)
    try {
      await this.#api(route, request, response)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      send(response, error.status, { error: error.code, message: error.message, statusCode: error.status })
    }
  }

  /** @param {string} route @param {Request} request @param {Response} response */
  async #api(route, request, response) {
    switch (route) {
      case 'GET /api/health':
        return send(response, 200, { status: 'ok', version: '2.3.1', service: 'Insforge OSS Backend', timestamp: new Date().toISOString() })
      case 'POST /api/auth/admin/sessions':
        return this.#signIn(await read(request), response)
      case 'POST /api/auth/admin/refresh':
        return this.#grant(this.#cookieSession(request, response), response)
      case 'POST /api/auth/admin/logout':
        if (this.#validCookie(request)) this.#cookieSession(request, response)
        response.setHeader('Set-Cookie', `${cookieName}=; Max-Age=0; ${cookieAttributes}`)
        return send(response, 200, { success: true, message: 'Logged out successfully' })
    }
    this.#requireAdmin(request)
    switch (route) {
      case 'GET /api/metadata/api-key':
        return send(response, 200, { apiKey: this.apiKey })
      case 'GET /api/metadata/anon-key':
        return send(response, 200, { anonKey: this.anonKey })
      case 'GET /api/database/tables':
        return send(response, 200, [...this.tables.keys()].sort())
      case 'POST /api/database/tables':
        return this.#createTable(await read(request), response)
      case 'GET /api/dashboard/events':
        return this.#stream(response)
    }
    const [, method, area, name] = /^(\w+) \/api\/database\/(tables|records)\/([^/]+)(?:\/schema)?$/.exec(route) ?? []
    if (!name) throw new Refusal(404, 'NOT_FOUND', `Endpoint ${request.url} not found`)
    const table = decodeURIComponent(name)
    if (method === 'GET') return this.#schema(table, response)
    if (method === 'DELETE') {
      this.tables.delete(table)
      return send(response, 200, { schemaName: 'public', message: 'table deleted successfully', tableName: table })
    }
    if (area === 'records') return this.#insert(table, await read(request), response)
  }

  /** @param {any} body @param {Response} response */
  #signIn(body, response) {
    if (body?.username?.trim() !== this.username || body.password !== this.password) {
      throw new Refusal(401, 'AUTH_UNAUTHORIZED', 'Invalid admin credentials')
    }
    this.#grant(randomBytes(16).toString('hex'), response)
  }

  /** @param {string} nonce @param {Response} response */
  #grant(nonce, response) {
    const accessToken = randomBytes(24).toString('base64url')
    this.#accessTokens.add(accessToken)
    response.setHeader('Set-Cookie', `${cookieName}=${nonce}.${this.#sign(`cookie ${nonce}`)}; Max-Age=604800; ${cookieAttributes}`)
    send(response, 200, { admin: { sub: `local:${this.username}` }, accessToken, csrfToken: this.#sign(`csrf ${nonce}`) })
  }

  /** @param {Request} request @returns {string | undefined} the nonce of a valid refresh cookie */
  #validCookie(request) {
    const [, nonce, signature] = new RegExp(`${cookieName}=(\\w+)\\.(\\w+)`).exec(request.headers.cookie ?? '') ?? []
    return nonce && signature === this.#sign(`cookie ${nonce}`) ? nonce : undefined
  }

  /** @param {Request} request @param {Response} response @returns {string} */
  #cookieSession(request, response) {
    const nonce = this.#validCookie(request)
    if (!nonce) {
      response.setHeader('Set-Cookie', `${cookieName}=; Max-Age=0; ${cookieAttributes}`)
      throw new Refusal(401, 'AUTH_UNAUTHORIZED', 'Invalid refresh token')
    }
    if (request.headers['x-csrf-token'] !== this.#sign(`csrf ${nonce}`)) throw new Refusal(403, 'FORBIDDEN', 'Invalid CSRF token')
    return nonce
  }

  /** @param {string} text */
  #sign(text) {
    return createHmac('sha256', this.#secret).update(text).digest('hex')
  }

  /** @param {Request} request */
  #requireAdmin(request) {
    const { authorization } = request.headers
    if (!authorization) throw new Refusal(401, 'AUTH_INVALID_CREDENTIALS', 'No admin token provided')
    if (!this.accepts(authorization)) throw new Refusal(401, 'AUTH_UNAUTHORIZED', 'Invalid token')
  }

  /** Whether a value of the header Authorization is an admin's. @param {string | undefined} authorization */
  accepts(authorization) {
    const token = authorization?.replace(/^Bearer /, '') ?? ''
    return token === this.apiKey || this.#accessTokens.has(token)
  }

  /** @param {any} body @param {Response} response */
  #createTable(body, response) {
    this.addTable(body.tableName, body.columns)
    this.emit({ type: 'data-update', resource: 'database', data: { changes: [{ type: 'tables' }] } })
    send(response, 201, { schemaName: 'public', message: 'table created successfully', tableName: body.tableName, columns: body.columns })
  }

  /** @param {string} name @param {Response} response */
  async #schema(name, response) {
    this.maxSchemaReads = Math.max(this.maxSchemaReads, ++this.#schemaReads)
    if (this.schemaReadMs > 0) await new Promise((resolve) => setTimeout(resolve, this.schemaReadMs))
    this.#schemaReads--
    const table = this.tables.get(name)
    if (!table) throw new Refusal(404, 'DATABASE_NOT_FOUND', `Table '${name}' does not exist`)
    const { columns, foreignKeys, rows } = table
    send(response, 200, { schemaName: 'public', tableName: name, columns, foreignKeys, recordCount: rows.length })
  }

  /** @param {string} name @param {any} body @param {Response} response */
  #insert(name, body, response) {
    this.tables.get(name)?.rows.push(...(Array.isArray(body) ? body : [body]))
    response.writeHead(201).end()
    this.emit({ type: 'data-update', resource: 'database', data: { changes: [{ type: 'records', name: `public.${name}` }] } })
  }

  /** @param {Response} response */
  #stream(response) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache, no-transform' })
    response.write('data: {"type":"ready"}\n\n')
    this.#streams.add(response)
    response.on('close', () => this.#streams.delete(response))
  }

  /** @param {string} path @param {Response} response */
  async #file(path, response) {
    if (path === '/') return response.writeHead(302, { Location: '/dashboard/login' }).end()
    response.setHeader('Content-Security-Policy', policy)
    response.setHeader('X-Content-Type-Options', 'nosniff')
    const inside = normalize(decodeURIComponent(path)).replace(/^\/dashboard\/?/, '')
    const wanted = join(dist, inside)
    const found = inside !== '' && (await stat(wanted).then((entry) => entry.isFile(), () => false))
    if (!path.startsWith('/dashboard') || (!found && inside.startsWith('assets/'))) {
      return send(response, 404, { error: 'NOT_FOUND', message: `${path} not found`, statusCode: 404 })
    }
    const file = found ? wanted : join(dist, 'index.html')
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' })
    createReadStream(file).pipe(response)
  }
}

/** @param {Response} response @param {number} status @param {unknown} body */
function send(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}

/** @param {Request} request */
async function read(request) {
  let body = ''
  for await (const chunk of request) body += chunk
  return JSON.parse(body)
}
