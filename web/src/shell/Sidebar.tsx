import { House } from 'lucide-react'
import type { ComponentType } from 'react'
import { NavLink } from 'react-router'
import { text } from '../text'

const entries: { to: string; label: string; icon: ComponentType<{ className?: string }> }[] = [
  { to: '/', label: text.shell.home, icon: House },
]

/** The navigation beside the page, where there is room for it. */
export function Sidebar() {
  return (
    <aside className="sticky top-14 hidden h-[calc(100dvh-3.5rem)] w-56 shrink-0 p-3 md:block">
      <Navigation />
    </aside>
  )
}

/** The list of pages. */
export function Navigation({ onNavigate }: { onNavigate?: () => void }) {
  return (
    <nav aria-label={text.shell.navigation}>
      <ul className="grid gap-0.5">
        {entries.map(({ to, label, icon: Icon }) => (
          <li key={to}>
            <NavLink
              to={to}
              end={to === '/'}
              onClick={onNavigate}
              className="group flex h-9 items-center gap-3 rounded-lg px-3 font-medium text-muted transition-colors duration-150 hover:bg-hover hover:text-ink aria-[current=page]:bg-hover aria-[current=page]:text-ink"
            >
              <Icon className="size-4 text-faint group-aria-[current=page]:text-accent" />
              {label}
            </NavLink>
          </li>
        ))}
      </ul>
    </nav>
  )
}
