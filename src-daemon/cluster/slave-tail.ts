import type { EphemeralEvent } from '../api/contract/events.ts'
import { JobNotFoundError } from '../errors.ts'
import type { TailOutbox } from './tail-outbox.ts'
import type { TailSource } from './tail-source.ts'

/** A piece of a log as it comes on an event stream. */
export type LogEvent = Extract<EphemeralEvent, { type: 'log' }>

/** The one event stream of a slave, which its follower holds open and opens again when it was cut. */
export interface NodeStream {
  /** Id of the stream that is open; null while there is none. */
  readonly id: string | null
  /** Adds a tail to the stream. Resolves to the file's size now. Throws JobNotFoundError, ConflictError, NodeUnreachableError. */
  addTail(stream: string, tail: string, key: string, offset: number): Promise<{ readonly size: number }>
  dropTail(stream: string, tail: string): Promise<unknown>
  /** Another stream was opened, or the last one was cut (null). Returns the way to stop. */
  onChange(listener: (id: string | null) => void): () => void
  /** All log events of the stream, whoever added their tails. Returns the way to stop. */
  onLog(listener: (event: LogEvent) => void): () => void
}

/** A reader that is behind by more is not sent anything until it has caught up: the stream is shared with others. */
const BEHIND_BYTES = 524_288
const RETRY_MS = 2_000

let tails = 0

/**
 * The log of a job on a slave. Each time the tail is added to the stream it gets another name, and begins where the last
 * piece ended: what still comes under an older name is dropped, so nothing is missing and nothing comes twice.
 */
export class SlaveTail implements TailSource {
  readonly #stream: NodeStream
  readonly #key: string
  readonly #out: TailOutbox
  readonly #unsubscribe: (() => void)[] = []
  /** Offset of the next byte; negative until the first piece has said where it begins. */
  #position: number
  #name: string | null = null
  #isAway = false
  #isPaused = false
  /** Closed, or its last piece has come. */
  #isClosed = false
  #retry: NodeJS.Timeout | null = null

  constructor(parts: { stream: NodeStream; key: string; offset: number; out: TailOutbox }) {
    this.#stream = parts.stream
    this.#key = parts.key
    this.#position = parts.offset
    this.#out = parts.out
  }

  async start(): Promise<number> {
    this.#out.onEmpty = () => {
      if (!this.#isPaused) return
      this.#isPaused = false
      void this.#attach()
    }
    this.#unsubscribe.push(
      this.#stream.onLog((event) => {
        if (event.tail === this.#name) this.#take(event)
      }),
      this.#stream.onChange((id) => {
        this.#name = null
        if (id === null) this.#setAway()
        else if (!this.#isPaused) void this.#attach()
      }),
    )
    try {
      return (await this.#attach(true)) ?? 0
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.#isClosed = true
    for (const stop of this.#unsubscribe) stop()
    if (this.#retry !== null) clearTimeout(this.#retry)
    this.#detach()
  }

  /** null: not now; it is tried again. `isFirst`: what the slave refuses is the caller's answer. */
  async #attach(isFirst = false): Promise<number | null> {
    const stream = this.#stream.id
    if (this.#isClosed) return null
    if (this.#retry !== null) clearTimeout(this.#retry)
    if (stream === null) {
      this.#setAway()
      return null
    }
    const name = `m${++tails}`
    // Known before it is asked for: its first piece may overtake the answer.
    this.#name = name
    try {
      const { size } = await this.#stream.addTail(stream, name, this.#key, this.#position)
      if (this.#name !== name) this.#drop(stream, name)
      else if (this.#isAway) this.#setBack()
      return size
    } catch (error) {
      if (this.#name !== name || this.#isClosed) return null
      this.#name = null
      if (isFirst && this.#stream.id === stream && !isUnreachable(error)) throw error
      if (error instanceof JobNotFoundError) this.#send(this.#position, '', 0, 'gone')
      else {
        this.#setAway()
        this.#retry = setTimeout(() => void this.#attach(), RETRY_MS).unref()
      }
      return null
    }
  }

  #take({ offset, length, text, state }: LogEvent): void {
    if (this.#isAway) this.#setBack()
    const isNewFile = offset === 0
    if (state === 'live' && this.#position >= 0 && offset !== this.#position && !isNewFile) {
      // Cannot happen within one tail; were it so, asking anew is better than a hole.
      this.#detach()
      void this.#attach()
      return
    }
    this.#position = state === 'gone' ? 0 : offset + length
    this.#send(offset, text, length, state)
    if (state === 'end') {
      // The slave has dropped it by itself.
      this.#name = null
      this.close()
    } else if (this.#out.behind > BEHIND_BYTES) {
      this.#isPaused = true
      this.#detach()
    }
  }

  #send(offset: number, text: string, length: number, state: LogEvent['state']): void {
    this.#out.push({ offset: Math.max(0, offset), length, text, state })
  }

  #setAway(): void {
    if (this.#isAway || this.#isClosed) return
    this.#isAway = true
    this.#send(this.#position, '', 0, 'away')
  }

  #setBack(): void {
    this.#isAway = false
    this.#send(this.#position, '', 0, 'live')
  }

  #detach(): void {
    const name = this.#name
    const stream = this.#stream.id
    this.#name = null
    if (name !== null && stream !== null) this.#drop(stream, name)
  }

  #drop(stream: string, name: string): void {
    // Where the stream is gone, its tails are, too.
    this.#stream.dropTail(stream, name).catch(() => {})
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'node-unreachable'
}
