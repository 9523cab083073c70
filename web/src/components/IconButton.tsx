import type { ComponentProps } from 'react'

interface Props extends ComponentProps<'button'> {
  /** What the button does, for those who do not see the icon, and as its tooltip. */
  label: string
}

export function IconButton({ label, className = '', ...rest }: Props) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-8 shrink-0 items-center justify-center rounded-md text-faint transition-colors duration-150 hover:bg-hover hover:text-ink [&_svg]:size-4 ${className}`}
      {...rest}
    />
  )
}
