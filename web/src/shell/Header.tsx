import { Link } from 'react-router'
import { Logo } from '../components/Logo'
import { text } from '../text'
import { AccountMenu } from './AccountMenu'
import { Drawer } from './Drawer'
import { ThemeMenu } from './ThemeMenu'

/** The bar above every page. */
export function Header() {
  return (
    <header className="sticky top-0 z-30 flex h-14 items-center gap-2 border-b border-line bg-canvas/85 px-4 backdrop-blur-md">
      <Drawer />
      <Link to="/" className="flex items-center gap-2.5 rounded-md font-semibold tracking-tight">
        <Logo className="size-6.5" />
        {text.product}
      </Link>
      <span aria-hidden="true" className="ml-1 hidden text-lg font-light text-line-strong sm:inline">
        /
      </span>
      <span className="hidden min-w-0 truncate font-mono text-[13px] text-muted sm:inline">{location.host}</span>
      <div className="ml-auto flex items-center gap-1">
        <ThemeMenu />
        <AccountMenu />
      </div>
    </header>
  )
}
