import { QueryClientProvider } from '@tanstack/react-query'
import { cleanup, render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { createMemoryRouter, RouterProvider } from 'react-router'
import { onTestFinished } from 'vitest'
import { createQueryClient } from '../api/queries'
import { ServicesProvider } from '../api/services'
import { Notices } from '../components/Notices'
import { routes } from '../routes'
import type { Browser } from './project'

/** Shows something the way main.tsx does, in a page that was just loaded. */
export function show(browser: Browser, content: ReactNode) {
  const services = browser.tab()
  const queries = createQueryClient()
  onTestFinished(() => {
    cleanup()
    queries.clear()
  })
  render(
    <ServicesProvider value={services}>
      <QueryClientProvider client={queries}>
        <Notices>{content}</Notices>
      </QueryClientProvider>
    </ServicesProvider>,
  )
  return services
}

/** Opens the application at a path and starts its session. */
export function open(browser: Browser, path: string) {
  const router = createMemoryRouter(routes, { initialEntries: [path] })
  const services = show(browser, <RouterProvider router={router} />)
  void services.session.start()
  return { ...services, router }
}
