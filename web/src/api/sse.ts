// An event larger than this means that the stream is not what we think it is.
const maxBuffered = 1 << 20

/**
 * Yields the data of each event of a text/event-stream, and undefined for each piece of the stream that completed
 * none, such as a comment that only keeps the connection alive. WHATWG HTML §9.2.6, without ids and event names,
 * which the server does not send.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string | undefined> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let rest = ''
  let data: string[] = []
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      let complete = false
      for (const line of lines) {
        if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
        if (line !== '' || data.length === 0) continue
        yield data.join('\n')
        data = []
        complete = true
      }
      if (!complete) yield undefined
      if (rest.length + data.reduce((sum, line) => sum + line.length, 0) > maxBuffered) {
        throw new Error('event stream: an event exceeds 1 MiB')
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}
