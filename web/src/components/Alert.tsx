import { CircleAlert, Info } from 'lucide-react'
import type { ReactNode } from 'react'

interface Props {
  tone?: 'danger' | 'info'
  action?: ReactNode
  children: ReactNode
}

/** A message that is read out as soon as it appears. */
export function Alert({ tone = 'danger', action, children }: Props) {
  const danger = tone === 'danger'
  const Icon = danger ? CircleAlert : Info
  return (
    <div
      role={danger ? 'alert' : 'status'}
      className={`flex animate-appear items-start gap-2.5 rounded-lg border px-3.5 py-2.5 text-[13px] leading-5 ${danger ? 'border-danger/25 bg-danger-soft text-danger' : 'border-line bg-inset text-muted'}`}
    >
      <Icon aria-hidden="true" className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1 wrap-anywhere">{children}</div>
      {action}
    </div>
  )
}
