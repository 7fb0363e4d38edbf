import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import { CallError, CONSOLE_HEADER } from './call-error.ts'
import { SseParser, type SseMessage } from './sse.ts'
import type { TailRequest } from './transport.ts'

/** Where a hub gets its events from: `fetch` in a browser, the main process in the desktop app. */
export interface StreamSource {
  /**
   * Events in the pieces they came in, until the stream ends; `cursor` null: from now on. Throws CallError where the
   * daemon refuses, and whatever broke the connection.
   */
  events(cursor: string | null, signal: AbortSignal): AsyncIterable<readonly FeedEvent[]>
  /** Throws CallError. */
  addTail(stream: string, tail: string, request: TailRequest): Promise<void>
  /** Nobody waits for this. */
  dropTail(stream: string, tail: string): void
}

/** The stream of the page's own origin. */
export class HttpStreamSource implements StreamSource {
  readonly #base: string
  readonly #idleLimit: number

  /** `base`: absolute URL with a slash at its end. `idleLimit`: milliseconds without a byte that mean a dead connection. */
  constructor(base: string, idleLimit: number) {
    this.#base = base
    this.#idleLimit = idleLimit
  }

  async *events(cursor: string | null, signal: AbortSignal): AsyncGenerator<readonly FeedEvent[]> {
    const response = await fetch(`${this.#base}api/events?${cursor === null ? 'from=live' : `cursor=${cursor}`}`, {
      headers: { ...CONSOLE_HEADER, accept: 'text/event-stream' },
      cache: 'no-store',
      signal,
    })
    if (!response.ok || response.body === null) throw await CallError.fromResponse(response)
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    const parser = new SseParser()
    let watchdog: ReturnType<typeof setTimeout> | undefined
    try {
      for (;;) {
        clearTimeout(watchdog)
        watchdog = setTimeout(() => void reader.cancel(), this.#idleLimit)
        const { done, value } = await reader.read()
        if (done) return
        yield parser.push(decoder.decode(value, { stream: true })).map(toEvent)
      }
    } finally {
      clearTimeout(watchdog)
      reader.cancel().catch(() => {})
    }
  }

  async addTail(stream: string, tail: string, { key, offset }: TailRequest): Promise<void> {
    const response = await fetch(this.#tailUrl(stream, tail), {
      method: 'PUT',
      headers: { ...CONSOLE_HEADER, 'content-type': 'application/json' },
      body: JSON.stringify({ key, offset }),
    })
    if (!response.ok) throw await CallError.fromResponse(response)
  }

  dropTail(stream: string, tail: string): void {
    fetch(this.#tailUrl(stream, tail), { method: 'DELETE', headers: CONSOLE_HEADER }).catch(() => {})
  }

  #tailUrl(stream: string, tail: string): string {
    return `${this.#base}api/events/${encodeURIComponent(stream)}/tails/${tail}`
  }
}

function toEvent({ data }: SseMessage): FeedEvent {
  return JSON.parse(data) as FeedEvent
}
