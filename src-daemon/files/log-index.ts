import { closeSync, readSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { type FileIdentity, hasOnlyGrown, headBytes } from './file-identity.ts'
import { type LinePoint, LogScan, type LogScanResult } from './log-scan.ts'
import { openRegularFileSync } from './regular-file.ts'

const chunkBytes = 1 << 20

/** An index as it is now, with the size that the file has. */
export interface IndexedLog extends LogScanResult {
  readonly size: number
}

/** One indexed file: what is known of it, and the work that is going on. */
interface Entry {
  identity: FileIdentity
  scan: LogScan
  /** The scan that is running, if one is. */
  running: Promise<void> | null
}

/**
 * The indexes of the logs that were asked for last. Each is continued where it ended when it is asked for again, and
 * begun anew when its file was replaced or cut. Reads with blocking calls, a piece at a time: made for a thread of its own.
 */
export class LogIndexes {
  readonly #entries = new Map<string, Entry>()
  readonly #maxFiles: number
  readonly #buffer = Buffer.allocUnsafe(chunkBytes)

  constructor(maxFiles = 64) {
    this.#maxFiles = maxFiles
  }

  /**
   * The index after at most `patience` milliseconds of reading; reading goes on behind it to the end of the file.
   * Throws FileNotFoundError, StorageError.
   */
  async of(path: string, patience: number): Promise<IndexedLog> {
    const entry = this.#refresh(path)
    const deadline = performance.now() + patience
    while (entry.running !== null && performance.now() < deadline) await turn()
    // The entry may have been begun anew meanwhile.
    const { scan, identity } = entry
    const size = Math.max(identity.size, scan.position)
    return { ...scan.result(size), size }
  }

  /** The last known line that begins at or before `offset`, once the file is indexed that far. */
  async pointBefore(path: string, offset: number): Promise<LinePoint> {
    const entry = this.#refresh(path)
    while (entry.running !== null && entry.scan.position < offset) await turn()
    return entry.scan.pointBefore(offset)
  }

  /** Looks at the file and goes on reading it where the last reading ended. */
  #refresh(path: string): Entry {
    const { fd, identity } = openWithIdentity(path)
    let entry = this.#entries.get(path)
    if (entry === undefined) {
      entry = { identity, scan: new LogScan(), running: null }
    } else if (!hasOnlyGrown(entry.identity, identity)) {
      // A scan of the old file that still runs sees that it is not the entry's any more, and stops.
      entry.scan = new LogScan()
      entry.running = null
    }
    entry.identity = identity
    this.#touch(path, entry)
    if (entry.running !== null || entry.scan.position >= identity.size) closeSync(fd)
    else this.#run(fd, entry)
    return entry
  }

  #run(fd: number, entry: Entry): void {
    const { scan } = entry
    const running = this.#read(fd, entry, scan)
      .finally(() => {
        closeSync(fd)
        if (entry.scan === scan) entry.running = null
      })
      // What is read so far stays; the next request opens the file again and reports what is wrong with it.
      .catch(() => undefined)
    entry.running = running
  }

  async #read(fd: number, entry: Entry, scan: LogScan): Promise<void> {
    await turn()
    while (entry.scan === scan) {
      const length = readSync(fd, this.#buffer, 0, chunkBytes, scan.position)
      if (length === 0) return
      scan.feed(this.#buffer, length)
      await turn()
    }
  }

  #touch(path: string, entry: Entry): void {
    this.#entries.delete(path)
    this.#entries.set(path, entry)
    for (const [oldest, { running }] of this.#entries) {
      if (this.#entries.size <= this.#maxFiles) return
      if (running === null && oldest !== path) this.#entries.delete(oldest)
    }
  }
}

/** Opens a log and says which file it is. */
export function openWithIdentity(path: string): { fd: number; identity: FileIdentity } {
  const { fd, stats } = openRegularFileSync(path)
  try {
    const head = Buffer.alloc(headBytes)
    const length = readSync(fd, head, 0, headBytes, 0)
    return { fd, identity: { dev: stats.dev, ino: stats.ino, size: stats.size, head: head.subarray(0, length) } }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}
