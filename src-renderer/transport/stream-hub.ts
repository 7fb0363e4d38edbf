import type { FeedEvent, NumberedEvent } from '../../src-daemon/api/contract/events.ts'
import { CallError } from './call-error.ts'
import { HttpStreamSource, type StreamSource } from './stream-source.ts'
import type { LogPiece, StreamStatus, TailRequest } from './transport.ts'

/** One page (tab) that lives on the hub's stream. */
export interface HubSubscriber {
  onEvents(events: readonly FeedEvent[]): void
  onStatus(status: StreamStatus): void
  onPiece(piece: LogPiece): void
  onTailError(tail: string, error: CallError): void
}

export interface HubOptions {
  /** Absolute URL that the API's paths are joined to; ends with a slash. */
  readonly base: string
  /** Where events come from; `fetch` unless told. */
  readonly source?: StreamSource
  /** Milliseconds before the first, second, … try after a cut; the last one repeats. */
  readonly backoff?: readonly number[]
  /** Milliseconds without a byte (events and heartbeats) after which the connection counts as dead. */
  readonly idleLimit?: number
}

interface OpenTail {
  readonly id: string
  readonly key: string
  readonly subscriber: HubSubscriber
  /** The byte it goes on at. */
  offset: number
}

interface Cursor {
  readonly feed: string
  seq: number
}

const BACKOFF = [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000]
const IDLE_LIMIT = 45_000

/**
 * One event stream for any number of pages. Browsers allow six HTTP/1.1 connections per host, so all tabs share one hub
 * (in a SharedWorker), and log tails ride on its stream. It reconnects with back-off and resumes by cursor; what cannot
 * be resumed (`reset`, a gap) begins live again, and the pages are told to read their state anew.
 */
export class StreamHub {
  readonly #source: StreamSource
  readonly #backoff: readonly number[]
  readonly #subscribers = new Set<HubSubscriber>()
  readonly #tails = new Map<string, OpenTail>()
  #status: StreamStatus = { state: 'connecting' }
  #cursor: Cursor | null = null
  #streamId: string | null = null
  #connection: AbortController | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #attempt = 0
  #lostAt: number | null = null

  constructor(options: HubOptions) {
    this.#source = options.source ?? new HttpStreamSource(options.base, options.idleLimit ?? IDLE_LIMIT)
    this.#backoff = options.backoff ?? BACKOFF
  }

