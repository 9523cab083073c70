import { expect, test } from 'vitest'
import { readEvents } from './sse'

function streamOf(...chunks: (string | Uint8Array)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk)
      controller.close()
    },
  })
}

async function eventsOf(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const events: string[] = []
  for await (const event of readEvents(streamOf(...chunks))) if (event !== undefined) events.push(event)
  return events
}

const euro = new TextEncoder().encode('data: €\n\n')

test.for([
  { name: 'one event a block', chunks: ['data: a\n\ndata: b\n\n'], want: ['a', 'b'] },
  { name: 'an event in pieces', chunks: ['da', 'ta: {"a"', ':1}\n', '\n'], want: ['{"a":1}'] },
  { name: 'several lines of data', chunks: ['data: a\ndata:b\n\n'], want: ['a\nb'] },
  { name: 'comments and other fields are left out', chunks: [': keepalive\n\nevent: x\nid: 1\ndata: a\n\n'], want: ['a'] },
  { name: 'CRLF, also torn apart', chunks: ['data: a\r', '\n\r\n', 'data: b\r\n\r\n'], want: ['a', 'b'] },
  { name: 'a character torn apart', chunks: [euro.slice(0, 7), euro.slice(7)], want: ['€'] },
  { name: 'an event that the stream did not finish is dropped', chunks: ['data: a\n\ndata: b\n'], want: ['a'] },
  { name: 'an empty stream', chunks: [], want: [] },
])('$name', async ({ chunks, want }) => {
  expect(await eventsOf(...chunks)).toEqual(want)
})

test('an endless event is refused', async () => {
  const kilobytes = Array.from({ length: 1100 }, () => 'x'.repeat(1024))
  await expect(eventsOf('data: ', ...kilobytes)).rejects.toThrow('exceeds 1 MiB')
  await expect(eventsOf(...kilobytes.map((text) => `data: ${text}\n`))).rejects.toThrow('exceeds 1 MiB')
})

test('whoever stops reading closes the stream', async () => {
  let cancelled = false
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('data: a\n\n')),
    cancel: () => void (cancelled = true),
  })
  for await (const event of readEvents(endless)) if (event === 'a') break
  expect(cancelled).toBe(true)
})
