import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EndpointInput, EndpointReply } from './contract/endpoints.ts'
import type { EphemeralEvent } from './contract/events.ts'
import { eventStart } from './event-start.ts'
import { EventStream } from './event-stream.ts'
import { EventPages, eventText } from './event-text.ts'
import { HttpError, notFound } from './http-error.ts'
import type { ServerLimits } from './limits.ts'
import type { EventFeed, LogTails } from './ports.ts'
import type { ServerLog } from './server-log.ts'
import { headerText } from './visit.ts'

export interface EventStreamsOptions {
  readonly feed: EventFeed
  readonly tails: LogTails
  readonly nodeName: string
  readonly limits: ServerLimits
  readonly log: ServerLog
}

/** All open event streams of this daemon. */
export class EventStreams {
  readonly #options: EventStreamsOptions
  readonly #pages: EventPages
  readonly #streams = new Map<string, EventStream>()
  #stops: (() => void)[] = []

  constructor(options: EventStreamsOptions) {
    this.#options = options
    this.#pages = new EventPages(options.feed)
  }

  start(): void {
    const { feed, limits } = this.#options
    const heartbeats = setInterval(() => this.#beat(), limits.heartbeatMs)
    heartbeats.unref()
    this.#stops = [
      () => clearInterval(heartbeats),
      feed.onCommit(() => {
        this.#pages.clear()
        this.#wakeAll()
      }),
      feed.onEphemeral((event) => this.#offer(event)),
    ]
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
    for (const stream of this.#streams.values()) stream.end()
    this.#streams.clear()
  }

  /**
   * `GET /api/events`; ends when `mayGoOn` says no. Throws HttpError 503 when there are too many.
   */
  open(
    request: IncomingMessage,
    response: ServerResponse,
    { query }: EndpointInput<'events'>,
    mayGoOn: () => boolean,
  ): void {
    const { feed, tails, nodeName, limits } = this.#options
    if (this.#streams.size >= limits.eventStreams) {
      throw new HttpError(503, 'too-many-streams', `${limits.eventStreams} event streams are open already`, {
        'Retry-After': '5',
      })
    }
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // nginx would hold events back.
      'X-Accel-Buffering': 'no',
    })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    // A browser that reconnects repeats the address; where it stopped is in the header.
    const cursor = headerText(request, 'last-event-id') || query.cursor
    const id = randomBytes(16).toString('base64url')
    const start = eventStart(feed, cursor, query.from === 'live', query.check)
    const parts = { feed, pages: this.#pages, tails, mostTails: limits.tailsPerStream, mayGoOn }
    const stream = new EventStream(id, response, start, parts)
    this.#streams.set(id, stream)
    response.once('close', () => this.#streams.delete(id))
    stream.hello(nodeName)
    this.#wake(stream)
  }

  async addTail({ params, body }: EndpointInput<'addTail'>): Promise<EndpointReply<'addTail'>> {
    return { size: await this.#stream(params.stream).tails.add(params.tail, body.key, body.offset) }
  }

  dropTail({ params }: EndpointInput<'dropTail'>): EndpointReply<'dropTail'> {
    this.#stream(params.stream).tails.drop(params.tail)
    return { status: 'ok' }
  }

  /** Ends the streams of sessions that are over. */
  endForbidden(): void {
    for (const stream of this.#streams.values()) if (!stream.mayGoOn()) stream.end()
  }

  #stream(id: string): EventStream {
    const stream = this.#streams.get(id)
    if (stream === undefined) throw notFound('This event stream is not open (any more)')
    return stream
  }

  #offer(event: EphemeralEvent): void {
    if (this.#streams.size === 0) return
    const text = eventText(event.type, JSON.stringify(event))
    for (const stream of this.#streams.values()) stream.offer(event, text)
    this.#wakeAll()
  }

  #wakeAll(): void {
    for (const stream of this.#streams.values()) this.#wake(stream)
  }

  #wake(stream: EventStream): void {
    stream.wake((error) => this.#options.log.error('an event stream broke off', error))
  }

  #beat(): void {
    this.endForbidden()
    const now = performance.now()
    for (const stream of this.#streams.values()) {
      if (stream.blockedMs(now) > this.#options.limits.unreadMs) stream.end(true)
      else stream.heartbeat()
    }
  }
}
