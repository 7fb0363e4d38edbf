/** A node as the balancer sees it at one moment. */
export interface Candidate {
  readonly id: string
  readonly name: string
  readonly online: boolean
  readonly paused: boolean
  /** Jobs it runs, starts or has waiting, those on their way to it included. */
  readonly used: number
  readonly capacity: number
  readonly hasProject: boolean
  readonly hasSpider: boolean
  /** Why what happens there is not known at the moment, although it is online; null when it is. */
  readonly behind: string | null
  /** Why this node takes nothing at the moment (another master, refused lately), or null. */
  readonly refuses: string | null
}

/** Where a job goes, or why it waits (words for an operator). */
export type Placement =
  | { readonly node: Candidate; readonly reason: null }
  | { readonly node: null; readonly reason: string }

/**
 * The least loaded node that can take the job: (running + pending) / capacity, then the most free slots, then by name so
 * that the choice is stable. Pure.
 * @param pinned the node name that the job is pinned to, or null
 */
export function placeJob(
  project: string,
  spider: string,
  pinned: string | null,
  nodes: readonly Candidate[],
): Placement {
  const scope = pinned === null ? nodes : nodes.filter((node) => node.name === pinned)
  if (scope.length === 0) {
    return waits(pinned === null ? 'no node takes jobs' : `the node ${pinned} is not in this cluster`)
  }
  const withProject = scope.filter((node) => node.hasProject)
  if (withProject.length === 0) {
    return waits(pinned === null ? `no node has ${project}` : `${pinned} does not have ${project}`)
  }
  const withSpider = withProject.filter((node) => node.hasSpider)
  if (withSpider.length === 0) return waits(`no node's ${project} has the spider ${spider}`)
  const reachable = withSpider.filter((node) => node.online)
  if (reachable.length === 0) {
    return waits(
      withSpider.length === 1
        ? `${withSpider[0]!.name}, the only node that has ${project}, is offline`
        : `all ${withSpider.length} nodes that have ${project} are offline`,
    )
  }
  const active = reachable.filter((node) => !node.paused)
  if (active.length === 0) return waits(`${names(reachable)} ${reachable.length === 1 ? 'is' : 'are'} paused`)
  const unwilling = (node: Candidate) => node.refuses ?? node.behind
  const willing = active.filter((node) => unwilling(node) === null)
  if (willing.length === 0) return waits(active.map((node) => `${node.name}: ${unwilling(node)}`).join('; '))
  const free = willing.filter((node) => node.used < node.capacity)
  if (free.length === 0) {
    return waits(
      willing.length === 1
        ? `no free slot on ${willing[0]!.name} (${willing[0]!.used} of ${willing[0]!.capacity})`
        : `no free slot on the ${willing.length} nodes that have ${project}`,
    )
  }
  return { node: free.toSorted(byLoad)[0]!, reason: null }
}

function byLoad(a: Candidate, b: Candidate): number {
  return (
    a.used / a.capacity - b.used / b.capacity ||
    b.capacity - b.used - (a.capacity - a.used) ||
    a.name.localeCompare(b.name)
  )
}

function waits(reason: string): Placement {
  return { node: null, reason: `Waits: ${reason}` }
}

function names(nodes: readonly Candidate[]): string {
  return nodes.map((node) => node.name).join(', ')
}
