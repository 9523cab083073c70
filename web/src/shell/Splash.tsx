import { Logo } from '../components/Logo'
import { text } from '../text'

/** The whole page while it is not known yet what to show. */
export function Splash() {
  return (
    <div role="status" className="grid min-h-dvh place-items-center">
      <Logo className="size-10 animate-pulse" />
      <span className="sr-only">{text.common.loading}</span>
    </div>
  )
}
