import type { Database } from 'better-sqlite3'
import type { Pull } from '../api/contract/values.ts'
import type { Writer } from './writer.ts'

/** What was said of a project at run time. */
interface StoredProject {
  readonly name: string
  readonly path: string
  readonly state: 'added' | 'removed'
  readonly configuredPath: string | null
}

const PULLS_KEPT = 500
const PULLS_SHOWN = 50

/** The tables behind the ports of projects/project-store.ts. Every write is durable when it resolves. */
export class ProjectRows {
  readonly #db: Database
  readonly #writer: Writer

  constructor(db: Database, writer: Writer) {
    this.#db = db
    this.#writer = writer
  }

  rows(): readonly StoredProject[] {
    return this.#db
      .prepare('SELECT name, path, state, configured_path AS configuredPath FROM projects')
      .all() as StoredProject[]
  }

  async put(row: StoredProject): Promise<void> {
    await this.#writer.write(() =>
      this.#db
        .prepare(
          'INSERT OR REPLACE INTO projects (name, path, state, configured_path) VALUES (:name, :path, :state, :configuredPath)',
        )
        .run(row),
    )
  }

  async delete(name: string): Promise<void> {
    await this.#writer.write(() => this.#db.prepare('DELETE FROM projects WHERE name = ?').run(name))
  }
}

/** Commits that were current here, by project. */
export class VersionRows {
  readonly #db: Database
  readonly #writer: Writer

  constructor(db: Database, writer: Writer) {
    this.#db = db
    this.#writer = writer
  }

  versions(project: string): readonly string[] {
    return (
      this.#db.prepare('SELECT commit_hash FROM versions WHERE project = ? ORDER BY n').all(project) as {
        commit_hash: string
      }[]
    ).map((row) => row.commit_hash)
  }

  async record(project: string, commit: string, seenAt: number): Promise<void> {
    if (this.versions(project).at(-1) === commit) return
    await this.#writer.write(() =>
      this.#db
        .prepare('INSERT OR REPLACE INTO versions (project, commit_hash, first_seen_at) VALUES (?, ?, ?)')
        .run(project, commit, seenAt),
    )
  }
}

/** Pulls and how they went. */
export class PullRows {
  readonly #db: Database
  readonly #writer: Writer

  constructor(db: Database, writer: Writer) {
    this.#db = db
    this.#writer = writer
  }

  async save(pull: Pull): Promise<void> {
    await this.#writer.write(() => {
      this.#db
        .prepare('INSERT OR REPLACE INTO pulls (id, started_at, body) VALUES (?, ?, ?)')
        .run(pull.id, Date.parse(pull.started_at), JSON.stringify(pull))
      this.#db
        .prepare('DELETE FROM pulls WHERE id NOT IN (SELECT id FROM pulls ORDER BY started_at DESC LIMIT ?)')
        .run(PULLS_KEPT)
    })
  }

  last(project: string): readonly Pull[] {
    return (
      this.#db
        .prepare(
          `SELECT body FROM pulls WHERE EXISTS (SELECT 1 FROM json_each(pulls.body, '$.projects') WHERE value = ?)
           ORDER BY started_at DESC LIMIT ?`,
        )
        .all(project, PULLS_SHOWN) as { body: string }[]
    ).map((row) => JSON.parse(row.body) as Pull)
  }
}

/** Spider lists, so that a restarted daemon answers at once. */
export class SpiderListRows<List> {
  readonly #db: Database
  readonly #writer: Writer

  constructor(db: Database, writer: Writer) {
    this.#db = db
    this.#writer = writer
  }

  load(project: string): List | null {
    const row = this.#db.prepare('SELECT body FROM spider_lists WHERE project = ?').get(project) as
      | { body: string }
      | undefined
    return row === undefined ? null : (JSON.parse(row.body) as List)
  }

  async save(project: string, list: List): Promise<void> {
    await this.#writer.write(() =>
      this.#db
        .prepare('INSERT OR REPLACE INTO spider_lists (project, body) VALUES (?, ?)')
        .run(project, JSON.stringify(list)),
    )
  }

  async delete(project: string): Promise<void> {
    await this.#writer.write(() => this.#db.prepare('DELETE FROM spider_lists WHERE project = ?').run(project))
  }
}
