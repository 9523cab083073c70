import { Outlet } from 'react-router'
import { LiveProvider } from '../live/LiveProvider'
import { text } from '../text'
import { Header } from './Header'
import { Sidebar } from './Sidebar'

/** The frame around every page of a signed-in admin. */
export function Shell() {
  return (
    <LiveProvider>
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-3 focus:left-3 focus:z-50 focus:rounded-lg focus:bg-raised focus:px-4 focus:py-2 focus:shadow-float"
      >
        {text.shell.skip}
      </a>
      <Header />
      <div className="flex">
        <Sidebar />
        <main id="content" tabIndex={-1} className="min-h-[calc(100dvh-3.5rem)] min-w-0 flex-1 border-line px-4 py-8 outline-none sm:px-8 md:border-l">
          <div className="mx-auto max-w-[68rem]">
            <Outlet />
          </div>
        </main>
      </div>
    </LiveProvider>
  )
}
