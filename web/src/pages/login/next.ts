/** The login page, which goes on to `wanted` afterwards. */
export function loginPath(wanted?: { pathname: string; search: string; hash: string }): string {
  const next = wanted ? wanted.pathname + wanted.search + wanted.hash : '/'
  return next === '/' ? '/login' : `/login?next=${encodeURIComponent(next)}`
}

/**
 * Returns where to go after signing in: the page asked for, when it is a path of this application, otherwise Home.
 * The value comes from the address bar, so it may have been made to lead elsewhere.
 */
export function safeNext(next: string | null): string {
  if (!next || !isPath(next) || hasControlCharacter(next)) return '/'
  const here = 'http://here.invalid'
  const url = URL.canParse(next, here) ? new URL(next, here) : undefined
  // Resolving "/..//host" leaves a second slash at the start.
  if (url?.origin !== here || !isPath(url.pathname) || url.pathname === '/login') return '/'
  return url.pathname + url.search + url.hash
}

/** Whether a reference stays on its host: "//host" and "/\\host" do not. */
function isPath(reference: string): boolean {
  return /^\/(?![/\\])/.test(reference)
}

function hasControlCharacter(value: string): boolean {
  return [...value].some((char) => char < ' ' || char === '\u007f')
}
