import type { Database, Statement } from 'better-sqlite3'

/** Statements prepared once each: preparing costs more than most of them. For a bounded set of SQL texts only. */
export class Statements {
  readonly #db: Database
  readonly #known = new Map<string, Statement>()

  constructor(db: Database) {
    this.#db = db
  }

  of(sql: string): Statement {
    let statement = this.#known.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#known.set(sql, statement)
    }
    return statement
  }
}
