import type { Database, Statement } from 'better-sqlite3'
import { StorageError } from '../errors.ts'

interface Waiting {
  readonly step: () => unknown
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** At most this many steps share a transaction, so that a flood does not block the event loop for long. */
const BATCH = 500

/** Under load, patient steps wait up to so long (ms) since the last commit, so that more of them share one. */
const PATIENCE_MS = 25

/** Under load: so many patient steps within RUSH_MS. */
const RUSH = 10
const RUSH_MS = 100

/** So many turns of the event loop a commit waits while each of them brings more to write. */
const MOST_TURNS = 8

/**
 * Group commits: all writes of one turn of the event loop, and of the next ones while they bring more, share one
 * transaction and one fsync. A promise resolves only after the commit. Each step has a savepoint of its own, so that one
 * bad row does not fail its batch; when the commit itself fails (full disk), every promise of the batch is rejected with
 * StorageError and nothing was changed.
 */
export class Writer {
  readonly #db: Database
  readonly #listeners = new Set<() => void>()
  readonly #sql: Readonly<Record<'begin' | 'save' | 'release' | 'undo' | 'commit', Statement>>
  #waiting: Waiting[] = []
  #scheduled = false
  #patience: NodeJS.Timeout | null = null
  /** When the last RUSH patient steps came (ms), oldest first. */
  readonly #lately: number[] = []
  #committedAt = Number.NEGATIVE_INFINITY

  constructor(db: Database) {
    this.#db = db
    this.#sql = {
      begin: db.prepare('BEGIN IMMEDIATE'),
      save: db.prepare('SAVEPOINT step'),
      release: db.prepare('RELEASE step'),
      undo: db.prepare('ROLLBACK TO step'),
      commit: db.prepare('COMMIT'),
    }
  }

  /** Runs `step` (synchronous SQL) in the next transaction. */
  write<T>(step: () => T): Promise<T> {
    const done = this.#add(step)
    if (!this.#scheduled) this.#schedule(0, MOST_TURNS)
    return done
  }

  /**
   * As `write`, for what nobody waits for: while there are many commits, it lets some time pass for others to come along.
   * A fsync costs more than what is stored.
   */
  writePatiently<T>(step: () => T): Promise<T> {
    const done = this.#add(step)
    const now = performance.now()
    this.#lately.push(now)
    const first = this.#lately.length > RUSH ? (this.#lately.shift() ?? 0) : Number.NEGATIVE_INFINITY
    if (this.#scheduled || this.#patience !== null) return done
    const wait = now - first < RUSH_MS ? PATIENCE_MS - (now - this.#committedAt) : 0
    if (wait <= 0) this.#schedule(0, MOST_TURNS)
    else this.#patience = setTimeout(() => this.#schedule(0, 0), wait)
    return done
  }

  #add<T>(step: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ step, resolve: resolve as (value: unknown) => void, reject })
    })
  }

  /** Looks again after a turn of the event loop; commits when that brought nothing more than the `seen` steps. */
  #schedule(seen: number, turns: number): void {
    this.#scheduled = true
    if (this.#patience !== null) clearTimeout(this.#patience)
    this.#patience = null
    setImmediate(() => {
      const { length } = this.#waiting
      if (length > seen && length < BATCH && turns > 0) this.#schedule(length, turns - 1)
      else this.#commit()
    })
  }

  /** Called after every commit. Returns the way to stop. */
  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #commit(): void {
    this.#scheduled = false
    const batch = this.#waiting.splice(0, BATCH)
    if (this.#waiting.length > 0) this.#schedule(0, MOST_TURNS)
    const done: (() => void)[] = []
    try {
      this.#sql.begin.run()
      for (const { step, resolve, reject } of batch) {
        this.#sql.save.run()
        try {
          const value = step()
          this.#sql.release.run()
          done.push(() => resolve(value))
        } catch (error) {
          if (!this.#db.inTransaction) throw error
          this.#sql.undo.run()
          this.#sql.release.run()
          done.push(() => reject(toStorageError(error)))
        }
      }
      this.#sql.commit.run()
    } catch (error) {
      this.#rollback()
      const failure = toStorageError(error)
      for (const { reject } of batch) reject(failure)
      return
    }
    this.#committedAt = performance.now()
    for (const settle of done) settle()
    for (const listener of this.#listeners) listener()
  }

  #rollback(): void {
    try {
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK')
    } catch {
      // SQLite has rolled back by itself; what counts is the first error.
    }
  }
}

/** SQLite's own errors become StorageError; ours pass. */
function toStorageError(error: unknown): unknown {
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return error
  const message = code.startsWith('SQLITE_FULL')
    ? 'The disk that holds dbs_dir is full: nothing was stored. Free space there; no restart is needed.'
    : `The database could not store this: ${(error as Error).message}`
  return new StorageError(message, { cause: error })
}
