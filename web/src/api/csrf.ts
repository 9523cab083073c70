/** Where the token that allows a refresh survives a reload. The refresh token itself is in a cookie no script can read. */
export interface CsrfStore {
  read(): string | undefined
  write(token: string): void
  clear(): void
}

const name = 'insforge_admin_csrf_token'
const sevenDays = 7 * 24 * 60 * 60

/** Keeps the token in a cookie, so that all tabs of this origin share it. */
export class CookieCsrfStore implements CsrfStore {
  constructor(
    private readonly jar: { cookie: string } = document,
    private readonly page: { protocol: string; hostname: string } = location,
  ) {}

  read(): string | undefined {
    const pair = this.jar.cookie.split('; ').find((entry) => entry.startsWith(`${name}=`))
    const value = pair?.slice(name.length + 1)
    return value ? decodeURIComponent(value) : undefined
  }

  write(token: string): void {
    this.set(encodeURIComponent(token), sevenDays)
  }

  clear(): void {
    this.set('', 0)
  }

  private set(value: string, maxAge: number): void {
    this.jar.cookie = `${name}=${value}; Path=/; Max-Age=${maxAge}; SameSite=Lax${this.secure() ? '; Secure' : ''}`
  }

  /** Browsers drop a Secure cookie over plain http, except on the machine itself. */
  private secure(): boolean {
    const { protocol, hostname } = this.page
    return protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '127.0.0.1'
  }
}
