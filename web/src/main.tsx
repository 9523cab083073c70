import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createBrowserRouter, RouterProvider } from 'react-router'
import { Client } from './api/client'
import { CookieCsrfStore } from './api/csrf'
import { Http } from './api/http'
import { createQueryClient } from './api/queries'
import { ServicesProvider } from './api/services'
import { Session } from './api/session'
import { Notices } from './components/Notices'
import { routes } from './routes'
import './styles.css'

const http = new Http()
const session = new Session(http, new CookieCsrfStore())
const services = { session, client: new Client(http, session) }
const queries = createQueryClient()
const router = createBrowserRouter(routes, { basename: '/dashboard' })

// What one admin has seen must not wait in memory for the next.
session.subscribe(() => {
  if (session.current().status === 'signed-out') queries.clear()
})
document.addEventListener('visibilitychange', () => session.recheck())
void session.start()

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')
createRoot(root).render(
  <StrictMode>
    <ServicesProvider value={services}>
      <QueryClientProvider client={queries}>
        <Notices>
          <RouterProvider router={router} />
        </Notices>
      </QueryClientProvider>
    </ServicesProvider>
  </StrictMode>,
)
