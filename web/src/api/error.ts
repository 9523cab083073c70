/**
 * ApiError is every way a call can fail. `message` is written for the reader: the server's own sentence where it sent
 * one. `status` is 0 when there was no usable answer, and `code` is then NETWORK,
 * TIMEOUT or UNREADABLE.
 */
export class ApiError extends Error {
  override name = 'ApiError'

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly nextActions?: string,
  ) {
    super(message)
  }

  /** Whether the same call may succeed later without anything being changed. */
  get temporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

/** The sentence to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Reads the error envelope {error, message, statusCode, nextActions} of a refused call; copes with any other body. */
export async function errorFrom(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null)
  const field = (name: string): string | undefined => {
    const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  return new ApiError(
    response.status,
    field('error') ?? 'REQUEST_FAILED',
    field('message') ?? `The server answered ${response.status} ${response.statusText}`.trim(),
    field('nextActions'),
  )
}
