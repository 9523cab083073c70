// Signs in to an application at another provider, in Chromium.
//
//   BASE_URL, API_KEY, ANON_KEY           the product
//   ISSUER, CLIENT_ID, CLIENT_SECRET      the provider, see optest
//   WEB_DIR                               folder whose node_modules have playwright-core and vite
//   CHROMIUM_PATH                         default: chromium on the PATH
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const env = process.env
const require = createRequire(join(env.WEB_DIR, 'package.json'))
const { chromium } = require('playwright-core')
const { build } = await import(pathToFileURL(join(dirname(require.resolve('vite/package.json')), 'dist/node/index.js')))

const files = await bundle()
const app = createServer((request, response) => {
  const file = files.get(new URL(request.url, 'http://app').pathname)
  if (!file) return response.writeHead(404).end()
  response.setHeader('Content-Type', file.type)
  response.end(file.text)
})
await new Promise((done) => app.listen(0, '127.0.0.1', done))
const appUrl = `http://127.0.0.1:${app.address().port}/`

await admin('PUT', '/api/auth/config', { allowedRedirectUrls: [`${appUrl}**`] })
await admin('POST', '/api/auth/oauth/custom/configs', {
  key: 'corp', name: 'Corp', discoveryEndpoint: `${env.ISSUER}/.well-known/openid-configuration`, clientId: env.CLIENT_ID, clientSecret: env.CLIENT_SECRET,
})

const browser = await chromium.launch({
  timeout: 120_000,
  executablePath: env.CHROMIUM_PATH ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
})
try {
  await signsIn()
  await isRefusedWhatIsNotTheirs()
  await changesTheirMind()
} finally {
  await browser.close()
  app.close()
}
console.log('ok')

/** The application as deployed: path → file. */
async function bundle() {
  const { output } = await build({
    root: dirname(fileURLToPath(import.meta.url)), configFile: false, logLevel: 'error',
    build: { write: false, minify: false, rollupOptions: { input: fileURLToPath(new URL('oauth.app.mjs', import.meta.url)) } },
  })
  const setup = JSON.stringify({ baseUrl: env.BASE_URL, anonKey: env.ANON_KEY })
  const page = `<!doctype html><title>app</title><link rel="icon" href="data:,"><button>Sign in with Corp</button><p id="who"></p><p id="error"></p>
    <script>window.insforge = ${setup}</script><script type="module" src="/${output.find((chunk) => chunk.isEntry).fileName}"></script>`
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', text: page }],
    ...output.map((chunk) => [`/${chunk.fileName}`, { type: 'text/javascript', text: chunk.code }]),
  ])
}

async function admin(method, path, body) {
  const response = await fetch(env.BASE_URL + path, {
    method, body: JSON.stringify(body), headers: { 'content-type': 'application/json', authorization: `Bearer ${env.API_KEY}` },
  })
  assert.equal(response.status, 200, await response.text())
}

/** A person with their own browser. */
async function person() {
  const context = await browser.newContext()
  await context.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort()) // the provider's fonts
  const tab = await context.newPage()
  tab.setDefaultTimeout(60_000)
  const complaints = []
  tab.on('pageerror', (error) => {
    complaints.push(String(error))
    console.error(`uncaught: ${error.stack ?? error}`)
  })
  await tab.goto(appUrl)
  await tab.getByText('nobody').waitFor()
  await tab.getByRole('button').click()
  await tab.getByPlaceholder('Enter any login').waitFor()
  assert.ok(tab.url().startsWith(env.ISSUER), tab.url())
  return { tab, complaints, close: () => context.close() }
}

async function logIn(tab, login) {
  await tab.getByPlaceholder('Enter any login').fill(login)
  await tab.getByPlaceholder('and password').fill('any')
  await tab.getByRole('button', { name: 'Sign-in' }).click()
  await tab.getByRole('button', { name: 'Continue' }).click()
}

async function signsIn() {
  const { tab, complaints, close } = await person()
  const exchanges = []
  tab.on('request', (request) => request.url().endsWith('/oauth/exchange') && request.method() === 'POST' && exchanges.push(request.postDataJSON()))
  await logIn(tab, 'Ada@Example.com')
  await tab.getByText('ada@example.com true corp').waitFor()
  assert.equal(tab.url(), `${appUrl}?page=todos`, 'the code stays in the address')
  assert.equal(exchanges.length, 1)

  // The session outlives the page, by its cookie.
  await tab.reload()
  await tab.getByText('ada@example.com true corp').waitFor()
  assert.equal(exchanges.length, 1)
  assert.deepEqual(complaints, [])
  await close()

  // Anyone who finds the code and the verifier in a log comes too late.
  const again = await fetch(`${env.BASE_URL}/api/auth/oauth/exchange`, {
    method: 'POST', body: JSON.stringify(exchanges[0]), headers: { 'content-type': 'application/json' },
  })
  assert.equal(again.status, 400)
}

async function isRefusedWhatIsNotTheirs() {
  const { tab, complaints, close } = await person()
  await logIn(tab, 'unverified:ada@example.com')
  await tab.getByText('An account with this e-mail address exists').waitFor()
  await tab.getByText('nobody').waitFor()
  assert.deepEqual(complaints, [])
  await close()
}

async function changesTheirMind() {
  const { tab, complaints, close } = await person()
  await tab.getByRole('link', { name: 'Cancel' }).click()
  await tab.getByText('Access was denied').waitFor()
  await tab.getByText('nobody').waitFor()
  assert.deepEqual(complaints, [])
  await close()
}
