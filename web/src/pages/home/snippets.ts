export const installCommand = 'npm install @insforge/sdk'

/** The first lines of an application, for a project at `baseUrl`. */
export function clientSnippet(baseUrl: string, anonKey: string, table: string): string {
  return `import { createClient } from '@insforge/sdk'

const insforge = createClient({
  baseUrl: ${quote(baseUrl)},
  anonKey: ${quote(anonKey)},
})

const { data, error } = await insforge.database
  .from(${quote(table)})
  .select()
`
}

/** The same query without the SDK. */
export function requestCommand(baseUrl: string, anonKey: string, table: string): string {
  return `curl ${baseUrl}/api/database/records/${encodeForShell(table)} \\
  -H 'Authorization: Bearer ${anonKey}'
`
}

/** A shell command that creates a first table. It leaves the key to the environment, out of the shell's history. */
export function createTableCommand(baseUrl: string): string {
  return `curl ${baseUrl}/api/database/tables \\
  -H "Authorization: Bearer $INSFORGE_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{
    "tableName": "posts",
    "columns": [
      {
        "columnName": "title", "type": "string",
        "isNullable": false, "isUnique": false
      }
    ]
  }'
`
}

/** Encodes a part of an address, the characters that a shell would interpret included. */
function encodeForShell(part: string): string {
  return encodeURIComponent(part).replace(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

/** A JavaScript string literal. */
function quote(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&').replaceAll('\n', '\\n')}'`
}
