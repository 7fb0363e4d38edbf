import type { Node } from '../../src-daemon/api/contract/values.ts'

/** A node's state as an operator sees it: a paused node is one that could take jobs but does not. */
export type NodeStatus = 'online' | 'offline' | 'unknown' | 'paused'

export function nodeStatus(node: Pick<Node, 'state' | 'paused'>): NodeStatus {
  return node.state === 'online' && node.paused ? 'paused' : node.state
}

/** `10.20.0.23:6800` of a node's URL; null for one that has none (the master's own). */
export function nodeAddress(node: Pick<Node, 'url'>): string | null {
  if (node.url === null) return null
  try {
    return new URL(node.url).host
  } catch {
    return node.url
  }
}

/** Slots that can take a job now. */
export function freeSlots(node: Pick<Node, 'state' | 'paused' | 'max_proc' | 'running'>): number {
  return nodeStatus(node) === 'online' ? Math.max(0, (node.max_proc ?? 0) - node.running) : 0
}

const ATTENTION: Record<NodeStatus, number> = { offline: 0, paused: 1, unknown: 2, online: 3 }

/** Those that need somebody first, then in their usual order. */
export function byAttention(nodes: readonly Node[]): Node[] {
  return nodes.toSorted((a, b) => ATTENTION[nodeStatus(a)] - ATTENTION[nodeStatus(b)])
}

/** What the slot rail shows: all up to `limit`; above that those not online, then the fullest. */
export function railNodes(nodes: readonly Node[], limit = 12): Node[] {
  if (nodes.length <= limit) return [...nodes]
  const fullness = (node: Node) => (node.max_proc === null || node.max_proc === 0 ? 0 : node.running / node.max_proc)
  return nodes
    .toSorted((a, b) => ATTENTION[nodeStatus(a)] - ATTENTION[nodeStatus(b)] || fullness(b) - fullness(a))
    .slice(0, limit)
}

/** Share of free disk below which a node needs attention (the overview says so too). */
export const LOW_DISK = 0.05

export function diskIsLow(node: Pick<Node, 'disk_free_bytes' | 'disk_total_bytes'>): boolean {
  return (
    node.disk_free_bytes !== null &&
    node.disk_total_bytes !== null &&
    node.disk_total_bytes > 0 &&
    node.disk_free_bytes / node.disk_total_bytes < LOW_DISK
  )
}
