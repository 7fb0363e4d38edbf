import { createParser } from 'eventsource-parser'
import { NodeUnreachableError } from '../../errors.ts'
import { ephemeralEvent, numberedEvent } from '../contract/events.ts'
import type { FeedEvent } from '../contract/events.ts'
import { unreachable } from './unreachable.ts'

export interface EventReaderOptions {
  readonly idleMs: number
  readonly baseUrl: string
  readonly signal: AbortSignal
}

const NUMBERED: ReadonlySet<string> = new Set(numberedEvent.options.map(({ shape }) => shape.type.value))
const EPHEMERAL: ReadonlySet<string> = new Set(ephemeralEvent.options.map(({ shape }) => shape.type.value))

/**
 * The events in a stream of bytes, checked, as many at a time as arrived together. Those of a kind that is not known here
 * are passed over. Ends when the signal is aborted.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  { idleMs, baseUrl, signal }: EventReaderOptions,
): AsyncGenerator<readonly FeedEvent[]> {
  const found: FeedEvent[] = []
  const parser = createParser({
    onEvent: ({ event = 'message', data }) => {
      const checked = checkEvent(event, data)
      if (checked === 'malformed') {
        throw new NodeUnreachableError(`${baseUrl} sends a ${event} event that is not understood`)
      }
      if (checked !== null) found.push(checked)
    },
  })
  const decoder = new TextDecoder()
  const reader = body.getReader()
  // One timer for the whole stream: one for each read would cost more than the events of a busy node.
  let heardAt = performance.now()
  let isSilent = false
  const watch = setInterval(() => {
    if (performance.now() - heardAt < idleMs) return
    isSilent = true
    void reader.cancel().catch(() => undefined)
  }, idleMs / 4)
  try {
    for (;;) {
      const { value } = await reader.read()
      if (value === undefined) break
      heardAt = performance.now()
      parser.feed(decoder.decode(value, { stream: true }))
      if (found.length > 0) yield found.splice(0)
    }
  } catch (error) {
    if (signal.aborted) return
    throw unreachable(baseUrl, error)
  } finally {
    clearInterval(watch)
    await reader.cancel().catch(() => undefined)
  }
  if (isSilent) throw new NodeUnreachableError(`${baseUrl}: the event stream was silent for ${idleMs / 1_000} s`)
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
