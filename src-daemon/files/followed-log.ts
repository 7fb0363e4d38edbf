import { setImmediate as turn } from 'node:timers/promises'
import type { TailPiece } from '../api/ports.ts'
import { StorageError } from '../errors.ts'
import { FileWatch } from './file-watch.ts'
import type { LocalTail } from './local-tail.ts'
import { closeLog, lookAgain, openLog, type OpenLog, sizeNow } from './open-log.ts'
import { fileError } from './regular-file.ts'
import { tailStart } from './tail-start.ts'
import { wholeCharacters } from './utf8-cut.ts'

const pieceBytes = 64 * 1024
/** Looks that the system's reports cause are this far apart; the first one is at once. */
const lookEveryMs = 40
/** How long readers that are behind are served before the file is looked at again. */
const roundMs = 25
/** How long one turn of the event loop may take. */
const turnMs = 8

interface Starting {
  readonly offset: number
  readonly started: PromiseWithResolvers<void>
}

/**
 * A log on this disk and all its readers: one watch, one look and one read of each piece serve them all, in one loop that
 * never runs twice at once.
 */
export class FollowedLog {
  readonly #path: string
  readonly #onUnused: (log: FollowedLog) => void
  readonly #tails = new Set<LocalTail>()
  readonly #starting = new Map<LocalTail, Starting>()
  readonly #pieces = new Map<string, TailPiece>()
  #log: OpenLog | null = null
  /** `#log` does not lie at its path any more: the rest of it is sent before that counts. */
  #superseded = false
  #watch: FileWatch | null = null
  #gathering: NodeJS.Timeout | null = null
  #lookedAt = 0
  #serving = false
  #again = false

  constructor(path: string, onUnused: (log: FollowedLog) => void) {
    this.#path = path
    this.#onUnused = onUnused
  }

  /**
   * Resolves once the tail knows where it begins; its first piece comes in a later turn of the event loop. Throws
   * StorageError, and the tail is not added then.
   */
  async add(tail: LocalTail, offset: number): Promise<void> {
    const started = Promise.withResolvers<void>()
    this.#tails.add(tail)
    this.#starting.set(tail, { offset, started })
    if (!tail.finished) this.#watch ??= new FileWatch(this.#path, () => this.#gather())
    this.wake()
    await started.promise
  }

