import type { Tail, TailPiece } from '../api/ports.ts'

export interface LocalTailOptions {
  readonly key: string
  /** Whether the job had ended already as the tail was opened. */
  readonly finished: boolean
  readonly sink: (piece: TailPiece) => boolean
  readonly onResume: () => void
  readonly onClose: () => void
}

/** One reader of a followed log: how far it is, and whether it can take more. */
export class LocalTail implements Tail {
  readonly key: string
  readonly openedFinished: boolean
  /** Whether the job has ended: nothing is written any more. */
  finished: boolean
  /** Offset of the next byte to send. */
  position = 0
  /** The file was looked at after the job's end: another one that comes in its place is not this job's. */
  settled = false
  /** The file went away, and the reader has not been told yet. */
  owesGone = false
  readonly #options: LocalTailOptions
  #size = 0
  #started = false
  #full = false
  #closed = false
  #toldGone = false

  constructor(options: LocalTailOptions) {
    this.key = options.key
    this.openedFinished = options.finished
    this.finished = options.finished
    this.#options = options
  }

  /** The file's size as the tail began. */
  get size(): number {
    return this.#size
  }

  get takesMore(): boolean {
    return this.#started && !this.#full && !this.#closed
  }

  get closed(): boolean {
    return this.#closed
  }

  /** From here on pieces may come. */
  start(position: number, size: number): void {
    this.position = position
    this.#size = size
    this.#started = true
  }

  send(piece: TailPiece): void {
    this.position = piece.offset + piece.length
    this.#toldGone = false
    this.#full = !this.#options.sink(piece)
  }

  /** Says that the file went away. The last piece when the job has ended; else another may come, and begins at 0. */
  sendGone(): void {
    this.owesGone = false
    if (this.finished) {
      this.finish('gone')
      return
    }
    this.#full = !this.#options.sink({ offset: this.position, length: 0, text: '', state: 'gone' })
    this.#toldGone = true
    this.position = 0
  }

  /** Sends the last piece, unless `gone` was just that. */
  finish(state: 'end' | 'gone'): void {
    if (this.#closed) return
    if (!this.#toldGone) this.#options.sink({ offset: this.position, length: 0, text: '', state })
    this.close()
  }

  resume(): void {
    if (!this.#full || this.#closed) return
    this.#full = false
    this.#options.onResume()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#options.onClose()
  }
}
