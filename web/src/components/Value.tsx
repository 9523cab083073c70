import { Eye, EyeOff } from 'lucide-react'
import { useState } from 'react'
import { text } from '../text'
import { CopyButton } from './CopyButton'
import { IconButton } from './IconButton'
import { mask } from './mask'

interface Props {
  value: string
  /** What it is, as in "Copy API key". */
  what: string
  /** Masked until it is asked for. */
  secret?: boolean
}

/** A value in a box, to be copied; a secret one also to be revealed. */
export function Value({ value, what, secret = false }: Props) {
  const [revealed, setRevealed] = useState(!secret)
  return (
    <div className="flex min-h-10 items-center gap-0.5 rounded-lg border border-line bg-inset py-1 pr-1 pl-3.5">
      <code className={`min-w-0 flex-1 text-[13px] ${revealed ? 'break-all' : 'truncate'}`} data-value={what}>
        {revealed ? value : mask(value)}
      </code>
      {secret && (
        <IconButton
          label={revealed ? text.common.hide(what) : text.common.reveal(what)}
          onClick={() => setRevealed(!revealed)}
        >
          {revealed ? <EyeOff aria-hidden="true" /> : <Eye aria-hidden="true" />}
        </IconButton>
      )}
      <CopyButton value={value} what={what} />
    </div>
  )
}
