import { expect, test } from 'vitest'
import { staleKeys } from './stale'
import type { Change } from './stream'

const all = ['tables']
const posts = ['tables', 'posts']

test.for<{ name: string; resource?: string; changes?: Change[]; want: unknown[] }>([
  { name: 'rows of a table on display', changes: [{ type: 'records', name: 'public.posts' }], want: [posts] },
  { name: 'rows of a table nobody knew of', changes: [{ type: 'records', name: 'public.new' }], want: [all] },
  { name: 'rows of another schema', changes: [{ type: 'records', name: 'auth.users' }], want: [] },
  { name: 'rows of a table with a dot in its name', changes: [{ type: 'records', name: 'public.a.b' }], want: [['tables', 'a.b']] },
  { name: 'rows without a schema', changes: [{ type: 'records', name: 'posts' }], want: [posts] },
  { name: 'rows of an unnamed table', changes: [{ type: 'records' }], want: [all] },
  { name: 'a changed table', changes: [{ type: 'table', name: 'public.posts' }], want: [all] },
  { name: 'no list of changes', want: [all] },
  { name: 'an empty list of changes', changes: [], want: [all] },
  { name: 'another resource', resource: 'users', want: [] },
])('$name', ({ resource = 'database', changes, want }) => {
  const update = { type: 'data-update' as const, resource, ...(changes && { data: { changes } }) }
  expect(staleKeys(update, new Set(['posts', 'a.b']))).toEqual(want)
})
