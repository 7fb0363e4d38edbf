import type { NodeDetail } from '../../src-daemon/api/contract/values.ts'

export type UpDay = 'up' | 'down' | 'unknown'

const DAY = 86_400_000

type Entry = NodeDetail['history'][number]

/** The history of a node; one without entries (the master itself) has been as it is since it is known. */
export function historyOf(node: Pick<NodeDetail, 'state' | 'since'>, history: readonly Entry[]): readonly Entry[] {
  return history.length > 0 ? history : [{ at: node.since, state: node.state, reason: null }]
}

/**
 * One mark per day, oldest first: `down` when the node was offline at any moment of it, `unknown` before its first
 * entry. `history` is newest first.
 */
export function upDays(history: readonly Entry[], now: number, days = 30): UpDay[] {
  const entries = history.toReversed().map(({ at, state }) => ({ at: Date.parse(at), state }))
  return Array.from({ length: days }, (_, index) => {
    const from = now - (days - index) * DAY
    const to = from + DAY
    const before = entries.findLast(({ at }) => at <= from)
    const within = entries.filter(({ at }) => at > from && at <= to)
    const states = [...(before === undefined ? [] : [before]), ...within].map(({ state }) => state)
    if (states.includes('offline')) return 'down'
    return states.includes('online') ? 'up' : 'unknown'
  })
}
