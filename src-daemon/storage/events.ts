import type { Database, Statement } from 'better-sqlite3'

/** An event as a follower gets it: its number, its type and the whole JSON text. */
export interface StoredEvent {
  readonly seq: number
  readonly type: string
  readonly json: string
}

/** The numbered events: appended with every change, in the same transaction; read by cursor. */
export class EventStore {
  readonly #db: Database
  readonly #append: Statement
  readonly #read: Statement
  readonly #bounds: Statement
  readonly #at: Statement

  constructor(db: Database) {
    this.#db = db
    this.#append = db.prepare('INSERT INTO events (at, type, body) VALUES (?, ?, ?)')
    this.#read = db.prepare(
      `SELECT seq, type,
              '{"type":"' || type || '","seq":' || seq || ',"at":"' || strftime('%Y-%m-%dT%H:%M:%f', at / 1000.0, 'unixepoch') || 'Z"' || iif(body = '{}', '}', ',' || substr(body, 2)) AS json
       FROM events WHERE seq > ? ORDER BY seq LIMIT ?`,
    )
    this.#bounds = db.prepare(
      `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) AS head, (SELECT min(seq) FROM events) AS oldest`,
    )
    this.#at = db.prepare('SELECT at FROM events WHERE seq = ?')
  }

  /** Appends an event whose JSON is `{"type", "seq", "at", ...body}`. Inside `Writer.write` only. */
  append(type: string, body: Readonly<Record<string, unknown>>, at: number): void {
    this.#append.run(at, type, JSON.stringify(body))
  }

  /** Number of the newest event; 0 when there never was one. */
  head(): number {
    return (this.#bounds.get() as { head: number }).head
  }

  /** Number of the oldest event that is kept; `head() + 1` when none is. */
  oldest(): number {
    const { head, oldest } = this.#bounds.get() as { head: number; oldest: number | null }
    return oldest ?? head + 1
  }

  /**
   * Whether the event `seq` is the one that a follower saw (by its time in ms): a database restored from an old copy
   * reaches the same numbers again with other events.
   */
  isSame(seq: number, at: number): boolean {
    const row = this.#at.get(seq) as { at: number } | undefined
    return row === undefined || row.at === at
  }

  read(after: number, limit: number): readonly StoredEvent[] {
    return this.#read.all(after, limit) as StoredEvent[]
  }

  /** Removes events up to `seq`, at most `limit` of them. Inside `Writer.write`. Returns how many went. */
  prune(seq: number, limit: number): number {
    return this.#db
      .prepare('DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= ? ORDER BY seq LIMIT ?)')
      .run(seq, limit).changes
  }
}
