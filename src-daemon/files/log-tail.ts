import type { LogTails, Tail, TailPiece } from '../api/ports.ts'
import { JobNotFoundError } from '../errors.ts'
import { FollowedLog } from './followed-log.ts'
import type { LocateJobFiles } from './local-file-tree.ts'
import { LocalTail } from './local-tail.ts'

/** How often the job of a tail is asked where its log lies, and whether it has ended, beside being told. */
const askMs = 1_000

export interface LocalLogTailsOptions {
  readonly locate: LocateJobFiles
  /** Whether the job has ended, so that nothing is written any more. */
  readonly isFinished: (key: string) => boolean
  /** Calls back with each job that ends. Returns the way to stop. */
  readonly onFinished: (listener: (key: string) => void) => () => void
}

/**
 * Tails of logs on this node's disk. Pieces of a file come in order and without gaps; a piece at offset 0 after others
 * begins another file in its place (cut, replaced, or made again after `gone`). `end`, and `gone` of a job that has ended,
 * is the last piece.
 */
export class LocalLogTails implements LogTails {
  readonly #options: LocalLogTailsOptions
  readonly #logs = new Map<string, FollowedLog>()
  /** Every open tail, with the log it follows; null = its job has none yet. */
  readonly #tails = new Map<LocalTail, FollowedLog | null>()
  readonly #unsubscribe: () => void
  #asking: NodeJS.Timeout | null = null

  constructor(options: LocalLogTailsOptions) {
    this.#options = options
    this.#unsubscribe = options.onFinished((key) => this.#jobFinished(key))
  }

  async open(key: string, offset: number, sink: (piece: TailPiece) => boolean): Promise<Tail> {
    const files = this.#options.locate(key)
    if (files === null) throw new JobNotFoundError(key)
    const tail: LocalTail = new LocalTail({
      key,
      finished: this.#options.isFinished(key),
      sink,
      onResume: () => this.#tails.get(tail)?.wake(),
      onClose: () => this.#forget(tail),
    })
    // Known before the first wait, so that the job's end is not missed.
    this.#tails.set(tail, null)
    this.#asking ??= setInterval(() => this.#ask(), askMs).unref()
    if (files.log === null) {
      tail.start(0, 0)
      if (tail.finished) setImmediate(() => tail.finish('gone'))
      return tail
    }
    try {
      await this.#follow(tail, files.log, offset)
      return tail
    } catch (error) {
      tail.close()
      throw error
    }
  }

  /** A job has begun, or its log has moved: saves its tails the second until they ask. */
  wake(key: string): void {
    for (const [tail, log] of this.#tails) if (tail.key === key) this.#place(tail, log)
  }

  /** Closes all tails, without a last piece. */
  stop(): void {
    this.#unsubscribe()
    for (const tail of this.#tails.keys()) tail.close()
  }

  #jobFinished(key: string): void {
    for (const [tail, log] of this.#tails) {
      if (tail.key !== key) continue
      tail.finished = true
      this.#place(tail, log)
    }
  }

  #ask(): void {
    const finished = new Map<string, boolean>()
    for (const [tail, log] of this.#tails) {
      if (!tail.finished) {
        const known = finished.get(tail.key) ?? this.#options.isFinished(tail.key)
        finished.set(tail.key, known)
        tail.finished = known
      }
      if (log === null || tail.finished) this.#place(tail, log)
    }
  }

  #place(tail: LocalTail, log: FollowedLog | null): void {
    if (log !== null) {
      log.wake()
      return
    }
    const path = this.#options.locate(tail.key)?.log ?? null
    if (path === null) {
      if (tail.finished) tail.finish(tail.openedFinished ? 'gone' : 'end')
      return
    }
    // What went wrong with the disk may be over when it is asked the next time.
    this.#follow(tail, path, 0).catch(() => this.#tails.has(tail) && this.#tails.set(tail, null))
  }

  async #follow(tail: LocalTail, path: string, offset: number): Promise<void> {
    let log = this.#logs.get(path)
    if (log === undefined) {
      log = new FollowedLog(path, (unused) => {
        if (this.#logs.get(path) === unused) this.#logs.delete(path)
      })
      this.#logs.set(path, log)
    }
    this.#tails.set(tail, log)
    await log.add(tail, offset)
  }

  #forget(tail: LocalTail): void {
    const log = this.#tails.get(tail)
    this.#tails.delete(tail)
    log?.remove(tail)
    if (this.#tails.size > 0 || this.#asking === null) return
    clearInterval(this.#asking)
    this.#asking = null
  }
}
