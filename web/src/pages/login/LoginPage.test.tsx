import { cleanup, screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startProject } from '../../testing/project'
import { open } from '../../testing/render'

const username = () => screen.findByLabelText<HTMLInputElement>('Username')
const password = () => screen.findByLabelText<HTMLInputElement>('Password')
const submit = () => screen.findByRole('button', { name: /Sign/ })

test('whoever is not signed in lands here with empty fields, and goes on to the page asked for', async () => {
  const { mock, browser } = await startProject()
  const { router } = open(browser, '/somewhere?a=1')
  expect((await username()).value).toBe('')
  expect((await password()).value).toBe('')
  expect(router.state.location.pathname).toBe('/login')
  const user = userEvent.setup()
  await user.type(await username(), mock.username)
  await user.type(await password(), `${mock.password}{Enter}`)
  await waitFor(() => expect(router.state.location).toMatchObject({ pathname: '/somewhere', search: '?a=1' }))
})

test('a refusal is read out, the password is selected, and a second try is possible', async () => {
  const { mock, browser } = await startProject()
  const { router } = open(browser, '/login?next=https://evil.example/')
  const user = userEvent.setup()
  await user.type(await username(), mock.username)
  await user.type(await password(), 'wrong')
  await user.click(await submit())
  expect((await screen.findByRole('alert')).textContent).toBe('Invalid admin credentials')
  const field = await password()
  expect(document.activeElement).toBe(field)
  expect([field.selectionStart, field.selectionEnd]).toEqual([0, 5])
  await user.clear(field)
  await user.type(field, mock.password)
  await user.click(await submit())
  await waitFor(() => expect(router.state.location.pathname).toBe('/'))
})

test('a server that fails is told from a wrong password', async () => {
  const { mock, browser } = await startProject()
  mock.instead.set('POST /api/auth/admin/sessions', [(response) => void response.destroy()])
  open(browser, '/login')
  const user = userEvent.setup()
  await user.type(await username(), 'a')
  await user.type(await password(), 'b')
  await user.click(await submit())
  expect((await screen.findByRole('alert')).textContent).toMatch(/cannot be reached/)
})

test('it says where a lost password is found', async () => {
  const { browser } = await startProject()
  open(browser, '/login')
  await username()
  expect(screen.getByText('insforge keys show --password')).toBeTruthy()
  expect(screen.getByText('insforge admin reset-password')).toBeTruthy()
})

test('the password can be made readable', async () => {
  const { browser } = await startProject()
  open(browser, '/login')
  const user = userEvent.setup()
  expect((await password()).type).toBe('password')
  await user.click(await screen.findByRole('button', { name: 'Show password' }))
  expect((await password()).type).toBe('text')
  await user.click(await screen.findByRole('button', { name: 'Hide password' }))
  expect((await password()).type).toBe('password')
})

test('an ended session is explained', async () => {
  const { mock, browser } = await startProject()
  await browser.tab().session.signIn(mock.username, mock.password)
  mock.expireSessions()
  open(browser, '/')
  expect(await screen.findByText(/session has ended/)).toBeTruthy()
})

test('an address without encryption is warned of, and no other', async () => {
  const { browser } = await startProject()
  open(browser, '/login')
  await username()
  expect(screen.queryByText(/not encrypted/)).toBeNull()
  cleanup()
  vi.stubGlobal('isSecureContext', false)
  onTestFinished(() => void vi.unstubAllGlobals())
  open(browser, '/login')
  expect(await screen.findByText(/not encrypted/)).toBeTruthy()
})

test('a server that is away when the page is loaded does not end the session', async () => {
  const { mock, browser } = await startProject()
  await browser.tab().session.signIn(mock.username, mock.password)
  mock.instead.set('POST /api/auth/admin/refresh', [(response) => response.writeHead(502).end()])
  open(browser, '/no-such-page')
  await userEvent.click(await screen.findByRole('button', { name: 'Try again' }))
  expect(await screen.findByRole('heading', { name: 'There is no such page' })).toBeTruthy()
})
