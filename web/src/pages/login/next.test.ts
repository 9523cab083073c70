import { expect, test } from 'vitest'
import { loginPath, safeNext } from './next'

test.for([
  [null, '/'],
  ['', '/'],
  ['/', '/'],
  ['/tables', '/tables'],
  ['/tables?schema=a&b=%2F#rows', '/tables?schema=a&b=%2F#rows'],
  ['/a/../b', '/b'],
  ['tables', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/\t/evil.example', '/'],
  ['/\n/evil.example', '/'],
  ['\\\\evil.example', '/'],
  ['https://evil.example/', '/'],
  ['javascript:alert(1)', '/'],
  ['/login', '/'],
  ['/login?next=/login', '/'],
  ['/..//evil.example', '/'],
] as const)('after signing in, %j leads to %j', ([next, want]) => {
  expect(safeNext(next)).toBe(want)
})

test('the page that was asked for comes back through the address of the login page', () => {
  const wanted = { pathname: '/tables', search: '?schema=a&b=c', hash: '#x' }
  const path = loginPath(wanted)
  expect(path).toBe('/login?next=%2Ftables%3Fschema%3Da%26b%3Dc%23x')
  expect(safeNext(new URL(path, 'http://host').searchParams.get('next'))).toBe('/tables?schema=a&b=c#x')
  expect(loginPath({ pathname: '/', search: '', hash: '' })).toBe('/login')
  expect(loginPath()).toBe('/login')
})
