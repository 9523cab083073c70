// What only newer versions of the library read from the types.
import { db } from './shop'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => {}

export async function rowsOfFunctions() {
  const { data: found } = await db.rpc('by_author', { name: 'Lem' }).select('title, authors(name)')
  same<NonNullable<typeof found>, { title: string; authors: { name: string } | null }[]>(true)
  const { data: one } = await db.rpc('newest_book')
  same<NonNullable<typeof one>['title'], string>(true)
  const { data: related } = await db.from('authors').select('name, best_book(title), written(title)').single()
  same<NonNullable<typeof related>, { name: string; best_book: { title: string } | null; written: { title: string }[] }>(true)
}

export async function excess() {
  // @ts-expect-error there is no such column
  await db.from('books').insert({ title: 'x', nope: 1 })
}

export async function overloads() {
  const { data: text } = await db.rpc('describe', { book: 1 })
  same<typeof text, string | null>(true)
  const { data: number } = await db.rpc('describe', { book: 1, words: 2 })
  same<typeof number, number | null>(true)
  const { data: undecided } = await db.rpc('undecided', { a: 1 })
  // @ts-expect-error it cannot be called, and the type says why
  undecided?.toFixed()
}

export async function computedFields() {
  const { data: author } = await db.from('authors').select('name, initials').single()
  same<NonNullable<typeof author>, { name: string; initials: string | null }>(true)
  const { data: star } = await db.from('authors').select().single()
  // @ts-expect-error it has to be asked for
  star?.initials
}
