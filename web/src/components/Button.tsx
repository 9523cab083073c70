import type { ComponentProps } from 'react'
import { Spinner } from './Spinner'

interface Props extends ComponentProps<'button'> {
  look?: 'primary' | 'secondary' | 'quiet'
  size?: 'small' | 'medium'
  /** Shows that the action is under way and ignores further clicks; the button keeps the focus. */
  busy?: boolean
}

const looks = {
  primary: 'bg-ink text-canvas hover:opacity-88 shadow-card',
  secondary: 'bg-surface text-ink border border-line-strong hover:bg-hover shadow-card',
  quiet: 'text-muted hover:text-ink hover:bg-hover',
}

const sizes = {
  small: 'h-8 px-3 text-[13px]',
  medium: 'h-10 px-4',
}

export function Button({ look = 'secondary', size = 'small', busy = false, className = '', children, onClick, ...rest }: Props) {
  return (
    <button
      type="button"
      aria-busy={busy}
      onClick={busy ? (event) => event.preventDefault() : onClick}
      className={`inline-flex items-center justify-center gap-2 rounded-lg font-medium whitespace-nowrap transition-[background-color,color,opacity] duration-150 disabled:opacity-50 ${looks[look]} ${sizes[size]} ${className}`}
      {...rest}
    >
      {busy && <Spinner />}
      {children}
    </button>
  )
}