  add(subscriber: HubSubscriber): void {
    this.#subscribers.add(subscriber)
    // Whoever joins a running stream has missed what was before: never `resumed`.
    subscriber.onStatus(this.#status.state === 'live' ? { ...this.#status, resumed: false } : this.#status)
    if (this.#subscribers.size === 1) void this.#connect()
  }

  remove(subscriber: HubSubscriber): void {
    this.#subscribers.delete(subscriber)
    for (const tail of this.#tails.values()) if (tail.subscriber === subscriber) this.dropTail(tail.id)
    if (this.#subscribers.size > 0) return
    this.#hangUp()
    this.#cursor = null
    this.#status = { state: 'connecting' }
  }

  addTail(subscriber: HubSubscriber, id: string, request: TailRequest): void {
    const tail = { id, key: request.key, offset: request.offset, subscriber }
    this.#tails.set(id, tail)
    void this.#openTail(tail)
  }

  dropTail(id: string): void {
    if (!this.#tails.delete(id) || this.#streamId === null) return
    // A tail that is not dropped ends with its stream.
    this.#source.dropTail(this.#streamId, id)
  }

  reconnect(): void {
    if (this.#subscribers.size === 0) return
    this.#attempt = 0
    this.#hangUp()
    void this.#connect()
  }

  #hangUp(): void {
    clearTimeout(this.#timer)
    this.#connection?.abort()
    this.#connection = null
    this.#streamId = null
  }

  async #connect(): Promise<void> {
    const connection = new AbortController()
    this.#connection = connection
    let reason = 'the connection was closed'
    try {
      for await (const events of this.#source.events(this.#place(), connection.signal)) {
        if (this.#connection !== connection || !this.#deliver(events)) break
      }
    } catch (error) {
      if (error instanceof CallError && error.failure === 'unauthorized') {
        if (this.#connection === connection) this.#endSession()
        return
      }
      reason = error instanceof Error ? error.message : String(error)
    }
    // Another connection has taken over, or nobody listens any more.
    if (this.#connection !== connection) return
    this.#hangUp()
    this.#wait(reason)
  }

  #place(): string | null {
    return this.#cursor === null ? null : `${this.#cursor.feed}:${this.#cursor.seq}`
  }

  #endSession(): void {
    this.#hangUp()
    this.#cursor = null
    this.#setStatus({ state: 'unauthorized' })
  }

  #wait(reason: string): void {
    const step = this.#backoff[Math.min(this.#attempt, this.#backoff.length - 1)] ?? 0
    this.#attempt += 1
    // Tabs of many people must not come back to a restarted master in the same millisecond.
    const delay = step * (0.8 + 0.4 * Math.random())
    const now = Date.now()
    this.#lostAt ??= now
    this.#setStatus({ state: 'waiting', since: this.#lostAt, retryAt: now + delay, reason })
    this.#timer = setTimeout(() => void this.#connect(), delay)
  }

  /** false: what follows on this connection is of no use. */
  #deliver(piece: readonly FeedEvent[]): boolean {
    const events: FeedEvent[] = []
    let usable = true
    for (const event of piece) {
      if (event.type === 'hello') this.#greet(event)
      else if (event.type === 'log') this.#deliverPiece(event)
      else if (event.type === 'reset' || !this.#advance(event)) {
        this.#restartLive()
        usable = false
        break
      } else if (event.type !== 'snapshot') events.push(event)
    }
    if (events.length > 0) for (const subscriber of this.#subscribers) subscriber.onEvents(events)
    return usable
  }

  #greet(hello: Extract<FeedEvent, { type: 'hello' }>): void {
    const resumed = this.#cursor !== null && this.#cursor.feed === hello.feed
    if (!resumed) this.#cursor = { feed: hello.feed, seq: hello.head }
    this.#streamId = hello.stream
    this.#attempt = 0
    this.#lostAt = null
    this.#setStatus({
      state: 'live',
      feed: hello.feed,
      nodeName: hello.node_name,
      head: hello.head,
      serverNow: Date.parse(hello.now),
      localNow: Date.now(),
      resumed,
    })
    for (const tail of this.#tails.values()) void this.#openTail(tail)
  }

  /** Moves the cursor along; false at a gap in the numbers. */
  #advance(event: FeedEvent): boolean {
    const { seq } = event as Partial<NumberedEvent>
    if (seq === undefined || this.#cursor === null) return true
    if (seq > this.#cursor.seq + 1) return false
    this.#cursor.seq = Math.max(this.#cursor.seq, seq)
    return true
  }

  /** The place in the feed is of no use any more: live from now on, with the state read anew by every page. */
  #restartLive(): void {
    this.#cursor = null
    this.#hangUp()
    void this.#connect()
  }

  #deliverPiece(piece: LogPiece): void {
    const tail = this.#tails.get(piece.tail)
    if (tail === undefined) return
    tail.offset = piece.offset + piece.length
    if (piece.state === 'end' || piece.state === 'gone') this.#tails.delete(piece.tail)
    tail.subscriber.onPiece(piece)
  }

  async #openTail(tail: OpenTail): Promise<void> {
    const stream = this.#streamId
    if (stream === null) return
    try {
      await this.#source.addTail(stream, tail.id, tail)
    } catch (error) {
      // Without an answer the stream is gone too: its next `hello` opens the tail again.
      if (!(error instanceof CallError) || this.#streamId !== stream || !this.#tails.has(tail.id)) return
      this.#tails.delete(tail.id)
      tail.subscriber.onTailError(tail.id, error)
    }
  }

  #setStatus(status: StreamStatus): void {
    this.#status = status
    for (const subscriber of this.#subscribers) subscriber.onStatus(status)
  }
}
