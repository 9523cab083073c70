import { expect, test } from 'vitest'
import { mask } from './mask'

test.for([
  ['ik_0123456789abcdef0123', 'ik_••••••••••••••••0123'],
  ['anon_0123456789abcdef4567', 'anon_••••••••••••••••4567'],
  ['0123456789abcdef89ab', '••••••••••••••••89ab'],
  ['short', '••••••••••••'],
  ['', '••••••••••••'],
])('%s is shown as %s', ([value, want]) => {
  expect(mask(value as string)).toBe(want)
})
