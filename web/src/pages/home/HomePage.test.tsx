import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import type { Mock } from '../../../mock/server.mjs'
import { startProject } from '../../testing/project'
import { open } from '../../testing/render'

const title = { columnName: 'title', type: 'string', isNullable: false, isUnique: false }

async function home(prepare: (mock: Mock) => void) {
  const { mock, browser } = await startProject()
  await browser.tab().session.signIn(mock.username, mock.password)
  prepare(mock)
  return { mock, ...open(browser, '/') }
}

const tile = async (name: string) => within(await screen.findByRole('group', { name }))
const region = async (name: string) => within(await screen.findByRole('region', { name }))
const rowOf = (name: string) => screen.findByRole('row', { name: new RegExp(`^${name} `) })

test('an empty project explains how to create the first table', async () => {
  await home(() => undefined)
  const tables = await region('Tables')
  expect(await tables.findByText('No tables yet')).toBeTruthy()
  expect(tables.getByLabelText('Terminal').textContent).toContain('/api/database/tables')
  expect(await (await tile('Tables')).findByText('0')).toBeTruthy()
})

test('a new table and new rows appear when the server announces them', async () => {
  const { mock } = await home((mock) => mock.addTable('posts', [title], 2))
  expect((await rowOf('posts')).textContent).toMatch(/4id, title, created_at, updated_at2$/)
  await (await tile('Live updates')).findByText('Connected')
  mock.addTable('drafts', [title], 1)
  mock.emit({ type: 'data-update', resource: 'database', data: { changes: [{ type: 'records', name: 'public.drafts' }] } })
  expect((await rowOf('drafts')).textContent).toMatch(/1$/)
  expect(await (await tile('Tables')).findByText('2')).toBeTruthy()
})

test('one table that cannot be read does not hide the others, and can be tried again', async () => {
  await home((mock) => {
    mock.addTable('good', [title], 1)
    mock.addTable('torn', [title], 7)
    const refuse = { error: 'DATABASE_INTERNAL_ERROR', message: 'relation is damaged', statusCode: 400 }
    mock.instead.set('GET /api/database/tables/torn/schema', [(response) => response.writeHead(400).end(JSON.stringify(refuse))])
  })
  expect((await rowOf('good')).textContent).toMatch(/1$/)
  const torn = await rowOf('torn')
  const retry = await within(torn).findByRole('button', { name: 'Try again' })
  expect(retry.title).toBe('relation is damaged')
  await userEvent.click(retry)
  await waitFor(() => expect(torn.textContent).toMatch(/7$/))
})

test('a list that cannot be loaded says why and can be tried again', async () => {
  await home((mock) => {
    mock.addTable('posts', [title], 3)
    mock.instead.set('GET /api/database/tables', [(response) => response.writeHead(400).end('{"error":"X","message":"no database"}')])
    // The stream would ask for the list once more at its start.
    mock.instead.set('GET /api/dashboard/events', [() => undefined])
  })
  const tables = await region('Tables')
  expect((await tables.findByRole('alert')).textContent).toContain('no database')
  await userEvent.click(tables.getByRole('button', { name: 'Try again' }))
  expect((await rowOf('posts')).textContent).toMatch(/3$/)
  expect(tables.queryByRole('alert')).toBeNull()
})

test('a missing key is an error of that key only', async () => {
  const { mock } = await home((mock) =>
    mock.instead.set('GET /api/metadata/api-key', [(response) => response.writeHead(404).end('{"error":"SECRET_NOT_FOUND","message":"API key not found"}')]),
  )
  const connect = await region('Connect')
  expect((await connect.findByRole('alert')).textContent).toContain('API key not found')
  await userEvent.click(await connect.findByRole('button', { name: 'Show Anon key' }))
  expect(connect.getByText(mock.anonKey)).toBeTruthy()
})

test('a server in trouble is not called operational', async () => {
  await home((mock) =>
    mock.instead.set('GET /api/health', [(response) => response.writeHead(200).end('{"status":"starting","version":"9.9.9","service":"s"}')]),
  )
  expect(await (await tile('Health')).findByText('Reports “starting”')).toBeTruthy()
  expect(await (await tile('Version')).findByText('9.9.9')).toBeTruthy()
})

test('a long list is shown in steps and can be filtered', async () => {
  const { mock } = await home((mock) => {
    for (let n = 0; n < 40; n++) mock.addTable(`t_${String(n).padStart(2, '0')}`, [], n)
  })
  await rowOf('t_24')
  expect(screen.queryByRole('row', { name: /^t_25/ })).toBeNull()
  expect(mock.requests.filter((route) => route.endsWith('/schema'))).not.toContain('GET /api/database/tables/t_39/schema')
  await userEvent.click(screen.getByRole('button', { name: 'Show 15 more tables' }))
  await rowOf('t_39')
  await userEvent.type(screen.getByRole('searchbox', { name: 'Filter tables' }), 'T_3')
  await waitFor(() => expect(screen.getAllByRole('row')).toHaveLength(11))
  await userEvent.type(screen.getByRole('searchbox', { name: 'Filter tables' }), 'x')
  expect(await screen.findByText('No table matches “T_3x”.')).toBeTruthy()
})

test('a table opens to its columns and what they refer to', async () => {
  const owner = { columnName: 'owner', type: 'uuid', isNullable: false, isUnique: true, defaultValue: 'x' }
  const foreignKey = { referenceTable: 'auth.users', referenceColumns: [{ sourceColumn: 'owner', referenceColumn: 'id' }] }
  await home((mock) => mock.addTable('posts', [owner], 0, [foreignKey]))
  const button = await screen.findByRole('button', { name: 'posts' })
  await rowOf('posts')
  await userEvent.click(button)
  expect(button.getAttribute('aria-expanded')).toBe('true')
  const item = (await screen.findAllByRole('listitem')).find((entry) => entry.textContent?.startsWith('owner'))
  expect(item?.textContent).toBe('owneruuidNot null · Unique · Default x · References auth.users.id')
  await userEvent.click(button)
  expect(button.getAttribute('aria-expanded')).toBe('false')
})

test('signing out leads to the login page, also when the server does not confirm it', async () => {
  const { mock, router } = await home((mock) =>
    mock.instead.set('POST /api/auth/admin/logout', [(response) => void response.destroy()]),
  )
  const user = userEvent.setup()
  await user.click(await screen.findByRole('button', { name: 'Account of admin' }))
  await user.keyboard('{Enter}')
  await waitFor(() => expect(router.state.location.pathname).toBe('/login'))
  expect(await screen.findByText(/server did not confirm it/)).toBeTruthy()
  await waitFor(() => expect(mock.streams).toBe(0))
})
