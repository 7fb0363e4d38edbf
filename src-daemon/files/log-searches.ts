import { closeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { LogSearchResult } from '../api/ports.ts'
import { type FileIdentity, hasOnlyGrown } from './file-identity.ts'
import { type LogIndexes, openWithIdentity } from './log-index.ts'
import type { LogQuery } from './log-query.ts'
import { LogSearch } from './log-search.ts'

/** A search holds two buffers of 2 MiB. */
const maxAtOnce = 4
const maxPages = 256

/** The rest of a search that was answered in part. */
interface Page {
  readonly identity: FileIdentity
  readonly size: number
  readonly remaining: number
}

/**
 * Searches of whole logs. A page that was announced by `next` is read only as far as it is full: the total is known from
 * the page before, and the file is taken as it was then (`size`; what came later is found by searching from there).
 */
export class LogSearches {
  readonly #indexes: LogIndexes
  readonly #pages = new Map<string, Page>()
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(indexes: LogIndexes) {
    this.#indexes = indexes
  }

  /** `isCancelled` is asked between the buffers; null = it was. Throws FileNotFoundError, StorageError. */
  async search(path: string, query: LogQuery, isCancelled: () => boolean): Promise<LogSearchResult | null> {
    await this.#begin()
    try {
      return isCancelled() ? null : await this.#search(path, query, isCancelled)
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  async #begin(): Promise<void> {
    while (this.#running >= maxAtOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
  }

  async #search(path: string, query: LogQuery, isCancelled: () => boolean): Promise<LogSearchResult | null> {
    const start = await this.#indexes.pointBefore(path, query.from)
    const { fd, identity } = openWithIdentity(path)
    try {
      const page = this.#page(path, query, identity)
      const search = new LogSearch(fd, page?.size ?? identity.size, query, start)
      const done = Symbol('cancelled')
      try {
        const found = await search.run(page !== null, async () => {
          await turn()
          if (isCancelled()) throw done
        })
        const result = page === null ? found : { ...found, total: page.remaining }
        this.#remember(path, query, identity, result)
        return result
      } catch (error) {
        if (error === done) return null
        throw error
      }
    } finally {
      closeSync(fd)
    }
  }

  #page(path: string, query: LogQuery, identity: FileIdentity): Page | null {
    const page = this.#pages.get(pageKey(path, query, query.from))
    return page !== undefined && hasOnlyGrown({ ...page.identity, size: page.size }, identity) ? page : null
  }

  #remember(
    path: string,
    query: LogQuery,
    identity: FileIdentity,
    { next, size, total, matches }: LogSearchResult,
  ): void {
    if (next === null) return
    const key = pageKey(path, query, next)
    this.#pages.delete(key)
    this.#pages.set(key, { identity, size, remaining: total - matches.length })
    if (this.#pages.size <= maxPages) return
    const [oldest] = this.#pages.keys()
    if (oldest !== undefined) this.#pages.delete(oldest)
  }
}

function pageKey(path: string, { q, levels }: LogQuery, from: number): string {
  return JSON.stringify([path, q, levels.toSorted(), from])
}
