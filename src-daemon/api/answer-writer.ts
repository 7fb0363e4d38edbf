import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'

const PIECE = 65_536

/**
 * Writes a long text answer in pieces of 64 KiB and waits for the client in between. An answer that fits into one piece
 * is sent with its length.
 */
export class AnswerWriter {
  readonly #response: ServerResponse
  #pending: string[] = []
  #length = 0

  constructor(response: ServerResponse) {
    this.#response = response
  }

  /** The client has gone: nobody needs the rest. */
  get isGone(): boolean {
    return this.#response.destroyed || this.#response.writableEnded
  }

  /** Resolves when more may be written. */
  async write(text: string): Promise<void> {
    this.#pending.push(text)
    this.#length += text.length
    if (this.#length >= PIECE) await this.#flush()
  }

  end(): void {
    const text = this.#pending.join('')
    this.#pending = []
    if (this.isGone) return
    if (!this.#response.headersSent) this.#response.setHeader('Content-Length', Buffer.byteLength(text))
    this.#response.end(text)
  }

  /** The rest cannot be had: the answer is cut off, so that nobody takes it for whole. */
  fail(): void {
    this.#response.destroy()
  }

  async #flush(): Promise<void> {
    const text = this.#pending.join('')
    this.#pending = []
    this.#length = 0
    if (this.isGone) return
    // As bytes: a text would be gone through twice, once for its length.
    if (!this.#response.write(Buffer.from(text))) await this.#drained()
    // A client that takes everything at once must not keep everybody else waiting.
    await turn()
  }

  async #drained(): Promise<void> {
    const stop = new AbortController()
    await Promise.race([
      once(this.#response, 'drain', { signal: stop.signal }),
      once(this.#response, 'close', { signal: stop.signal }),
    ])
      .catch(() => undefined)
      .finally(() => stop.abort())
  }
}
