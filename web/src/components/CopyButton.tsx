import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { text } from '../text'
import { copyText } from './clipboard'
import { IconButton } from './IconButton'
import { useNotify } from './Notices'

interface Props {
  value: string
  /** What is copied, as in "Copy API key". */
  what: string
  className?: string
}

export function CopyButton({ value, what, className }: Props) {
  const [copied, setCopied] = useState(false)
  const notify = useNotify()

  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1_600)
    return () => clearTimeout(timer)
  }, [copied])

  const copy = () =>
    copyText(value).then(
      () => {
        setCopied(true)
        notify.quietly(text.common.copiedWhat(what))
      },
      () => notify.failure(text.common.copyFailed),
    )

  return (
    <IconButton label={text.common.copyWhat(what)} onClick={copy} {...(className ? { className } : {})}>
      {copied ? <Check aria-hidden="true" className="text-accent" /> : <Copy aria-hidden="true" />}
    </IconButton>
  )
}