  remove(tail: LocalTail): void {
    this.#tails.delete(tail)
    this.#starting.get(tail)?.started.resolve()
    this.#starting.delete(tail)
    if (!this.#serving) this.#closeIfUnused()
  }

  /** Something has changed: the file, a job's state, or a reader has room again. */
  wake(): void {
    this.#again = true
    if (!this.#serving) void this.#serve()
  }

  #gather(): void {
    this.#gathering ??= setTimeout(
      () => {
        this.#gathering = null
        this.wake()
      },
      Math.max(0, this.#lookedAt + lookEveryMs - performance.now()),
    ).unref()
  }

  async #serve(): Promise<void> {
    this.#serving = true
    try {
      while (this.#again && this.#tails.size > 0) {
        this.#again = false
        // In this order: what is there after a job's end is all that there will be.
        const finished = new Set([...this.#tails].filter((tail) => tail.finished))
        const failure = await storageFailure(() => this.#look())
        await this.#start(failure)
        if (failure === null && !this.#superseded) for (const tail of finished) tail.settled = true
        if (await this.#send(finished)) this.#again = true
        else if (!this.#superseded && failure === null) this.#finish(finished)
        // The old file was sent to its end: on with what lies there now.
        else if (this.#superseded && (await storageFailure(() => this.#replace())) === null) this.#again = true
      }
    } finally {
      this.#serving = false
      this.#closeIfUnused()
    }
  }

  /** Brings `#log` up to date. */
  async #look(): Promise<void> {
    this.#lookedAt = performance.now()
    this.#pieces.clear()
    if (this.#log === null) this.#log = await openLog(this.#path)
    else if (!this.#superseded) await this.#update(this.#log)
  }

  async #update(log: OpenLog): Promise<void> {
    const now = await lookAgain(this.#path, log)
    if (now === 'cut') {
      await this.#replace()
    } else if (now === 'away') {
      this.#superseded = true
      this.#log = { ...log, identity: { ...log.identity, size: await sizeNow(log) } }
    } else {
      this.#log = now
    }
  }

  /** Takes the file that lies at the path now, if one does; all readers whose job it is begin with it anew. */
  async #replace(): Promise<void> {
    const found = await openLog(this.#path)
    await closeLog(this.#log)
    this.#log = found
    this.#superseded = false
    for (const tail of this.#tails) {
      if (this.#starting.has(tail)) continue
      if (found === null || tail.settled) tail.owesGone = true
      else tail.position = 0
    }
  }

  async #start(failure: StorageError | null): Promise<void> {
    if (this.#starting.size === 0 || (this.#superseded && failure === null)) return
    for (const [tail, { offset, started }] of this.#starting) {
      this.#starting.delete(tail)
      try {
        if (failure !== null) throw failure
        const size = this.#log?.identity.size ?? 0
        tail.start(this.#log === null ? 0 : await tailStart(this.#log.handle, size, offset), size)
        if (this.#log === null && tail.openedFinished) tail.owesGone = true
        started.resolve()
      } catch (error) {
        this.#tails.delete(tail)
        started.reject(fileError(this.#path, error))
      }
    }
    // Whoever opened the tail must hold it before its first piece comes.
    await turn()
  }

  /** Sends what there is to the readers that have room, a piece each in turn; true when there may be more. */
  async #send(finished: ReadonlySet<LocalTail>): Promise<boolean> {
    const began = performance.now()
    let turnBegan = began
    for (;;) {
      let sent = false
      for (const tail of this.#tails) {
        if (!tail.takesMore) continue
        if (tail.owesGone) tail.sendGone()
        const piece = await this.#piece(tail.position, finished.has(tail) || this.#superseded)
        if (piece === null || !tail.takesMore) continue
        tail.send(piece)
        sent = true
        if (performance.now() - turnBegan < turnMs) continue
        await turn()
        turnBegan = performance.now()
      }
      if (!sent) return false
      if (performance.now() - began > roundMs) return true
    }
  }

  /** The piece at `offset`; null when none is there, or less than a character. `whole`: nothing will follow the end. */
  async #piece(offset: number, whole: boolean): Promise<TailPiece | null> {
    const log = this.#log
    if (log === null || offset >= log.identity.size) return null
    const key = `${offset} ${whole}`
    const known = this.#pieces.get(key)
    if (known !== undefined) return known
    const piece = await readPiece(log, offset, whole)
    if (piece === null) return null
    if (this.#pieces.size >= 16) this.#pieces.clear()
    this.#pieces.set(key, piece)
    return piece
  }

  #finish(finished: ReadonlySet<LocalTail>): void {
    const size = this.#log?.identity.size ?? 0
    for (const tail of finished) {
      if (tail.takesMore && !tail.owesGone && tail.position >= size) tail.finish('end')
    }
  }

  #closeIfUnused(): void {
    if (this.#tails.size > 0) return
    this.#onUnused(this)
    this.#watch?.close()
    this.#watch = null
    if (this.#gathering !== null) clearTimeout(this.#gathering)
    this.#gathering = null
    void closeLog(this.#log)
    this.#log = null
  }
}

async function readPiece({ handle, identity }: OpenLog, offset: number, whole: boolean): Promise<TailPiece | null> {
  const wanted = Math.min(pieceBytes, identity.size - offset)
  const bytes = Buffer.allocUnsafe(wanted)
  let length: number
  try {
    length = (await handle.read(bytes, 0, wanted, offset)).bytesRead
  } catch {
    // The next look finds out what is wrong with it.
    return null
  }
  const used = whole && offset + length >= identity.size ? length : wholeCharacters(bytes, length)
  if (used === 0) return null
  return { offset, length: used, text: bytes.toString('utf8', 0, used), state: 'live' }
}

/** What went wrong with the disk; it is asked again with the next change or poll. */
async function storageFailure(work: () => Promise<void>): Promise<StorageError | null> {
  try {
    await work()
    return null
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
}
