import type { Readable } from 'node:stream'
import { createParser } from 'eventsource-parser'
import { NodeUnreachableError } from '../../errors.ts'
import { ephemeralEvent, numberedEvent } from '../contract/events.ts'
import type { FeedEvent } from '../contract/events.ts'
import { MOST_BYTES } from './answer-text.ts'
import { unreachable } from './unreachable.ts'

export interface EventReaderOptions {
  readonly idleMs: number
  readonly baseUrl: string
  readonly signal: AbortSignal
  /** A longer event ends the stream. */
  readonly mostBytes?: number
}

const NUMBERED: ReadonlySet<string> = new Set(numberedEvent.options.map(({ shape }) => shape.type.value))
const EPHEMERAL: ReadonlySet<string> = new Set(ephemeralEvent.options.map(({ shape }) => shape.type.value))

/** So many events, or characters of them, may wait for who takes them before the sender is held up. */
const MOST_WAITING = 1_000
const MOST_WAITING_LENGTH = 8_388_608

/**
 * The events in a stream of bytes, checked, as many at a time as arrived together. Those of a kind that is not known here
 * are passed over. Ends when the signal is aborted, and destroys the stream at its end.
 */
export async function* readEvents(
  body: Readable,
  { idleMs, baseUrl, signal, mostBytes = MOST_BYTES }: EventReaderOptions,
): AsyncGenerator<readonly FeedEvent[]> {
  let found: FeedEvent[] = []
  /** Of `found`, and of what has come since the last event was complete. */
  let foundLength = 0
  let partLength = 0
  let failure: Error | null = null
  let isOver = false
  let wake = () => {}
  const end = (error: Error | null) => {
    if (!isOver) failure = error
    isOver = true
    wake()
  }
  const parser = createParser({
    onEvent: ({ event = 'message', data }) => {
      if (isOver) return
      partLength = 0
      foundLength += data.length
      const checked = checkEvent(event, data)
      if (checked === 'malformed') {
        found = []
        end(new NodeUnreachableError(`${baseUrl} sends a ${event} event that is not understood`))
      } else if (checked !== null) found.push(checked)
    },
  })
  const decoder = new TextDecoder()
  // One timer for the whole stream: one for each read would cost more than the events of a busy node.
  let heardAt = performance.now()
  const watch = setInterval(() => {
    if (performance.now() - heardAt < idleMs || body.isPaused()) return
    end(new NodeUnreachableError(`${baseUrl}: the event stream was silent for ${idleMs / 1_000} s`))
  }, idleMs / 4)
  body.on('data', (piece: Buffer) => {
    heardAt = performance.now()
    if (isOver) return
    partLength += piece.length
    parser.feed(decoder.decode(piece, { stream: true }))
    if (partLength > mostBytes)
      end(new NodeUnreachableError(`${baseUrl} sends an event of more than ${mostBytes} bytes`))
    if (found.length >= MOST_WAITING || foundLength >= MOST_WAITING_LENGTH) body.pause()
    if (found.length > 0) wake()
  })
  body.on('error', end)
  body.on('end', () => end(null))
  body.on('close', () => end(null))
  try {
    for (;;) {
      if (found.length > 0) {
        const events = found
        found = []
        foundLength = 0
        yield events
        if (body.isPaused()) {
          heardAt = performance.now()
          body.resume()
        }
      } else if (isOver) break
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    clearInterval(watch)
    body.destroy()
  }
  if (failure !== null && !signal.aborted) throw unreachable(baseUrl, failure)
}

function checkEvent(type: string, data: string): FeedEvent | 'malformed' | null {
  const schema = NUMBERED.has(type) ? numberedEvent : EPHEMERAL.has(type) ? ephemeralEvent : null
  if (schema === null) return null
  try {
    const result = schema.safeParse(JSON.parse(data))
    return result.success ? result.data : 'malformed'
  } catch {
    return 'malformed'
  }
}
