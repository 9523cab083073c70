import { useTitle } from '../../shell/useTitle'
import { text } from '../../text'
import { GettingStarted } from './GettingStarted'
import { Keys } from './Keys'
import { Tables } from './Tables'
import { Tiles } from './Tiles'

/** /dashboard */
export function HomePage() {
  useTitle(text.home.title)
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">{text.home.title}</h1>
      <p className="mt-1 text-muted">{text.home.subtitle}</p>
      <div className="mt-7 grid grid-cols-1 gap-5">
        <Tiles />
        <Keys />
        <Tables />
        <GettingStarted />
      </div>
    </>
  )
}
