// The client of @insforge/sdk has no type parameter; this is how it gets one.
import { createClient } from '@insforge/sdk'
import type { PostgrestClient } from '@supabase/postgrest-js'
import type { Database, Tables, TablesInsert } from './database'

const client = createClient({ baseUrl: 'http://localhost', anonKey: 'anon_key' })
const db = client.database as unknown as Pick<PostgrestClient<Database>, 'from' | 'rpc' | 'schema'>

export async function typed(): Promise<string | undefined> {
  const { data } = await db.from('books').select('title, authors(name)').eq('id', 1).single()
  await db.from('books').insert({ title: 'x' })
  await db.schema('archive').from('books').select('title')
  const { data: sum } = await db.rpc('add', { a: 1 })
  sum?.toFixed()
  // @ts-expect-error there is no such table
  db.from('nope')
  // @ts-expect-error title is required
  await db.from('books').insert({ state: 'in' })
  // @ts-expect-error a string
  data?.title.toFixed()
  return data?.authors?.name
}

// Without it, rows can be named.
export async function named(): Promise<Tables<'books'>[]> {
  const row: TablesInsert<'books'> = { title: 'x', state: 'in' }
  await client.database.from('books').insert(row)
  const { data } = await client.database.from('books').select('*').returns<Tables<'books'>[]>()
  return data ?? []
}
