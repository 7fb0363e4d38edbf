import type { Database, Statement } from 'better-sqlite3'

/** Small values that belong to the daemon itself: pause, owner, secret. */
export class MetaStore {
  readonly #get: Statement
  readonly #set: Statement
  readonly #delete: Statement

  constructor(db: Database) {
    this.#get = db.prepare('SELECT value FROM meta WHERE name = ?')
    this.#set = db.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)')
    this.#delete = db.prepare('DELETE FROM meta WHERE name = ?')
  }

  get(name: string): string | null {
    return (this.#get.get(name) as { value: string } | undefined)?.value ?? null
  }

  /** Inside `Writer.write`; null removes the value. */
  set(name: string, value: string | null): void {
    if (value === null) this.#delete.run(name)
    else this.#set.run(name, value)
  }
}
