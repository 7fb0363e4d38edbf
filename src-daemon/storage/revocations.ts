import type { Database, Statement } from 'better-sqlite3'

/** Dispatches that the master took back before they arrived: a late request must not start them. */
export class RevocationStore {
  readonly #get: Statement
  readonly #put: Statement
  readonly #prune: Statement

  constructor(db: Database) {
    this.#get = db.prepare('SELECT attempt FROM revoked WHERE key = ?')
    this.#put = db.prepare(
      `INSERT INTO revoked (key, attempt, at) VALUES (:key, :attempt, :at)
       ON CONFLICT (key) DO UPDATE SET attempt = max(attempt, :attempt), at = :at`,
    )
    this.#prune = db.prepare('DELETE FROM revoked WHERE key IN (SELECT key FROM revoked WHERE at < ? LIMIT ?)')
  }

  /** The highest attempt of that key that was taken back; 0 when none was. */
  attempt(key: string): number {
    return (this.#get.get(key) as { attempt: number } | undefined)?.attempt ?? 0
  }

  /** Inside `Writer.write`. */
  put(key: string, attempt: number, at: number): void {
    this.#put.run({ key, attempt, at })
  }

  /** Inside `Writer.write`: forgets what is older than any request can be, at most `limit`. Returns how many went. */
  prune(before: number, limit: number): number {
    return this.#prune.run(before, limit).changes
  }
}
