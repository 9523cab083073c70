import { expect, test } from 'vitest'
import { CookieCsrfStore } from './csrf'

test.for([
  ['https:', 'example.com', true],
  ['http:', 'localhost', true],
  ['http:', '127.0.0.1', true],
  ['http:', 'app.localhost', true],
  ['http:', '192.168.1.7', false],
  ['http:', 'notlocalhost', false],
] as const)('over %s on %s the cookie is Secure: %s', ([protocol, hostname, secure]) => {
  const jar = { cookie: '' }
  new CookieCsrfStore(jar, { protocol, hostname }).write('t/1')
  const base = 'insforge_admin_csrf_token=t%2F1; Path=/; Max-Age=604800; SameSite=Lax'
  expect(jar.cookie).toBe(secure ? `${base}; Secure` : base)
})

test('the token is found among other cookies, also ones with a similar name', () => {
  const page = { protocol: 'http:', hostname: 'localhost' }
  const read = (cookie: string) => new CookieCsrfStore({ cookie }, page).read()
  expect(read('a=1; xinsforge_admin_csrf_token=no; insforge_admin_csrf_token=t%2F1; b=2')).toBe('t/1')
  expect(read('insforge_csrf_token=of-a-user')).toBeUndefined()
  expect(read('insforge_admin_csrf_token=')).toBeUndefined()
  expect(read('')).toBeUndefined()
})

test('clearing expires it', () => {
  const jar = { cookie: '' }
  new CookieCsrfStore(jar, { protocol: 'https:', hostname: 'example.com' }).clear()
  expect(jar.cookie).toBe('insforge_admin_csrf_token=; Path=/; Max-Age=0; SameSite=Lax; Secure')
})
