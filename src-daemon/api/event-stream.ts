import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import type { EphemeralEvent } from './contract/events.ts'
import type { EventStart } from './event-start.ts'
import { eventText } from './event-text.ts'
import type { EventPages } from './event-text.ts'
import type { EventFeed, LogTails } from './ports.ts'
import { StreamTails } from './stream-tails.ts'

const MOST_COALESCED = 5_000
const EMPTY_SNAPSHOT = '{"type":"snapshot","jobs":[],"nodes":[],"projects":[]}'

export interface EventStreamParts {
  readonly feed: EventFeed
  readonly pages: EventPages
  readonly tails: LogTails
  readonly mostTails: number
  readonly mayGoOn: () => boolean
}

/**
 * One follower of the feed. It is a cursor: replay and live are the same loop, which reads on from the last number that
 * was written. A slow reader is waited for; what it misses meanwhile is read again from the feed, and of what has no
 * number only the newest about each thing is kept for it.
 */
export class EventStream {
  readonly id: string
  readonly tails: StreamTails
  /** Whether who opened it may still read it. */
  readonly mayGoOn: () => boolean
  readonly #response: ServerResponse
  readonly #feed: EventFeed
  readonly #pages: EventPages
  /** Number of the last event that was written. */
  #seq: number
  /** Why a snapshot has to come before anything else; null when none has to. */
  #snapshotReason: string | null
  #isPumping = false
  #isWoken = false
  readonly #ephemeral = new Map<string, string>()
  /** Since when the client is waited for. */
  #blockedSince: number | null = null

  constructor(id: string, response: ServerResponse, start: EventStart, parts: EventStreamParts) {
    this.id = id
    this.#response = response
    this.#feed = parts.feed
    this.#pages = parts.pages
    this.mayGoOn = parts.mayGoOn
    this.#seq = start.kind === 'after' ? start.seq : 0
    this.#snapshotReason = start.kind === 'snapshot' ? start.reason : null
    this.tails = new StreamTails(parts.tails, parts.mostTails, (text) => this.#write(text))
    response.on('drain', () => {
      this.#blockedSince = null
      this.tails.resume()
    })
    response.once('close', () => this.tails.close())
  }

  get isClosed(): boolean {
    return this.#response.destroyed || this.#response.writableEnded
  }

  /** For how long the client has taken nothing. */
  blockedMs(now: number): number {
    return this.#blockedSince === null ? 0 : now - this.#blockedSince
  }

  hello(nodeName: string): void {
    const { feed } = this.#feed
    const now = new Date().toISOString()
    const resumes = this.#snapshotReason === null
    const event = { type: 'hello', feed, stream: this.id, node_name: nodeName, head: this.#feed.head(), resumes, now }
    this.#write(`retry: 2000\n${eventText('hello', JSON.stringify(event))}`)
  }

  /** There may be something to send. A stream that cannot go on is cut off; `failed` hears why. */
  wake(failed: (error: unknown) => void): void {
    this.#isWoken = true
    if (this.#isPumping) return
    this.#isPumping = true
    this.#pump().catch((error: unknown) => {
      failed(error)
      this.#response.destroy()
    })
  }

  /** Takes an event without a number; it is sent with the next wake. */
  offer(event: EphemeralEvent, text: string): void {
    const key = subject(event)
    // The newest goes to the end of the line.
    this.#ephemeral.delete(key)
    if (this.#ephemeral.size < MOST_COALESCED) this.#ephemeral.set(key, text)
  }

  heartbeat(): void {
    if (this.#blockedSince === null) this.#write(': heartbeat\n\n')
  }

  /** Ends the answer; `cut`: without waiting for a client that does not read. */
  end(cut = false): void {
    this.tails.close()
    if (cut) this.#response.destroy()
    else if (!this.isClosed) this.#response.end()
  }

  async #pump(): Promise<void> {
    try {
      while (this.#isWoken && !this.isClosed) {
        this.#isWoken = false
        await this.#sendNumbered()
        await this.#sendEphemeral()
      }
    } finally {
      this.#isPumping = false
    }
  }

  async #sendNumbered(): Promise<void> {
    for (;;) {
      await this.#drained()
      if (this.isClosed) return
      if (this.#snapshotReason !== null) {
        await this.#sendSnapshot(this.#snapshotReason)
        continue
      }
      const { text, first, last, isFull } = this.#pages.after(this.#seq)
      if (first === null || last === null) return
      if (first === this.#seq + 1) {
        this.#write(text)
        this.#seq = last
        if (!isFull) return
        // A fast reader of a long replay must not keep everybody else waiting.
        await turn()
      } else this.#snapshotReason = 'the cursor became too old: events that the reader had not taken are gone'
    }
  }

  async #sendEphemeral(): Promise<void> {
    if (this.#ephemeral.size === 0 || this.isClosed) return
    const text = [...this.#ephemeral.values()].join('')
    this.#ephemeral.clear()
    this.#write(text)
    await this.#drained()
  }

  async #sendSnapshot(reason: string): Promise<void> {
    this.#write(eventText('reset', JSON.stringify({ type: 'reset', feed: this.#feed.feed, reason })))
    let head: number | null = null
    let waiting: string | null = null
    for await (const page of this.#feed.snapshot()) {
      head ??= page.head
      if (waiting !== null) this.#write(snapshotText(waiting, head, false))
      waiting = page.json
      await this.#drained()
      if (this.isClosed) return
    }
    head ??= this.#feed.head()
    this.#write(snapshotText(waiting ?? EMPTY_SNAPSHOT, head, true, `${this.#feed.feed}:${head}`))
    this.#seq = head
    this.#snapshotReason = null
  }

  /** False when the client is to be waited for. */
  #write(text: string): boolean {
    if (this.isClosed) return false
    const isTaken = this.#response.write(text)
    if (!isTaken) this.#blockedSince ??= performance.now()
    return isTaken
  }

  async #drained(): Promise<void> {
    if (this.#blockedSince === null || this.isClosed) return
    const stop = new AbortController()
    const { signal } = stop
    await Promise.race([once(this.#response, 'drain', { signal }), once(this.#response, 'close', { signal })]).catch(
      () => undefined,
    )
    stop.abort()
  }
}

function snapshotText(json: string, head: number, isDone: boolean, id?: string): string {
  return eventText('snapshot', `${json.slice(0, -1)},"head":${head},"done":${isDone}}`, id)
}

/** Later events about the same thing replace earlier ones. */
function subject(event: EphemeralEvent): string {
  switch (event.type) {
    case 'load':
      return `load ${event.node}`
    case 'stats':
      return `stats ${event.key}`
    case 'pull':
      return `pull ${event.pull.id}`
    case 'forward':
      return `forward ${event.forward.id}`
    case 'forward-removed':
      return `forward ${event.id}`
    default:
      return event.type
  }
}
