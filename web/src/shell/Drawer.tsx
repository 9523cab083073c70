import { Menu as MenuIcon, X } from 'lucide-react'
import { useRef } from 'react'
import { IconButton } from '../components/IconButton'
import { text } from '../text'
import { Navigation } from './Sidebar'

/** The navigation on narrow screens: a button that opens it over the page. */
export function Drawer() {
  const dialog = useRef<HTMLDialogElement>(null)
  const close = () => dialog.current?.close()
  return (
    <div className="md:hidden">
      <IconButton label={text.shell.openNavigation} onClick={() => dialog.current?.showModal()}>
        <MenuIcon aria-hidden="true" />
      </IconButton>
      <dialog
        ref={dialog}
        aria-label={text.shell.navigation}
        onClick={(event) => event.target === dialog.current && close()}
        className="fixed inset-y-0 left-0 m-0 h-dvh max-h-none w-72 max-w-[85vw] bg-surface p-3 text-ink shadow-float backdrop:bg-black/40 backdrop:backdrop-blur-xs open:animate-appear"
      >
        <div className="mb-3 flex justify-end">
          <IconButton label={text.shell.closeNavigation} onClick={close}>
            <X aria-hidden="true" />
          </IconButton>
        </div>
        <Navigation onNavigate={close} />
      </dialog>
    </div>
  )
}
