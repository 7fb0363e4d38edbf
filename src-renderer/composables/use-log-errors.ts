import type { LogIndex, LogMatch } from '../../src-daemon/api/contract/values.ts'
import { isTraceback, recordLevel } from '../domain/log/log-line.ts'
import { useTransport } from './use-transport.ts'

export interface LogErrors {
  /** The first error that begins after this byte; null: there is none. */
  next(after: number): Promise<LogMatch | null>
  /** The last one that begins before it; `index` tells where to look. */
  previous(before: number, index: LogIndex | null): Promise<LogMatch | null>
}

const FEW = 200
const MANY = 5_000

/** Errors of a log of any size: they are looked for on its node, never by reading the file. */
export function useLogErrors(key: string): LogErrors {
  const transport = useTransport()

  const search = (from: number, limit: number) =>
    transport.call('searchLog', { params: { key }, query: { level: ['ERROR', 'CRITICAL'], from, limit } })

  /** Lines of an error that are not its first one carry its level too. */
  const begins = ({ text }: LogMatch) => recordLevel(text) !== undefined || isTraceback(text)

  async function next(after: number): Promise<LogMatch | null> {
    for (let from: number | null = after; from !== null;) {
      const reply: Awaited<ReturnType<typeof search>> = await search(from, FEW)
      const found = reply.matches.find((match) => match.offset > after && begins(match))
      if (found !== undefined) return found
      from = reply.next
    }
    return null
  }

  async function previous(before: number, index: LogIndex | null): Promise<LogMatch | null> {
    for (const from of placesBefore(before, index)) {
      let found: LogMatch | null = null
      for (let at: number | null = from; at !== null && at < before;) {
        const reply: Awaited<ReturnType<typeof search>> = await search(at, MANY)
        found = reply.matches.findLast((match) => match.offset < before && begins(match)) ?? found
        at = reply.matches.some(({ offset }) => offset >= before) ? null : reply.next
      }
      if (found !== null) return found
    }
    return null
  }

  return { next, previous }
}

/** Where to begin looking, nearest first: the cells of the map that have errors, and at last the file's begin. */
export function placesBefore(before: number, index: LogIndex | null): number[] {
  if (index === null || index.map.length === 0) return [0]
  const width = index.size / index.map.length
  const places: number[] = []
  for (const [cell, { errors }] of index.map.entries()) {
    // The map is coarse: an error may lie at the end of the cell before.
    const from = Math.floor(Math.max(0, cell - 1) * width)
    if (errors > 0 && from < before) places.unshift(from)
  }
  return [...new Set([...places, 0])]
}
