import { reasonText } from '../api/contract/reasons.ts'
import type { Requester } from '../api/contract/scrapyd-api.ts'
import type { JobDetail } from '../api/contract/values.ts'
import { FileNotFoundError, JobNotFoundError, NodeUnreachableError } from '../errors.ts'
import type { JobDesk } from '../jobs/job-desk.ts'
import type { Ledger } from '../jobs/ledger.ts'
import { LOCAL_NODE, type JobStore } from '../storage/jobs.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { Writer } from '../storage/writer.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { NodeClient, NodeClients } from './node-client.ts'
import type { Nodes } from './nodes.ts'

export interface JobHoldersParts {
  readonly nodes: Nodes
  readonly clients: NodeClients
  readonly desk: JobDesk
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly stats: StatsStore
  readonly writer: Writer
}

/** The nodes that hold jobs and their files: only they know everything. */
export class JobHolders {
  readonly #parts: JobHoldersParts

  constructor(parts: JobHoldersParts) {
    this.#parts = parts
  }

  /** The node that holds a job, when that is not this one. Throws JobNotFoundError. */
  of(key: string): ClusterNode | null {
    const row = this.#parts.jobs.get(key)
    if (row === null) throw new JobNotFoundError(key)
    return row.node_id === null || row.node_id === LOCAL_NODE ? null : this.#parts.nodes.get(row.node_id)
  }

  /** Asks the node that holds the job's files; throws NodeUnreachableError at once when it is away. */
  ask(node: ClusterNode): NodeClient {
    if (node.row.kind === 'scrapyd') {
      throw new FileNotFoundError(
        `${node.name} is a stock Scrapyd server: it serves whole files only, see /logs/ and /items/`,
      )
    }
    return this.#parts.clients.of(this.present(node))
  }

  /** The node, when it is there; throws NodeUnreachableError at once when it is away. */
  present(node: ClusterNode): ClusterNode {
    if (node.isOnline) return node
    throw new NodeUnreachableError(`${node.name}, which holds this, is offline: ${node.row.last_error ?? 'no answer'}`)
  }

  /** Everything about a job, with what only its node knows, when that answers. */
  async detail(key: string): Promise<JobDetail> {
    const { desk, stats, writer } = this.#parts
    const detail = desk.detail(key)
    const node = this.of(key)
    if (node === null || node.row.kind === 'scrapyd' || !node.isOnline || node.row.kind === 'unknown') return detail
    if (detail.state === 'finished' && detail.stats !== null) return detail
    try {
      const there = await this.#parts.clients.of(node).call('getJob', { params: { key } }, { timeoutMs: 3_000 })
      if (there.state === 'finished' && there.stats !== null) {
        await writer.write(() => stats.put(key, JSON.stringify(there.stats)))
      }
      return {
        ...detail,
        stats: there.stats,
        rates: there.rates,
        output_tail: there.output_tail,
        pages: there.pages ?? detail.pages,
        items: there.items ?? detail.items,
        errors: there.errors ?? detail.errors,
        log_url: there.log_url,
        items_url: there.items_url,
      }
    } catch {
      // What the ledger knows is better than nothing.
      return detail
    }
  }

  /** "Run anyway": a job on a node that is away is given up, so that it can be run elsewhere. It may run twice. */
  async giveUp(key: string, by: Requester): Promise<void> {
    const node = this.of(key)
    if (node === null || node.isOnline) return
    await this.#parts.ledger.finish(key, {
      outcome: 'lost',
      reason:
        by.name === null
          ? reasonText('givenUp', { node: node.name })
          : reasonText('givenUpBy', { who: by.name, node: node.name }),
      ended_at: Date.now(),
    })
  }
}
