import type { ReactNode } from 'react'
import { Link, useRouteError } from 'react-router'
import { messageOf, type ApiError } from '../api/error'
import { Button } from '../components/Button'
import { Logo } from '../components/Logo'
import { text } from '../text'
import { useTitle } from './useTitle'

/** For an error while a page is drawn or loaded. */
export function CrashPage() {
  useTitle(text.shell.crashTitle)
  const error = useRouteError()
  return (
    <FullPage title={text.shell.crashTitle}>
      <p className="text-muted">{text.shell.crashHint}</p>
      <p className="mt-4 rounded-lg border border-line bg-inset px-3.5 py-2.5 font-mono text-[13px] text-muted wrap-anywhere">
        {messageOf(error)}
      </p>
      <Button className="mt-6" onClick={() => location.reload()}>
        {text.common.reload}
      </Button>
    </FullPage>
  )
}

/** For a session that cannot be continued because the server does not answer. */
export function ServerUnreachable({ error, retry }: { error: ApiError; retry: () => void }) {
  useTitle(text.shell.unreachableTitle)
  return (
    <FullPage title={text.shell.unreachableTitle}>
      <p role="alert" className="text-muted">
        {error.message}
      </p>
      <Button className="mt-6" onClick={retry}>
        {text.common.retry}
      </Button>
    </FullPage>
  )
}

/** For an address that no page has. */
export function NotFoundPage() {
  useTitle(text.shell.notFoundTitle)
  return (
    <div className="py-16 text-center">
      <h1 className="text-xl font-semibold tracking-tight">{text.shell.notFoundTitle}</h1>
      <p className="mt-2 text-muted">{text.shell.notFoundHint}</p>
      <Link to="/" className="mt-6 inline-block font-medium text-accent underline underline-offset-4">
        {text.shell.goHome}
      </Link>
    </div>
  )
}

function FullPage({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="mx-auto grid min-h-dvh max-w-md content-center px-6 py-16">
      <Logo className="mb-6 size-10" />
      <h1 className="mb-2 text-xl font-semibold tracking-tight">{title}</h1>
      <div>{children}</div>
    </main>
  )
}
