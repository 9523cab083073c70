import { CircleAlert, X } from 'lucide-react'
import { createContext, use, useMemo, useRef, useState, type ReactNode } from 'react'
import { text } from '../text'
import { IconButton } from './IconButton'

interface Notify {
  /** Shows a failure until it is dismissed. */
  failure(message: string): void
  /** Tells screen readers only, for what others see where they are looking anyway. */
  quietly(message: string): void
}

interface Notice {
  id: number
  message: string
}

const maxShown = 3
const NotifyContext = createContext<Notify | undefined>(undefined)

/** Shows the notices of everything inside it, in a corner and to screen readers. */
export function Notices({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Notice[]>([])
  const [spoken, setSpoken] = useState<Notice>({ id: 0, message: '' })
  const lastId = useRef(0)

  const notify = useMemo<Notify>(
    () => ({
      failure: (message) => setShown((notices) => [...notices, { id: ++lastId.current, message }].slice(-maxShown)),
      quietly: (message) => setSpoken({ id: ++lastId.current, message }),
    }),
    [],
  )
  const dismiss = (id: number) => setShown((notices) => notices.filter((notice) => notice.id !== id))

  return (
    <NotifyContext value={notify}>
      {children}
      <div role="status" aria-live="polite" className="sr-only">
        <span key={spoken.id}>{spoken.message}</span>
      </div>
      <section
        aria-label={text.common.notifications}
        aria-live="assertive"
        className="pointer-events-none fixed inset-x-4 bottom-4 z-50 flex flex-col items-end gap-2"
      >
        {shown.map(({ id, message }) => (
          <div
            key={id}
            className="pointer-events-auto flex w-full max-w-96 animate-appear items-start gap-2.5 rounded-xl bg-raised py-2.5 pr-2 pl-4 text-[13px] leading-5 shadow-float"
          >
            <CircleAlert aria-hidden="true" className="mt-1.5 size-4 shrink-0 text-danger" />
            <p className="min-w-0 flex-1 py-1 wrap-anywhere">{message}</p>
            <IconButton label={text.common.dismiss} onClick={() => dismiss(id)}>
              <X aria-hidden="true" />
            </IconButton>
          </div>
        ))}
      </section>
    </NotifyContext>
  )
}

export function useNotify(): Notify {
  const notify = use(NotifyContext)
  if (!notify) throw new Error('useNotify needs Notices above it')
  return notify
}
