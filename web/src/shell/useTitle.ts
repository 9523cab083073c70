import { useEffect } from 'react'
import { text } from '../text'

/** Sets the title of the browser tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${text.product}`
  }, [title])
}
