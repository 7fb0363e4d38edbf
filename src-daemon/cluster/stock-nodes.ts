import { reasonText } from '../api/contract/reasons.ts'
import type { Ledger } from '../jobs/ledger.ts'
import { outcomeOf } from '../jobs/outcome.ts'
import { countersOf } from '../jobs/rates.ts'
import type { Logger } from '../logger.ts'
import type { EndRecord } from '../runner/run.ts'
import { newKey } from '../storage/key.ts'
import type { JobPatch, JobRow, JobStore } from '../storage/jobs.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { Writer } from '../storage/writer.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { Mirror } from './mirror.ts'
import type { NodeTarget } from './node-target.ts'
import { ScrapydClock } from './scrapyd-clock.ts'
import { ScrapydFollower, type MirrorPort, type MirrorRow } from './scrapyd-follower.ts'
import type { MirroredJob } from './scrapyd-mirror.ts'
import { ScrapydNode } from './scrapyd-node.ts'

export interface StockNodesParts {
  readonly target: (nodeId: string) => NodeTarget
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly stats: StatsStore
  readonly writer: Writer
  readonly mirror: Mirror
  readonly intervalMs: number
  readonly keepMs: number
  readonly log: Logger
  /** Jobs of the node started or ended. */
  readonly onJobs: (node: ClusterNode) => void
  /** The node answers, though it counts as offline: it was only busy (it runs Python while nothing else is answered). */
  readonly onDoubt: (node: ClusterNode) => void
}

/** A request may lie in a proxy for a while: a job that appears so long after it was given up is still that job. */
const LATE_MS = 10 * 60_000

/** Stock Scrapyd servers in the cluster: followed by polling, their jobs put into the ledger. */
export class StockNodes {
  readonly #parts: StockNodesParts
  readonly #followers = new Map<string, ScrapydFollower>()

  constructor(parts: StockNodesParts) {
    this.#parts = parts
  }

  /** Follows a node until `stop`. */
  readonly follow = (node: ClusterNode): { stop(): Promise<void> } => {
    const { target, intervalMs, keepMs, log } = this.#parts
    const follower = new ScrapydFollower({
      node: new ScrapydNode(() => target(node.id)),
      port: this.#portOf(node),
      clock: new ScrapydClock(),
      intervalMs,
      keepMs,
      log,
      polled: (error) => {
        const before = node.inStep
        node.inStep = error === null
        if (node.inStep && !before) this.#parts.onJobs(node)
        if (node.inStep && !node.isOnline) this.#parts.onDoubt(node)
      },
    })
    this.#followers.set(node.id, follower)
    follower.start()
    return {
      stop: async () => {
        if (this.#followers.get(node.id) === follower) this.#followers.delete(node.id)
        await follower.stop()
      },
    }
  }

  /** Looks at the server's jobs now. Resolves to whether it answered. */
  async now(node: ClusterNode): Promise<boolean> {
    return (await this.#followers.get(node.id)?.poll()) ?? false
  }

  /** Passes a stored cancel on. A job that still waits there is gone by it; a running one ends when its spider closes. */
  readonly cancel = async (node: ClusterNode, row: JobRow): Promise<void> => {
    const scrapyd = new ScrapydNode(() => this.#parts.target(node.id))
    const signal = row.cancel_signal === null ? undefined : row.cancel_signal.replace(/^SIG/, '')
    const before = await scrapyd.cancel(row.project, row.id, signal)
    if (before === 'pending') {
      await this.#parts.ledger.finish(row.key, {
        outcome: 'cancelled',
        reason: reasonText('cancelled'),
        ended_at: Date.now(),
      })
      return
    }
    await this.#parts.ledger.change(
      row.key,
      (now) => now.state !== 'finished' && now.cancel_delivered === 0,
      () => ({ cancel_delivered: 1 }),
    )
    void this.now(node)
  }

