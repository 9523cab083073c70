// Drives the dashboard of a running product in Chromium.
//
//   BASE_URL         address of the product, such as http://127.0.0.1:7130
//   ADMIN_USERNAME   default admin
//   ADMIN_PASSWORD
//   CHROMIUM_PATH    default: chromium or google-chrome on the PATH
//   SCREENSHOT_DIR   folder for screenshots; none are taken without it
//
// Exits with 0 when everything passed, 1 when a check failed, 2 when it could not start. It fails on any message on
// the browser's error console, violations of the security policy included.
import assert from 'node:assert/strict'
import { access, constants, mkdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright-core'

const env = process.env
const baseUrl = required('BASE_URL').replace(/\/$/, '')
const username = env['ADMIN_USERNAME'] ?? 'admin'
const password = required('ADMIN_PASSWORD')
const screenshots = env['SCREENSHOT_DIR']
const table = `e2e_posts_${Date.now().toString(36)}`

/** @param {string} name @returns {string} */
function required(name) {
  const value = process.env[name]
  if (!value) stop(`${name} is not set`)
  return value
}

/** @param {string} reason @returns {never} */
function stop(reason) {
  console.error(`dashboard e2e: ${reason}`)
  process.exit(2)
}

async function findChromium() {
  if (env['CHROMIUM_PATH']) return env['CHROMIUM_PATH']
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
      const path = join(folder, name)
      if (await access(path, constants.X_OK).then(() => true, () => false)) return path
    }
  }
  return stop('no Chromium was found: install it, for example with "apt-get install chromium", or set CHROMIUM_PATH')
}

/** Complaints of the browser that no step announced. @type {string[]} */
const complaints = []
/** Statuses the current step provokes; Chromium reports each on the console. @type {number[]} */
let expectedStatuses = []

/** @param {import('playwright-core').Page} page */
function watch(page) {
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return
    const status = Number(/responded with a status of (\d+)/.exec(message.text())?.[1])
    if (expectedStatuses.includes(status)) return
    complaints.push(`console ${message.type()}: ${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.stack ?? error.message}`))
  page.on('response', (response) => {
    if (response.status() < 400 || expectedStatuses.includes(response.status())) return
    complaints.push(`${response.status()} for ${response.request().method()} ${response.url()}`)
  })
  // Leaving a page aborts what it was loading, the event stream above all.
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText
    if (reason !== 'net::ERR_ABORTED') complaints.push(`${reason} for ${request.method()} ${request.url()}`)
  })
}

/** @param {string} name @param {() => Promise<void>} body */
async function step(name, body) {
  try {
    await body()
    assert.ok(complaints.length === 0, 'the browser complained')
    console.log(`ok    ${name}`)
  } catch (error) {
    console.error(`FAIL  ${name}\n${error instanceof Error ? error.stack : error}`)
    for (const complaint of complaints) console.error(`      ${complaint}`)
    throw new Failed(name)
  }
}

class Failed extends Error {}

