import { Eye, EyeOff } from 'lucide-react'
import { useId, useRef, useState, type SubmitEvent } from 'react'
import { messageOf } from '../../api/error'
import { useServices } from '../../api/services'
import { Alert } from '../../components/Alert'
import { Button } from '../../components/Button'
import { IconButton } from '../../components/IconButton'
import { text } from '../../text'

const field =
  'h-10 w-full rounded-lg border border-line-strong bg-canvas px-3.5 transition-colors placeholder:text-faint hover:border-faint focus:border-accent focus:outline-2 focus:-outline-offset-1 focus:outline-accent'

/** Asks for the credentials. Success shows as the state of the session, which the page follows. */
export function LoginForm() {
  const { session } = useServices()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const [readable, setReadable] = useState(false)
  const password = useRef<HTMLInputElement>(null)
  const id = useId()

  async function submit(event: SubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault()
    if (busy) return
    const form = new FormData(event.currentTarget)
    setBusy(true)
    setProblem(undefined)
    try {
      await session.signIn(String(form.get('username')), String(form.get('password')))
    } catch (error) {
      setProblem(messageOf(error))
      password.current?.focus()
      password.current?.select()
    } finally {
      setBusy(false)
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="grid gap-5">
      {problem && <Alert>{problem}</Alert>}
      <div className="grid gap-2">
        <label htmlFor={`${id}-username`} className="text-[13px] font-medium">
          {text.login.username}
        </label>
        <input
          id={`${id}-username`}
          name="username"
          required
          maxLength={100}
          autoFocus
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          className={field}
        />
      </div>
      <div className="grid gap-2">
        <label htmlFor={`${id}-password`} className="text-[13px] font-medium">
          {text.login.password}
        </label>
        <div className="relative">
          <input
            ref={password}
            id={`${id}-password`}
            name="password"
            type={readable ? 'text' : 'password'}
            required
            autoComplete="current-password"
            className={`${field} pr-11`}
          />
          <IconButton
            label={readable ? text.common.hide(text.login.passwordText) : text.common.reveal(text.login.passwordText)}
            onClick={() => setReadable(!readable)}
            className="absolute top-1 right-1"
          >
            {readable ? <EyeOff aria-hidden="true" /> : <Eye aria-hidden="true" />}
          </IconButton>
        </div>
      </div>
      <Button look="primary" size="medium" type="submit" busy={busy} className="mt-1 w-full">
        {busy ? text.login.submitting : text.login.submit}
      </Button>
    </form>
  )
}
