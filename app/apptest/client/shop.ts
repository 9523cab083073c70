// What a program that uses the generated types can say, and what the compiler
// refuses. It is compiled and never run: each line that must be refused is
// under a comment that is itself an error where nothing is wrong.
import { PostgrestClient } from '@supabase/postgrest-js'
import { Constants } from './database'
import type { CompositeTypes, Database, Enums, Json, Tables, TablesInsert, TablesUpdate } from './database'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => {}

export const db = new PostgrestClient<Database>('http://localhost')

export async function reads() {
  const { data: book } = await db.from('books').select('id, title, tags, state, meta, price').single()
  same<NonNullable<typeof book>, {
    id: number; title: string; tags: string[]; state: 'in' | 'lent out'; meta: Json | null; price: number | null
  }>(true)

  const { data: all } = await db.from('books').select('*')
  same<NonNullable<typeof all>[number]['title'], string>(true)

  // @ts-expect-error there is no such table
  db.from('nope')
  const { data: wrong } = await db.from('books').select('id, nope').single()
  // @ts-expect-error there is no such column
  wrong?.nope.length
  // @ts-expect-error a column of another type
  book?.title.toFixed()
  // @ts-expect-error a nullable column
  book?.price.toFixed()
  // @ts-expect-error not a label of the enum
  db.from('books').select().eq('state', 'burnt')
  db.from('books').select().eq('state', 'lent out')
}

export async function embeds() {
  const { data: book } = await db.from('books').select('title, authors(name), loans(readers(name)), covers(url)').single()
  same<NonNullable<typeof book>, {
    title: string
    authors: { name: string } | null
    loans: { readers: { name: string } }[]
    covers: { url: string } | null
  }>(true)

  const { data: author } = await db.from('authors').select('name, books(title)').single()
  same<NonNullable<typeof author>['books'], { title: string }[]>(true)

  const { data: hinted } = await db.from('messages').select('sender:readers!messages_sender_fkey(name)').single()
  same<NonNullable<typeof hinted>, { sender: { name: string } }>(true)
  const { data: ambiguous } = await db.from('messages').select('readers(name)').single()
  // @ts-expect-error two keys lead there
  ambiguous?.readers.name
  const { data: unrelated } = await db.from('authors').select('readers(name)').single()
  // @ts-expect-error no key leads there
  unrelated?.readers.name

  const { data: shown } = await db.from('catalogue').select('title, authors(name)').single()
  same<NonNullable<typeof shown>, { title: string | null; authors: { name: string } | null }>(true)
}

export async function writes() {
  await db.from('books').insert({ title: 'x' })
  await db.from('books').insert([{ title: 'x', state: 'in', tags: ['a'], meta: { a: [1, null] }, id: 4, author_id: null }])
  await db.from('books').update({ price: null, title: 'y' }).eq('id', 1)
  await db.from('books').upsert({ id: 1, title: 'z' })
  await db.from('catalogue').insert({ title: 'through the view' })
  await db.from('addresses').insert({ home: { street: 'a', number: null }, 'strange name': 1 })

  // @ts-expect-error title is required
  await db.from('books').insert({ state: 'in' })
  // @ts-expect-error there is no such column
  const excess: TablesInsert<'books'> = { title: 'x', nope: 1 }
  await db.from('books').insert(excess)
  // @ts-expect-error not a label
  await db.from('books').insert({ title: 'x', state: 'burnt' })
  // @ts-expect-error not nullable
  await db.from('books').update({ title: null })
  // @ts-expect-error the database makes it
  await db.from('books').insert({ title: 'x', shout: 'X' })
  // @ts-expect-error the database makes it
  await db.from('loans').update({ number: 4 })
  // @ts-expect-error an expression of the view
  await db.from('catalogue').update({ loud: 'X' })
  // @ts-expect-error the view counts
  await db.from('counted').insert({ books: 1 })
}

export async function calls() {
  const { data: sum } = await db.rpc('add', { a: 1, b: 2 })
  same<typeof sum, number | null>(true)
  await db.rpc('add', { a: 1 })
  const { data: found } = await db.rpc('by_author', { name: 'Lem' })
  same<NonNullable<typeof found>[number]['title'], string>(true)
  await db.rpc('nothing')

  // @ts-expect-error there is no such function
  await db.rpc('nope')
  // @ts-expect-error a is a number
  await db.rpc('add', { a: 'x' })
  // @ts-expect-error a is required
  await db.rpc('add', { b: 1 })
}

export async function otherSchemas() {
  const { data: old } = await db.schema('archive').from('books').select('id, title').single()
  same<NonNullable<typeof old>, { id: number; title: string | null }>(true)
  // @ts-expect-error not in that schema
  db.schema('archive').from('authors')
  // @ts-expect-error not served
  db.schema('auth')
}

export function helpers() {
  const insert: TablesInsert<'books'> = { title: 'x' }
  const update: TablesUpdate<'books'> = {}
  const old: Tables<{ schema: 'archive' }, 'books'> = { id: 1, title: null }
  const view: Tables<'catalogue'>['title'] = null
  same<Enums<'state'>, 'in' | 'lent out'>(true)
  same<CompositeTypes<'address'>, { street: string | null; number: number | null }>(true)
  same<typeof Constants.public.Enums.state, readonly ['in', 'lent out']>(true)
  // @ts-expect-error no such table
  type Nope = Tables<'nope'>
  // @ts-expect-error no such table in that schema
  type Neither = Tables<{ schema: 'archive' }, 'authors'>
  // @ts-expect-error title is missing
  const wrong: TablesInsert<'books'> = {}
  return [insert, update, old, view, wrong] satisfies unknown[]
}
