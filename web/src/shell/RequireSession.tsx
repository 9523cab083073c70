import { Navigate, Outlet, useLocation } from 'react-router'
import { useServices, useSession } from '../api/services'
import { loginPath } from '../pages/login/next'
import { ServerUnreachable } from './ErrorPages'
import { Splash } from './Splash'

/** Shows its pages to a signed-in admin and sends everyone else to the login page. */
export function RequireSession() {
  const { session } = useServices()
  const state = useSession()
  const location = useLocation()

  switch (state.status) {
    case 'starting':
      return <Splash />
    case 'unreachable':
      return <ServerUnreachable error={state.error} retry={() => void session.start()} />
    case 'signed-out':
      return <Navigate replace to={loginPath(state.reason === 'asked' ? undefined : location)} />
    case 'signed-in':
      return <Outlet />
  }
}
