import type { JobRow } from '../storage/jobs.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { ScrapydDispatch } from './dispatcher.ts'
import type { NodeTarget } from './node-target.ts'
import { ScrapydNode } from './scrapyd-node.ts'

/** Gives jobs to stock Scrapyd servers under the jobs' own ids, and finds out what they have after no answer. */
export class StockDispatch implements ScrapydDispatch {
  readonly #target: (nodeId: string) => NodeTarget
  readonly #sent: (node: ClusterNode) => void

  /** `sent`: the server has a new job, which a look at its list will show. */
  constructor(target: (nodeId: string) => NodeTarget, sent: (node: ClusterNode) => void) {
    this.#target = target
    this.#sent = sent
  }

  async send(node: ClusterNode, row: JobRow): Promise<{ readonly taken: boolean; readonly reason: string | null }> {
    const answer = await this.#scrapyd(node).schedule({
      id: row.id,
      project: row.project,
      spider: row.spider,
      priority: row.priority,
      args: JSON.parse(row.args) as Record<string, string>,
      settings: JSON.parse(row.settings) as Record<string, string>,
      version: row.requested_version,
    })
    if (answer.answer !== 'accepted') return { taken: false, reason: answer.reason }
    this.#sent(node)
    return { taken: true, reason: null }
  }

  async knows(node: ClusterNode, row: JobRow): Promise<boolean> {
    const { jobs } = await this.#scrapyd(node).listJobs()
    return [...jobs.pending, ...jobs.running, ...jobs.finished].some(
      (job) => job.id === row.id && job.project === row.project && job.spider === row.spider,
    )
  }

  #scrapyd(node: ClusterNode): ScrapydNode {
    return new ScrapydNode(() => this.#target(node.id))
  }
}
