import { useId, type ReactNode } from 'react'

interface Props {
  title: string
  hint?: string
  /** Controls at the right of the title. */
  actions?: ReactNode
  className?: string
  children: ReactNode
}

/** A titled region of a page. */
export function Card({ title, hint, actions, className = '', children }: Props) {
  const id = useId()
  return (
    <section aria-labelledby={id} className={`min-w-0 overflow-hidden rounded-xl border border-line bg-surface shadow-card ${className}`}>
      <header className="flex flex-wrap items-center gap-x-4 gap-y-3 border-b border-line px-5 py-4">
        <div className="min-w-0 flex-1">
          <h2 id={id} className="text-[15px] font-semibold tracking-tight">
            {title}
          </h2>
          {hint && <p className="mt-0.5 text-[13px] text-muted">{hint}</p>}
        </div>
        {actions}
      </header>
      {children}
    </section>
  )
}
