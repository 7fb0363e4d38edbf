import type { Database, Statement } from 'better-sqlite3'

/** First answers by `Idempotency-Key`, kept for 24 hours. Source: HTTP_API.md. */
export class RequestStore {
  readonly #get: Statement
  readonly #put: Statement
  readonly #prune: Statement

  constructor(db: Database) {
    this.#get = db.prepare('SELECT reply FROM requests WHERE idempotency_key = ? AND at > ?')
    this.#put = db.prepare('INSERT OR REPLACE INTO requests (idempotency_key, at, reply) VALUES (?, ?, ?)')
    this.#prune = db.prepare(
      'DELETE FROM requests WHERE idempotency_key IN (SELECT idempotency_key FROM requests WHERE at <= ? LIMIT ?)',
    )
  }

  /** The JSON text of the first answer, or null. */
  reply(key: string, now: number): string | null {
    const row = this.#get.get(key, now - KEPT_MS) as { reply: string } | undefined
    return row?.reply ?? null
  }

  /** Inside `Writer.write`, together with what the request did. */
  remember(key: string, reply: string, now: number): void {
    this.#put.run(key, now, reply)
  }

  /** Inside `Writer.write`: forgets old answers, at most `limit`. Returns how many went. */
  prune(now: number, limit: number): number {
    return this.#prune.run(now - KEPT_MS, limit).changes
  }
}

const KEPT_MS = 24 * 60 * 60 * 1000
