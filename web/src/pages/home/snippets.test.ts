import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { clientSnippet, createTableCommand, requestCommand } from './snippets'

const url = 'http://127.0.0.1:7130'

test('the client snippet is a program, whatever the table is called', () => {
  const name = "it's \\ a\nname"
  const body = clientSnippet(url, 'anon_1', name).replace(/^import .*$/m, '')
  const seen: unknown[] = []
  const from = (table: string) => ({ select: () => (seen.push(table), {}) })
  const createClient = (options: unknown) => (seen.push(options), { database: { from } })
  new Function('createClient', `return (async () => {${body}})()`)(createClient)
  expect(seen).toEqual([{ baseUrl: url, anonKey: 'anon_1' }, name])
})

/** What a shell passes to curl. */
function argumentsOf(command: string): string[] {
  const script = `curl() { for word; do printf '%s\\0' "$word"; done; }\n${command}`
  return execFileSync('sh', ['-c', script], { env: { INSFORGE_API_KEY: 'ik_1' }, encoding: 'utf8' }).split('\0').slice(0, -1)
}

test('the request command asks for the rows of the table', () => {
  expect(argumentsOf(requestCommand(url, 'anon_1', "it's & a/name"))).toEqual([
    `${url}/api/database/records/it%27s%20%26%20a%2Fname`,
    '-H',
    'Authorization: Bearer anon_1',
  ])
})

test('the command that creates a table sends what the route wants', () => {
  const [address, , authorization, , type, , body] = argumentsOf(createTableCommand(url))
  expect([address, authorization, type]).toEqual([
    `${url}/api/database/tables`,
    'Authorization: Bearer ik_1',
    'Content-Type: application/json',
  ])
  expect(JSON.parse(body ?? '')).toEqual({
    tableName: 'posts',
    columns: [{ columnName: 'title', type: 'string', isNullable: false, isUnique: false }],
  })
})