  #portOf(node: ClusterNode): MirrorPort {
    const { jobs, writer, mirror, ledger } = this.#parts
    return {
      known: (ids) => {
        const rows = new Map(jobs.unfinishedOn(node.id).map((row) => [row.key, row]))
        for (const id of ids) for (const row of jobs.runsOnNode(node.id, id)) rows.set(row.key, row)
        return [...rows.values()].map(mirrored)
      },
      apply: async (rows) => {
        const ended = await writer.write(() => rows.flatMap((row) => this.#apply(node, row)))
        for (const key of ended) ledger.announceEnd(key)
        this.#parts.onJobs(node)
      },
      lose: async (keys, reason) => {
        const rows = keys.map((key) => jobs.get(key)).filter((row) => row !== null)
        const lost = await writer.write(() => mirror.lose(rows, reason, Date.now()))
        for (const key of lost) ledger.announceEnd(key)
        this.#parts.onJobs(node)
      },
    }
  }

  /** One row, inside the transaction. Returns the key when the job has ended by it. */
  #apply(node: ClusterNode, row: MirrorRow): readonly string[] {
    const { jobs, ledger, stats } = this.#parts
    const now = Date.now()
    const before = row.key === null ? null : jobs.get(row.key)
    const patch: JobPatch = {
      state: row.state,
      node_id: node.id,
      node: node.name,
      pid: row.pid,
      started_at: row.startedAt,
      // The node's own word for the run, which tells the runs of one id apart.
      token: row.run,
      // One that was given up, and was only late, has not ended.
      ...(row.state === 'finished' ? this.#ending(row, before, now) : { outcome: null, reason: null, ended_at: null }),
    }
    const key = row.key ?? newKey(row.startedAt ?? now)
    if (before === null) {
      ledger.applyAdd({
        ...patch,
        key,
        id: row.id,
        project: row.project,
        spider: row.spider,
        state: row.state,
        priority: 0,
        args: JSON.stringify(row.args),
        settings: JSON.stringify(row.settings),
        version: row.version,
        created_at: row.startedAt ?? now,
      })
    } else if (
      ledger.applyChange(
        key,
        (current) => current.state !== 'finished' || current.outcome === 'lost',
        () => patch,
      ) === null
    )
      return []
    if (row.state === 'finished' && row.log?.stats != null) stats.put(key, JSON.stringify(row.log.stats))
    return row.state === 'finished' ? [key] : []
  }

  #ending(row: MirrorRow, before: JobRow | null, now: number): JobPatch {
    const endedAt = row.endedAt ?? now
    const record: EndRecord = {
      seen: 'self',
      exitCode: null,
      signal: null,
      startedAt: row.startedAt,
      endedAt,
      pid: row.pid,
      cpuSeconds: null,
      maxRssBytes: null,
      finishReason: row.log?.finishReason ?? null,
      stats: row.log?.stats ?? null,
      reason: null,
      outputTail: null,
    }
    const decided = outcomeOf(record, {
      cancelAsked: before?.cancel_requested_at != null,
      cancelledBy: before?.cancelled_by ?? null,
      lastLoggedError: null,
    })
    const live = record.stats === null ? null : countersOf(record.stats)
    return {
      ...decided,
      ended_at: Math.max(endedAt, row.startedAt ?? 0),
      finish_reason: record.finishReason,
      pages: live?.pages ?? null,
      items: live?.items ?? null,
      errors: live?.errors ?? null,
    }
  }
}

function mirrored(row: JobRow): MirroredJob {
  return {
    key: row.key,
    project: row.project,
    id: row.id,
    state: row.state === 'running' || row.state === 'finished' ? row.state : 'pending',
    run: row.token,
    // `assigned`: sent, and not seen there yet.
    isConfirmed: row.state !== 'assigned',
    isLost: row.outcome === 'lost',
    mayBeLate: (row.ended_at ?? 0) > Date.now() - LATE_MS,
  }
}
