import { ConflictError } from '../errors.ts'
import { eventText } from './event-text.ts'
import type { LogTails, Tail } from './ports.ts'

/** A tail by its name; empty while it is being opened, so that many at once do not pass the limit. */
interface Slot {
  tail: Tail | null
}

/** The log tails that ride on one event stream. */
export class StreamTails {
  readonly #port: LogTails
  readonly #most: number
  readonly #write: (text: string) => boolean
  readonly #slots = new Map<string, Slot>()
  #isClosed = false

  /** `write` returns false when the client is to be waited for. */
  constructor(port: LogTails, most: number, write: (text: string) => boolean) {
    this.#port = port
    this.#most = most
    this.#write = write
  }

  /** Adds a tail, or replaces the one of this name. Resolves to the size of the file. Throws ConflictError. */
  async add(name: string, key: string, offset: number): Promise<number> {
    this.drop(name)
    if (this.#slots.size >= this.#most) {
      throw new ConflictError(`More than ${this.#most} logs cannot be followed on one stream`)
    }
    const slot: Slot = { tail: null }
    const isCurrent = () => this.#slots.get(name) === slot
    this.#slots.set(name, slot)
    try {
      const tail = await this.#port.open(
        key,
        offset,
        (piece) =>
          isCurrent() && this.#write(eventText('log', JSON.stringify({ type: 'log', tail: name, key, ...piece }))),
      )
      if (isCurrent()) slot.tail = tail
      else tail.close()
      if (this.#isClosed) throw new ConflictError('The event stream has ended')
      return tail.size
    } catch (error) {
      if (isCurrent()) this.#slots.delete(name)
      throw error
    }
  }

  /** Ends a tail; whether there was one does not matter. */
  drop(name: string): void {
    const slot = this.#slots.get(name)
    this.#slots.delete(name)
    slot?.tail?.close()
  }

  /** The client has room again. */
  resume(): void {
    for (const { tail } of this.#slots.values()) tail?.resume()
  }

  close(): void {
    this.#isClosed = true
    for (const name of this.#slots.keys()) this.drop(name)
  }
}
