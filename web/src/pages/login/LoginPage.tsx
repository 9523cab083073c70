import { Navigate, useSearchParams } from 'react-router'
import { useSession } from '../../api/services'
import { Alert } from '../../components/Alert'
import { Logo } from '../../components/Logo'
import { Splash } from '../../shell/Splash'
import { useTitle } from '../../shell/useTitle'
import { text } from '../../text'
import { LoginForm } from './LoginForm'
import { safeNext } from './next'

/** /dashboard/login?next=… */
export function LoginPage() {
  useTitle(text.login.title)
  const state = useSession()
  const [query] = useSearchParams()

  if (state.status === 'starting') return <Splash />
  if (state.status === 'signed-in') return <Navigate replace to={safeNext(query.get('next'))} />
  return (
    <main className="relative isolate grid min-h-dvh place-items-center px-4 py-12">
      <div aria-hidden="true" className="dotted absolute inset-0 -z-10" />
      <div className="w-full max-w-[23rem]">
        <div className="mb-8 text-center">
          <Logo className="mx-auto size-12" />
          <h1 className="mt-6 text-2xl font-semibold tracking-tight">{text.login.title}</h1>
          <p className="mt-1.5 text-muted">
            {text.login.subtitle} <span className="font-mono text-[13px] text-ink wrap-anywhere">{location.host}</span>
          </p>
        </div>
        <div className="rounded-2xl border border-line bg-surface p-6 shadow-float">
          {state.status === 'signed-out' && state.reason === 'expired' && (
            <div className="mb-5">
              <Alert tone="info">{text.login.expired}</Alert>
            </div>
          )}
          <LoginForm />
        </div>
        {window.isSecureContext === false && (
          <div className="mt-4">
            <Alert tone="info">{text.login.insecure}</Alert>
          </div>
        )}
        <div className="mt-6 px-2 text-center text-xs leading-5 text-faint">
          <p>{text.login.where}</p>
          <ul className="mt-2 grid gap-1">
            {text.login.commands.map(({ command, does }) => (
              <li key={command}>
                <code className="font-mono text-muted select-all">{command}</code> {does}
              </li>
            ))}
          </ul>
        </div>
      </div>
    </main>
  )
}
