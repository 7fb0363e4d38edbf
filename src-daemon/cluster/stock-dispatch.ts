import { setTimeout as delay } from 'node:timers/promises'
import type { DispatchReply } from '../api/contract/endpoints.ts'
import { NodeUnreachableError } from '../errors.ts'
import type { JobRow } from '../storage/jobs.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { ScrapydDispatch } from './dispatcher.ts'
import type { NodeTarget } from './node-target.ts'
import { ScrapydNode } from './scrapyd-node.ts'

/** Gives jobs to stock Scrapyd servers under the jobs' own ids, and finds out what they have after no answer. */
export class StockDispatch implements ScrapydDispatch {
  readonly #target: (nodeId: string) => NodeTarget
  readonly #look: (node: ClusterNode) => Promise<boolean>
  readonly #row: (key: string) => JobRow | null

  /**
   * `look` asks the server for its jobs and puts them into the ledger; it resolves to whether the server answered. `row` is
   * the job as the ledger has it now.
   */
  constructor(parts: {
    readonly target: (nodeId: string) => NodeTarget
    readonly look: (node: ClusterNode) => Promise<boolean>
    readonly row: (key: string) => JobRow | null
  }) {
    this.#target = parts.target
    this.#look = parts.look
    this.#row = parts.row
  }

  async send(node: ClusterNode, row: JobRow): Promise<DispatchReply> {
    const answer = await new ScrapydNode(() => this.#target(node.id)).schedule({
      id: row.id,
      project: row.project,
      spider: row.spider,
      priority: row.priority,
      args: JSON.parse(row.args) as Record<string, string>,
      settings: JSON.parse(row.settings) as Record<string, string>,
      version: row.requested_version,
    })
    if (answer.answer !== 'accepted') return { answer: answer.answer, job: null, reason: answer.reason }
    void this.#look(node)
    return { answer: 'accepted', job: null, reason: null }
  }

  async knows(node: ClusterNode, row: JobRow): Promise<boolean> {
    // Twice: a server that was stopped may still have the request before it when it answers the first question.
    for (let look = 0; look < 2; look++) {
      if (look > 0) await delay(LOOK_AGAIN_MS)
      if (!(await this.#look(node))) throw new NodeUnreachableError(`${node.name} cannot be asked for its jobs`)
      if (this.#row(row.key)?.state !== 'assigned') return true
    }
    return false
  }
}

const LOOK_AGAIN_MS = 1_500
