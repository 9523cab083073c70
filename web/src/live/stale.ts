import type { QueryKey } from '@tanstack/react-query'
import { keys } from '../api/queries'
import type { Change, DataUpdate } from './stream'

/**
 * Returns the query keys that an update makes out of date, prefixes of others included. `known` holds the tables that
 * are on display. Rows of a table that is not among them mean that the list itself is old.
 */
export function staleKeys(update: DataUpdate, known: ReadonlySet<string>): QueryKey[] {
  if (update.resource !== 'database') return []
  const changes = update.data?.changes
  if (!changes?.length) return [keys.tables]
  return changes.flatMap((change) => staleKeysOf(change, known))
}

function staleKeysOf({ type, name }: Change, known: ReadonlySet<string>): QueryKey[] {
  if (type !== 'records' || name === undefined) return [keys.tables]
  const [schema, table] = split(name)
  if (schema !== 'public') return []
  return known.has(table) ? [keys.table(table)] : [keys.tables]
}

/** Splits "schema.table"; a name without a schema is in public. */
function split(name: string): [schema: string, table: string] {
  const dot = name.indexOf('.')
  return dot < 0 ? ['public', name] : [name.slice(0, dot), name.slice(dot + 1)]
}
