import { reasonText } from '../api/contract/reasons.ts'
/** A node as the balancer sees it at one moment. */
export interface Candidate {
  readonly id: string
  readonly name: string
  readonly online: boolean
  /** Why it is not online, where that is more than being offline (another master, a wrong password …). */
  readonly problem: string | null
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
    return waits(pinned === null ? reasonText('noNode') : reasonText('notInCluster', { node: pinned }))
  }
  const withProject = scope.filter((node) => node.hasProject)
  if (withProject.length === 0) {
    return waits(
      pinned === null ? reasonText('nowhere', { project }) : reasonText('notThere', { node: pinned, project }),
    )
  }
  const withSpider = withProject.filter((node) => node.hasSpider)
  if (withSpider.length === 0) return waits(reasonText('noSpider', { project, spider }))
  const free = withSpider.filter((node) => obstacle(node) === null && node.used < node.capacity)
  if (free.length > 0) return { node: free.toSorted(byLoad)[0]!, reason: null }
  return waits(whyNone(project, withSpider))
}

/** Why not one of the nodes that have the spider can take it. */
function whyNone(project: string, nodes: readonly Candidate[]): string {
  const full = nodes.filter((node) => obstacle(node) === null)
  const [first] = full
  if (first !== undefined) {
    return full.length === 1
      ? reasonText('fullOn', { node: first.name, used: first.used, total: first.capacity })
      : reasonText('fullAll', { n: full.length, project })
  }
  if (nodes.every((node) => obstacle(node) === OFFLINE)) {
    return nodes.length === 1
      ? reasonText('onlyOffline', { node: names(nodes), project })
      : reasonText('allOffline', { n: nodes.length, project })
  }
  if (nodes.every((node) => obstacle(node) === PAUSED))
    return nodes.length === 1
      ? reasonText('paused', { node: names(nodes) })
      : reasonText('pausedMany', { nodes: names(nodes) })
  return `Waits: ${nodes.map((node) => `${node.name}: ${obstacle(node)}`).join('; ')}`
}

const OFFLINE = reasonText('isOffline')
const PAUSED = reasonText('isPaused')

/** Why a node takes nothing now, whether it has a free slot or not. */
function obstacle({ online, problem, paused, refuses, behind }: Candidate): string | null {
  if (!online) return problem ?? OFFLINE
  return paused ? PAUSED : (refuses ?? behind)
}

function byLoad(a: Candidate, b: Candidate): number {
  return (
    a.used / a.capacity - b.used / b.capacity ||
    b.capacity - b.used - (a.capacity - a.used) ||
    a.name.localeCompare(b.name)
  )
}

function waits(reason: string): Placement {
  return { node: null, reason }
}

function names(nodes: readonly Candidate[]): string {
  return nodes.map((node) => node.name).join(', ')
}
