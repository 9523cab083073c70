import { CopyButton } from './CopyButton'

interface Props {
  /** A word about where the code belongs: a file name, "Terminal". */
  title: string
  code: string
  /** What the copy button copies, when it differs from what is shown. */
  copy?: string
  what: string
}

/** A piece of code with a copy button. */
export function CodeBlock({ title, code, copy = code, what }: Props) {
  return (
    <figure className="min-w-0 overflow-hidden rounded-lg border border-line bg-inset">
      <figcaption className="flex h-9 items-center justify-between border-b border-line pr-1 pl-3.5 text-xs text-faint">
        {title}
        <CopyButton value={copy} what={what} className="size-7" />
      </figcaption>
      <pre tabIndex={0} aria-label={title} className="overflow-x-auto px-3.5 py-3 text-[12.5px] leading-[1.65]">
        <code>{code.split(pieces).map(toSpan)}</code>
      </pre>
    </figure>
  )
}

// Strings and the few words of JavaScript that stand out. split() keeps what the group matches, at odd places.
const pieces = /('[^'\n]*'|(?<![.\w])(?:import|from|const|await)\b)/

function toSpan(piece: string, index: number) {
  if (index % 2 === 0) return piece
  return (
    <span key={index} className={piece.startsWith("'") ? 'text-accent' : 'text-faint'}>
      {piece}
    </span>
  )
}
