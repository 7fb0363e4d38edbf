import type { FeedEvent } from '../src-daemon/api/contract/events.ts'
import type { Node } from '../src-daemon/api/contract/values.ts'

/** What tray and badge show of the open cluster. */
export interface ClusterHealth {
  readonly nodes: ReadonlyMap<string, { readonly online: boolean; readonly running: number }>
}

export const NO_HEALTH: ClusterHealth = { nodes: new Map() }

/** The state as a list of nodes says it. */
export function healthOf(nodes: readonly Pick<Node, 'id' | 'state' | 'running'>[]): ClusterHealth {
  return { nodes: new Map(nodes.map((node) => [node.id, facts(node)])) }
}

/** The state after some events. */
export function applyEvents(health: ClusterHealth, events: readonly FeedEvent[]): ClusterHealth {
  const nodes = new Map(health.nodes)
  for (const event of events) {
    if (event.type === 'node') nodes.set(event.node.id, facts(event.node))
    else if (event.type === 'node-removed') nodes.delete(event.id)
    else if (event.type === 'load') {
      const known = nodes.get(event.node)
      if (known !== undefined) nodes.set(event.node, { ...known, running: event.running })
    }
  }
  return { nodes }
}

/** The three figures of the tray. */
export function figures({ nodes }: ClusterHealth): { online: number; offline: number; running: number } {
  const all = [...nodes.values()]
  return {
    online: all.filter(({ online }) => online).length,
    offline: all.filter(({ online }) => !online).length,
    running: all.reduce((sum, { online, running }) => sum + (online ? running : 0), 0),
  }
}

function facts({ state, running }: Pick<Node, 'state' | 'running'>): { online: boolean; running: number } {
  return { online: state !== 'offline', running }
}
