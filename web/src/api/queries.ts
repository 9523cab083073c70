import { QueryClient, queryOptions } from '@tanstack/react-query'
import type { Client } from './client'
import { ApiError } from './error'

/** Keys of everything that is cached. A key is a prefix of what becomes out of date together with it. */
export const keys = {
  health: ['health'],
  apiKey: ['keys', 'api'],
  anonKey: ['keys', 'anon'],
  tables: ['tables'],
  table: (name: string) => ['tables', name],
} as const

export const queries = {
  health: (client: Client) =>
    queryOptions({ queryKey: keys.health, queryFn: ({ signal }) => client.health(signal), refetchInterval: 30_000 }),
  apiKey: (client: Client) => queryOptions({ queryKey: keys.apiKey, queryFn: ({ signal }) => client.apiKey(signal) }),
  anonKey: (client: Client) => queryOptions({ queryKey: keys.anonKey, queryFn: ({ signal }) => client.anonKey(signal) }),
  tables: (client: Client) => queryOptions({
      queryKey: keys.tables,
      queryFn: ({ signal }) => client.tables(signal),
      // Changes made outside the API, in psql or by an ORM, are not announced; who made them comes back here.
      refetchOnWindowFocus: 'always',
    }),
  table: (client: Client, name: string) =>
    queryOptions({ queryKey: keys.table(name), queryFn: ({ signal }) => client.table(name, signal) }),
}

export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        retry: (failures, error) => failures < 1 && error instanceof ApiError && error.temporary,
        // The browser's guess about being offline is wrong for a server on the same machine.
        networkMode: 'always',
      },
    },
  })
}
