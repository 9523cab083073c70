import type { RouteObject } from 'react-router'
import { CrashPage, NotFoundPage } from './shell/ErrorPages'
import { RequireSession } from './shell/RequireSession'
import { Shell } from './shell/Shell'
import { Splash } from './shell/Splash'

/** All pages, below /dashboard. Each is loaded when it is first visited. */
export const routes: RouteObject[] = [
  {
    ErrorBoundary: CrashPage,
    HydrateFallback: Splash,
    children: [
      { path: '/login', lazy: async () => ({ Component: (await import('./pages/login/LoginPage')).LoginPage }) },
      {
        Component: RequireSession,
        children: [
          {
            Component: Shell,
            children: [
              { index: true, lazy: async () => ({ Component: (await import('./pages/home/HomePage')).HomePage }) },
              { path: '*', Component: NotFoundPage },
            ],
          },
        ],
      },
    ],
  },
]
