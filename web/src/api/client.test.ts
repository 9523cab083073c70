import { expect, test } from 'vitest'
import { startProject } from '../testing/project'

test('tables are read four at a time at most, whatever is asked for', async () => {
  const { mock, browser } = await startProject()
  const names = Array.from({ length: 15 }, (_, n) => `table ${n}/%?"`)
  for (const [n, name] of names.entries()) mock.addTable(name, [], n)
  mock.schemaReadMs = 15
  const { session, client } = browser.tab()
  await session.signIn(mock.username, mock.password)
  const tables = await Promise.all(names.map((name) => client.table(name)))
  expect(tables.map(({ tableName, recordCount }) => [tableName, recordCount])).toEqual(names.map((name, n) => [name, n]))
  expect(mock.maxSchemaReads).toBe(4)
})

test('a table that was dropped in the meantime is an error of that table only', async () => {
  const { mock, browser } = await startProject()
  mock.addTable('kept', [])
  const { session, client } = browser.tab()
  await session.signIn(mock.username, mock.password)
  await expect(client.table('dropped')).rejects.toMatchObject({ status: 404, code: 'DATABASE_NOT_FOUND' })
  expect((await client.table('kept')).columns.map((column) => column.columnName)).toEqual(['id', 'created_at', 'updated_at'])
})
