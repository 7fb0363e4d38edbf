import type { FeedEvent } from '../src-daemon/api/contract/events.ts'
import type { Node } from '../src-daemon/api/contract/values.ts'
import type { NotificationRule } from './ipc-contract.ts'
import type { Words } from './words.ts'

/** Something that a person wants to know though the window is not in front. */
export interface Notice {
  readonly title: string
  readonly body: string
  /** Route of the console that a click opens. */
  readonly path: string
}

/** More at once become noise, which is then switched off for good. */
const MOST_AT_ONCE = 3

/** Jobs whose failure has been told; of older ones nothing is heard again. */
const MOST_KEPT = 1_000

/**
 * Finds what to tell in the events of one cluster. Holds the state of its nodes, as only a change is news; jobs are news
 * once, when they turn to failed.
 */
export class NoticeFinder {
  readonly #words: Words
  readonly #nodes = new Map<string, string>()
  readonly #failed = new Set<string>()

  constructor(words: Words) {
    this.#words = words
  }

  /** The nodes as a list says them: their first event may be a change then. What an event has said already stays. */
  know(nodes: readonly Pick<Node, 'id' | 'state'>[]): void {
    for (const { id, state } of nodes) if (!this.#nodes.has(id)) this.#keep(id, state)
  }

  find(events: readonly FeedEvent[], rule: NotificationRule): Notice[] {
    const notices: Notice[] = []
    for (const event of events) {
      const notice = event.type === 'job' ? this.#ofJob(event) : event.type === 'node' ? this.#ofNode(event) : null
      if (notice !== null && (event.type === 'job' ? rule.failed : rule.nodes)) notices.push(notice)
    }
    return notices.slice(-MOST_AT_ONCE)
  }

  #ofJob({ job }: Extract<FeedEvent, { type: 'job' }>): Notice | null {
    if (job.outcome !== 'failed' || this.#failed.has(job.key)) return null
    this.#failed.add(job.key)
    for (const oldest of this.#failed) {
      if (this.#failed.size <= MOST_KEPT) break
      this.#failed.delete(oldest)
    }
    return {
      title: this.#words.jobFailed(job.project, job.spider),
      body: job.reason ?? this.#words.noReason,
      path: `/jobs/${job.key}`,
    }
  }

  #ofNode({ node }: Extract<FeedEvent, { type: 'node' }>): Notice | null {
    const before = this.#nodes.get(node.id)
    this.#keep(node.id, node.state)
    const path = `/nodes/${encodeURIComponent(node.id)}`
    // Of a node that is seen for the first time nobody knows that it was here, or away.
    if (before === undefined) return null
    if (node.state === 'offline' && before !== 'offline') {
      return { title: this.#words.nodeLost(node.name), body: node.last_error ?? '', path }
    }
    if (node.state === 'online' && before === 'offline')
      return { title: this.#words.nodeBack(node.name), body: '', path }
    return null
  }

  /** A master that has just started does not know yet: that says nothing. */
  #keep(id: string, state: Node['state']): void {
    if (state !== 'unknown') this.#nodes.set(id, state)
  }
}