/** Calls the API from outside the browser. @param {string} key @param {string} method @param {string} path @param {unknown} [body] */
async function api(key, method, path, body) {
  const response = await fetch(baseUrl + path, {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  })
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.text()}`)
}

const browser = await chromium
  .launch({
    executablePath: await findChromium(),
    timeout: 120_000,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
  .catch((/** @type {unknown} */ error) => stop(`Chromium does not start: ${error}`))

let apiKey = ''
/** @type {import('playwright-core').Page | undefined} */
let page
try {
  if (screenshots) await mkdir(screenshots, { recursive: true })
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, colorScheme: 'light' })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: baseUrl })
  page = await context.newPage()
  page.setDefaultTimeout(60_000)
  watch(page)
  await story(page)
  console.log('passed')
} catch (error) {
  if (!(error instanceof Failed)) console.error(error)
  if (page) await shoot(page, 'failure').catch(() => undefined)
  process.exitCode = 1
} finally {
  if (apiKey) await api(apiKey, 'DELETE', `/api/database/tables/${table}`).catch(() => undefined)
  await browser.close()
}

/** @param {import('playwright-core').Page} page @param {string} name */
async function shoot(page, name) {
  if (!screenshots) return
  await page.evaluate(() => scrollTo(0, 0))
  await page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true, animations: 'disabled' })
}

/** @param {import('playwright-core').Page} page */
async function story(page) {
  const usernameField = page.getByLabel('Username')
  const passwordField = page.getByLabel('Password', { exact: true })
  const signIn = page.getByRole('button', { name: 'Sign in' })
  const home = page.getByRole('heading', { name: 'Home', level: 1 })
  const tile = (/** @type {string} */ name) => page.getByRole('group', { name })
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
  const row = page.getByRole('row').filter({ has: page.getByRole('button', { name: table, exact: true }) })

  await step('the home page asks a stranger to sign in, under a strict security policy', async () => {
    const response = await page.goto(`${baseUrl}/dashboard`)
    const policy = response?.headers()['content-security-policy'] ?? ''
    assert.match(policy, /default-src 'none'/)
    assert.doesNotMatch(policy, /unsafe/)
    await page.waitForURL('**/dashboard/login')
    assert.equal(await usernameField.inputValue(), '')
    assert.equal(await passwordField.inputValue(), '')
    await page.evaluate(() => document.fonts.ready)
    await shoot(page, 'login')
  })

  await step('a wrong password shows the refusal of the server', async () => {
    expectedStatuses = [401]
    await usernameField.fill(username)
    await passwordField.fill(`${password}-wrong`)
    const [refusal] = await Promise.all([
      page.waitForResponse('**/api/auth/admin/sessions'),
      signIn.click(),
    ])
    assert.equal(refusal.status(), 401)
    const alert = page.getByRole('alert')
    await alert.waitFor()
    assert.equal(await alert.textContent(), (await refusal.json()).message)
    assert.equal(new URL(page.url()).pathname, '/dashboard/login')
    await shoot(page, 'login-refused')
    expectedStatuses = []
  })

  await step('the right password leads to the home page, which tells health and version', async () => {
    await passwordField.fill(password)
    await passwordField.press('Enter')
    await home.waitFor()
    assert.equal(new URL(page.url()).pathname.replace(/\/$/, ''), '/dashboard')
    await tile('Health').getByText('Operational').waitFor()
    const health = await page.request.get(`${baseUrl}/api/health`)
    await tile('Version').getByText((await health.json()).version, { exact: true }).waitFor()
    await tile('Live updates').getByText('Connected').waitFor()
  })

  await step('address and keys can be copied, and the keys are masked until revealed', async () => {
    await page.getByRole('button', { name: 'Copy Project URL' }).click()
    assert.equal(await clipboard(), new URL(baseUrl).origin)
    for (const [name, shape] of /** @type {const} */ ([['API key', /^ik_\S{16,}$/], ['Anon key', /^anon_\S{16,}$/]])) {
      const shown = page.locator(`[data-value="${name}"]`)
      assert.match(await shown.innerText(), /•{12}/)
      await page.getByRole('button', { name: `Copy ${name}` }).click()
      const copied = await clipboard()
      assert.match(copied, shape)
      await page.getByRole('button', { name: `Show ${name}` }).click()
      assert.equal(await shown.innerText(), copied)
      await page.getByRole('button', { name: `Hide ${name}` }).click()
      assert.match(await shown.innerText(), /•{12}/)
      if (name === 'API key') apiKey = copied
    }
    await page.getByRole('button', { name: 'Copy code' }).click()
    assert.match(await clipboard(), /createClient\(\{\s+baseUrl: 'http[^']+',\s+anonKey: 'anon_[^'•]+',/)
  })

  await step('a table created through the API appears by itself, with its rows counted', async () => {
    await api(apiKey, 'POST', '/api/database/tables', {
      tableName: table,
      rlsEnabled: true,
      columns: [{ columnName: 'title', type: 'string', isNullable: false, isUnique: false }],
    })
    await api(apiKey, 'POST', `/api/database/records/${table}`, [{ title: 'one' }, { title: 'two' }])
    await row.getByRole('cell', { name: '2', exact: true }).waitFor()
    await api(apiKey, 'POST', `/api/database/records/${table}`, [{ title: 'three' }])
    await row.getByRole('cell', { name: '3', exact: true }).waitFor()
  })

  await step('its columns can be looked at with the keyboard', async () => {
    await row.getByRole('button').focus()
    await page.keyboard.press('Enter')
    await page.getByRole('listitem').filter({ hasText: 'title' }).getByText('string').waitFor()
  })

  await step('the theme can be chosen and survives a reload, as does the session', async () => {
    await shoot(page, 'home-light')
    await page.getByRole('button', { name: 'Theme' }).click()
    await page.getByRole('menuitemradio', { name: 'Dark' }).click()
    await page.reload()
    await home.waitFor()
    await row.getByRole('cell', { name: '3', exact: true }).waitFor()
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark')
    await tile('Live updates').getByText('Connected').waitFor()
    await shoot(page, 'home-dark')
  })

  await step('it fits a narrow screen, where the navigation is behind a button', async () => {
    await page.setViewportSize({ width: 390, height: 844 })
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page scrolls sideways')
    await shoot(page, 'home-narrow')
    await page.getByRole('button', { name: 'Open navigation' }).click()
    const link = page.getByRole('dialog').getByRole('link', { name: 'Home' })
    await link.waitFor()
    await shoot(page, 'navigation-narrow')
    await link.click()
    await link.waitFor({ state: 'hidden' })
    await page.setViewportSize({ width: 1360, height: 900 })
  })

  await step('an unknown address says so', async () => {
    await page.goto(`${baseUrl}/dashboard/no-such-page`)
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor()
    await page.getByRole('link', { name: 'Go to Home' }).click()
    await home.waitFor()
  })

  await step('signing out ends the session for good', async () => {
    await page.getByRole('button', { name: /^Account of/ }).click()
    const [answer] = await Promise.all([
      page.waitForResponse('**/api/auth/admin/logout'),
      page.getByRole('menuitem', { name: 'Sign out' }).click(),
    ])
    assert.equal(answer.status(), 200)
    await page.waitForURL('**/dashboard/login')
    await shoot(page, 'login-dark')
    await page.goto(`${baseUrl}/dashboard`)
    await page.waitForURL('**/dashboard/login')
    const cookies = await page.context().cookies(`${baseUrl}/api/auth/admin`)
    assert.deepEqual(cookies.filter((cookie) => cookie.value !== '').map((cookie) => cookie.name), [])
  })
}
