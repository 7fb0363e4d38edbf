import { cursorPattern } from './contract/events.ts'
import type { EventFeed } from './ports.ts'

/** Where a stream begins: after a number, or with a snapshot because the cursor cannot be served (`reason`). */
export type EventStart =
  | { readonly kind: 'after'; readonly seq: number }
  | { readonly kind: 'snapshot'; readonly reason: string }

/** Source: HTTP_API.md, "Events". `live`: begin at the head, without replay or snapshot. */
export function eventStart(feed: EventFeed, cursor: string | undefined, live: boolean, check?: number): EventStart {
  if (cursor === undefined || cursor === '') {
    return live ? { kind: 'after', seq: feed.head() } : { kind: 'snapshot', reason: 'no cursor' }
  }
  const [, name, digits] = cursorPattern.exec(cursor) ?? []
  if (name === undefined) return { kind: 'snapshot', reason: 'the cursor is malformed' }
  if (name !== feed.feed) return { kind: 'snapshot', reason: `the feed is ${feed.feed}, not ${name}` }
  const seq = Number(digits)
  if (seq > feed.head())
    return { kind: 'snapshot', reason: `the cursor lies in the future: the last event is ${feed.head()}` }
  if (seq + 1 < feed.oldest()) {
    return { kind: 'snapshot', reason: `the cursor is too old: the oldest event kept is ${feed.oldest()}` }
  }
  if (check !== undefined && !feed.isSame(seq, check)) {
    return { kind: 'snapshot', reason: `event ${seq} is another one now: the database is an older copy` }
  }
  return { kind: 'after', seq }
}
