import { LogOut } from 'lucide-react'
import { messageOf } from '../api/error'
import { useServices, useSession } from '../api/services'
import { Menu } from '../components/Menu'
import { useNotify } from '../components/Notices'
import { text } from '../text'

export function AccountMenu() {
  const { session } = useServices()
  const state = useSession()
  const notify = useNotify()
  // A local admin's subject is "local:<username>".
  const name = state.status === 'signed-in' ? state.admin.sub.replace(/^local:/, '') : ''

  const signOut = () =>
    session.signOut().catch((error: unknown) => notify.failure(text.shell.signOutUnconfirmed(messageOf(error))))

  return (
    <Menu
      label={text.shell.account(name)}
      trigger={
        <span
          aria-hidden="true"
          className="grid size-6.5 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent uppercase"
        >
          {name.slice(0, 1)}
        </span>
      }
      heading={
        <p className="mb-1.5 border-b border-line px-2.5 pt-1 pb-2.5 text-xs text-faint">
          {text.shell.signedInAs}
          <span className="mt-0.5 block max-w-56 truncate text-[13px] font-medium text-ink">{name}</span>
        </p>
      }
      items={[{ label: text.shell.signOut, icon: LogOut, onSelect: () => void signOut() }]}
    />
  )
}
