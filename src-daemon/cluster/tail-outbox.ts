import type { TailPiece } from '../api/ports.ts'

/**
 * Pieces of a log on their way to one reader, which says when it can take no more. Nothing is sent before the first
 * `resume`: whoever opened the tail must hold it by then.
 */
export class TailOutbox {
  readonly #sink: (piece: TailPiece) => boolean
  readonly #waiting: TailPiece[] = []
  #isFull = true
  #isClosed = false
  #bytes = 0
  /** Called when the reader has taken everything. */
  onEmpty: () => void = () => {}

  constructor(sink: (piece: TailPiece) => boolean) {
    this.#sink = sink
  }

  /** Bytes of the log that the reader has still to take. */
  get behind(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** Whether more may come at once; all that comes is kept in any case. */
  push(piece: TailPiece): boolean {
    if (this.#isClosed) return false
    if (this.#isFull || this.#waiting.length > 0) {
      this.#waiting.push(piece)
      this.#bytes += piece.length
    } else this.#isFull = !this.#sink(piece)
    return !this.#isFull
  }

  resume(): void {
    if (!this.#isFull) return
    this.#isFull = false
    for (let piece = this.#waiting.shift(); piece !== undefined; piece = this.#waiting.shift()) {
      this.#bytes -= piece.length
      if (!this.#sink(piece)) {
        this.#isFull = true
        return
      }
    }
    if (!this.#isClosed) this.onEmpty()
  }

  close(): void {
    this.#isClosed = true
    this.#waiting.length = 0
    this.#bytes = 0
  }
}
