import type { EventFeed } from './ports.ts'

/** One server-sent event. JSON has no line breaks, so it is one `data` line. */
export function eventText(type: string, json: string, id?: string): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${json}\n\n`
}

/** Numbered events as they go over the wire. */
export interface EventPage {
  readonly text: string
  /** Number of the first and of the last event; null when there is none. */
  readonly first: number | null
  readonly last: number | null
  /** There may be more after it. */
  readonly isFull: boolean
}

const PAGE_ROWS = 100
/** What a slow reader has to take before anybody looks whether it reads. */
const PAGE_CHARACTERS = 131_072
const KEPT_PAGES = 16

/**
 * Pages of numbered events. Streams that are up to date all want the same page after a commit, so it is read and made
 * into text once.
 */
export class EventPages {
  readonly #feed: EventFeed
  readonly #pages = new Map<number, EventPage>()

  constructor(feed: EventFeed) {
    this.#feed = feed
  }

  /** The events after this number, as many as make a page. */
  after(seq: number): EventPage {
    const known = this.#pages.get(seq)
    if (known !== undefined) return known
    const rows = this.#feed.read(seq, PAGE_ROWS)
    let text = ''
    let last: number | null = null
    for (const row of rows) {
      text += eventText(row.type, row.json, `${this.#feed.feed}:${row.seq}`)
      last = row.seq
      if (text.length > PAGE_CHARACTERS) break
    }
    const isFull = rows.length === PAGE_ROWS || last !== (rows.at(-1)?.seq ?? null)
    const page = { text, first: rows[0]?.seq ?? null, last, isFull }
    if (this.#pages.size >= KEPT_PAGES) this.#pages.clear()
    this.#pages.set(seq, page)
    return page
  }

  /** There are more events now. */
  clear(): void {
    this.#pages.clear()
  }
}
