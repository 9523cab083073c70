import { messageOf } from '../api/error'
import { text } from '../text'
import { Alert } from './Alert'

/** Says why something could not be loaded, and offers to try again. */
export function Failure({ error, retry }: { error: unknown; retry: () => void }) {
  return (
    <Alert
      action={
        <button type="button" onClick={retry} className="shrink-0 font-medium underline underline-offset-2">
          {text.common.retry}
        </button>
      }
    >
      {messageOf(error)}
    </Alert>
  )
}
