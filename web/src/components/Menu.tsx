import { useEffect, useId, useRef, useState, type ComponentType, type KeyboardEvent, type ReactNode } from 'react'
import { Check } from 'lucide-react'

export interface MenuItem {
  label: string
  icon?: ComponentType<{ className?: string }>
  /** Given for items of which one is chosen. */
  checked?: boolean
  onSelect: () => void
}

interface Props {
  /** The accessible name of the button. */
  label: string
  trigger: ReactNode
  /** Shown above the items; not selectable. */
  heading?: ReactNode
  items: MenuItem[]
}

/** A button that opens a list of actions, after the menu button pattern of the ARIA Authoring Practices. */
export function Menu({ label, trigger, heading, items }: Props) {
  const [open, setOpen] = useState(false)
  const root = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const id = useId()

  useEffect(() => {
    if (!open) return
    const entries = itemsOf(list.current)
    ;(entries.find((entry) => entry.getAttribute('aria-checked') === 'true') ?? entries[0])?.focus()
    const closeOutside = (event: PointerEvent) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false)
    }
    document.addEventListener('pointerdown', closeOutside)
    return () => document.removeEventListener('pointerdown', closeOutside)
  }, [open])

  function close(): void {
    setOpen(false)
    button.current?.focus()
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (!open) return
    if (event.key === 'Tab') return setOpen(false)
    if (event.key === 'Escape') return close()
    const entries = itemsOf(list.current)
    const next = nextIndex(event.key, entries.findIndex((entry) => entry === document.activeElement), entries.length)
    if (next === undefined) return
    event.preventDefault()
    entries[next]?.focus()
  }

  return (
    <div ref={root} className="relative" onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown' || open) return
          event.preventDefault()
          setOpen(true)
        }}
        className="flex size-8 items-center justify-center rounded-lg text-muted transition-colors duration-150 hover:bg-hover hover:text-ink aria-expanded:bg-hover aria-expanded:text-ink [&>svg]:size-4"
      >
        {trigger}
      </button>
      {open && (
        <div className="absolute right-0 z-40 mt-2 min-w-48 animate-appear rounded-xl bg-raised p-1.5 shadow-float">
          {heading}
          <div ref={list} id={id} role="menu" aria-label={label}>
            {items.map(({ label, icon: Icon, checked, onSelect }) => (
              <button
                key={label}
                type="button"
                role={checked === undefined ? 'menuitem' : 'menuitemradio'}
                aria-checked={checked}
                tabIndex={-1}
                onClick={() => {
                  close()
                  onSelect()
                }}
                className="flex h-8 w-full items-center gap-2.5 rounded-md px-2.5 text-left text-[13px] text-ink outline-none hover:bg-hover focus:bg-hover"
              >
                {Icon && <Icon className="size-4 text-faint" />}
                <span className="flex-1">{label}</span>
                {checked && <Check aria-hidden="true" className="size-4 text-accent" />}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  )
}

function itemsOf(list: HTMLElement | null): HTMLElement[] {
  return list ? [...list.querySelectorAll<HTMLElement>('[role^=menuitem]')] : []
}

function nextIndex(key: string, from: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return (from + 1) % count
    case 'ArrowUp':
      return (from - 1 + count) % count
    case 'Home':
      return 0
    case 'End':
      return count - 1
    default:
      return undefined
  }
}
