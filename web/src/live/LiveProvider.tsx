import { useQueryClient } from '@tanstack/react-query'
import { createContext, use, useEffect, useState, type ReactNode } from 'react'
import { useServices } from '../api/services'
import { keys } from '../api/queries'
import { Refresher } from './refresher'
import { staleKeys } from './stale'
import { keepStream, type LiveState } from './stream'

const LiveContext = createContext<LiveState>('connecting')

/** Keeps what its children show up to date through the event stream, while it is mounted. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const { client } = useServices()
  const queries = useQueryClient()
  const [state, setState] = useState<LiveState>('connecting')

  useEffect(() => {
    const refresher = new Refresher(queries)
    const known = () => new Set(queries.getQueryData<string[]>(keys.tables) ?? [])
    return keepStream({
      open: (signal) => client.events(signal),
      onState: setState,
      // The first time the page has only just loaded: the cheap list closes the gap, the row counts are left alone.
      onReady: (again) =>
        again ? refresher.add([keys.tables]) : void queries.invalidateQueries({ queryKey: keys.tables, exact: true }),
      onUpdate: (update) => refresher.add(staleKeys(update, known())),
    })
  }, [client, queries])

  return <LiveContext value={state}>{children}</LiveContext>
}

/** Whether the event stream is up. */
export function useLive(): LiveState {
  return use(LiveContext)
}
