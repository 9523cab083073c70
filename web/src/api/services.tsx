import { createContext, use, useSyncExternalStore } from 'react'
import type { Client } from './client'
import type { Session, SessionState } from './session'

export interface Services {
  session: Session
  client: Client
}

const ServicesContext = createContext<Services | undefined>(undefined)

export const ServicesProvider = ServicesContext

/** The session and the API client of this page. */
export function useServices(): Services {
  const services = use(ServicesContext)
  if (!services) throw new Error('useServices needs a ServicesProvider above it')
  return services
}

/** The state of the session, followed. */
export function useSession(): SessionState {
  const { session } = useServices()
  return useSyncExternalStore(session.subscribe, session.current)
}
