import { reasonText } from '../api/contract/reasons.ts'
import type { EndpointInput, EndpointReply, NewJob } from '../api/contract/endpoints.ts'
import type {
  CancelInput,
  CancelReply,
  ListJobsReply,
  Requester,
  ScheduleInput,
  ScheduleReply,
  StatusReply,
} from '../api/contract/scrapyd-api.ts'
import { JOB_ID_PATTERN, type Job, type JobDetail } from '../api/contract/values.ts'
import { ConflictError, InvalidParameterError, JobNotFoundError, ScrapydServiceError } from '../errors.ts'
import { jobPath } from '../files/job-path.ts'
import type { JobLists } from '../storage/job-lists.ts'
import type { JobQuery } from '../storage/job-query.ts'
import type { FileUrl, JobRow, JobStore } from '../storage/jobs.ts'
import type { StatsStore } from '../storage/stats.ts'
import type { Ledger, Scheduled } from './ledger.ts'
import type { Rates } from './rates.ts'
import { momentOf } from './moment.ts'

/** What a JobDesk must know of the place behind it: one node, or a whole cluster. */
export interface Reach {
  /** Throws ProjectNotFoundError, then VersionNotFoundError, then SpiderNotFoundError, in Scrapyd's order. */
  requireSpider(project: string, spider: string, version: string | null): Promise<void>
  requireProject(project: string): void
  /** Name of the node that a job may be pinned to. Throws where there is no such node, or pinning makes no sense. */
  requireNode(name: string): string
  /** Tells the place that holds the job of its stored cancel. Must not wait for a node that does not answer. */
  passCancel(row: JobRow): Promise<void>
  /** Why a waiting job waits, in words; null when it is about to start. */
  whyPending(row: Pick<Job, 'project' | 'spider' | 'pinned_node' | 'key'>): string | null
}

export interface JobDeskParts {
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly lists: JobLists
  readonly stats: StatsStore
  readonly rates: Rates
  readonly reach: Reach
  readonly fileUrl: FileUrl
  /** The name that answers when no node holds the job. */
  readonly nodeName: string
  readonly finishedToKeep: number
  readonly logsDir: string
}

/** At most this many jobs are run again by one batch action. */
const BATCH = 10_000
const AT_ONCE = 200

/** Everything that can be asked about jobs, answered from the ledger: the same on a node and on a master. */
export class JobDesk {
  readonly #parts: JobDeskParts

  constructor(parts: JobDeskParts) {
    this.#parts = parts
  }

  async schedule(input: ScheduleInput, by: Requester): Promise<ScheduleReply> {
    // Before all checks: what was scheduled stays scheduled, even if the project is gone by now.
    const first = by.idempotencyKey === null ? null : this.#parts.ledger.firstAnswer(by.idempotencyKey)
    if (first !== null) return this.#scheduleReply(first)
    await this.#parts.reach.requireSpider(input.project, input.spider, input.version)
    if (input.jobid !== null && !JOB_ID_PATTERN.test(input.jobid)) {
      throw new InvalidParameterError(
        'jobid',
        'jobid is invalid: 1 to 200 characters out of A-Z a-z 0-9 . _ -, not beginning with a dot (it becomes a file name)',
      )
    }
    const pinnedNode = input.node === null ? null : this.#parts.reach.requireNode(input.node)
    // Refuses a spider whose name cannot be a folder before anything is stored.
    jobPath(this.#parts.logsDir, input.project, input.spider, `${input.jobid ?? 'id'}.log`)
    const scheduled = await this.#parts.ledger.schedule({
      id: input.jobid,
      project: input.project,
      spider: input.spider,
      args: input.args,
      settings: input.settings,
      priority: input.priority,
      version: input.version,
      pinnedNode,
      scheduledBy: by.name,
      idempotencyKey: by.idempotencyKey,
    })
    return this.#scheduleReply(scheduled)
  }

  #scheduleReply({ key, id, duplicate }: Scheduled): ScheduleReply {
    const reply = { jobid: id, key, node_name: this.#parts.jobs.get(key)?.node ?? this.#parts.nodeName }
    return duplicate ? { ...reply, duplicate } : reply
  }

  async cancel(input: CancelInput, by: Requester): Promise<CancelReply> {
    this.#parts.reach.requireProject(input.project)
    let prevstate: CancelReply['prevstate'] = null
    const rows = this.#parts.jobs.unfinished(input.project, input.job)
    const there = rows.filter((row) => input.host !== null && row.node === input.host)
    if (input.host !== null && there.length === 0 && rows.length > 1) {
      const places = rows.map((row) => row.node ?? 'the queue').join(', ')
      throw new InvalidParameterError(
        'host',
        `host is invalid: none of the ${rows.length} jobs '${input.job}' is on '${input.host}' (${places})`,
      )
    }
    for (const row of there.length > 0 ? there : rows) {
      const before = await this.#cancelRow(row, input.signal, by)
      if (before === 'running' || prevstate === null) prevstate = before
    }
    return { prevstate }
  }

  /** Stores the cancel, then passes it on. Resolves to Scrapyd's word for the state before. */
  async #cancelRow(row: JobRow, signal: NodeJS.Signals | null, by: Requester): Promise<'pending' | 'running' | null> {
    const now = Date.now()
    const dropped = await this.#parts.ledger.change(row.key, isInOwnQueue, () => ({
      state: 'finished',
      outcome: 'cancelled',
      reason: by.name === null ? reasonText('cancelled') : reasonText('cancelledBefore', { who: by.name }),
      ended_at: now,
      cancelled_by: by.name,
      cancel_requested_at: now,
      cancel_delivered: 1,
    }))
    if (dropped !== null) {
      this.#parts.ledger.announceEnd(row.key)
      return 'pending'
    }
    let before: JobRow | null = null
    const asked = await this.#parts.ledger.change(
      row.key,
      (current) => {
        before = current
        return current.state !== 'finished' && !isInOwnQueue(current)
      },
      (current) => ({
        cancel_requested_at: current.cancel_requested_at ?? now,
        cancelled_by: current.cancelled_by ?? by.name,
        cancel_signal: signal ?? current.cancel_signal,
      }),
    )
    if (asked === null) return null
    await this.#parts.reach.passCancel(asked)
    return (before as JobRow | null)?.state === 'running' ? 'running' : 'pending'
  }

  status(input: { readonly job: string; readonly project: string | null }): StatusReply {
    if (input.project !== null) this.#parts.reach.requireProject(input.project)
    const row = this.#parts.jobs.newest(input.job, input.project)
    if (row === null) return { currstate: null }
    if (row.state === 'running' || row.state === 'finished') return { currstate: row.state }
    return { currstate: 'pending' }
  }

  listJobs(project: string | null): ListJobsReply {
    if (project !== null) this.#parts.reach.requireProject(project)
    const { lists, finishedToKeep } = this.#parts
    return {
      pending: lists.listed('pending', project, Number.MAX_SAFE_INTEGER),
      running: lists.listed('running', project, Number.MAX_SAFE_INTEGER),
      finished: lists.listed('finished', project, finishedToKeep),
    }
  }

  /** Scrapyd's three numbers. */
  counts(): { readonly pending: number; readonly running: number; readonly finished: number } {
    const counts = this.#parts.jobs.counts()
    return {
      pending: counts.pending + counts.assigned + counts.starting,
      running: counts.running,
      finished: Math.min(counts.finished, this.#parts.finishedToKeep),
    }
  }

  async page(input: EndpointInput<'listJobs'>['query']): Promise<EndpointReply<'listJobs'>> {
    const { sort, cursor, limit, ...filter } = input
    const query = queryOf(filter)
    const { lists } = this.#parts
    const found = query.q === undefined ? null : await lists.search(query, sort)
    const page = lists.page({ ...query, among: found?.among ?? undefined }, sort, cursor, limit, found?.total)
    if (page === null) throw new InvalidParameterError('cursor', 'cursor is not one that this list gave')
    return { ...page, jobs: page.jobs.map((job) => this.#decorate(job)) }
  }

  async create(jobs: readonly NewJob[], by: Requester): Promise<EndpointReply<'createJobs'>> {
    const results = await Promise.all(
      jobs.map(async (job, index) => {
        try {
          const reply = await this.schedule(
            {
              project: job.project,
              spider: job.spider,
              version: job.version ?? null,
              jobid: job.jobid ?? null,
              priority: job.priority,
              settings: job.settings,
              args: job.args,
              node: job.node ?? null,
            },
            { ...by, idempotencyKey: by.idempotencyKey === null ? null : `${by.idempotencyKey}:${index}` },
          )
          return {
            ok: true,
            job: this.#known(reply.key),
            duplicate: reply.duplicate ?? false,
            error: null,
            code: null,
          }
        } catch (error) {
          if (!(error instanceof ScrapydServiceError)) throw error
          return { ok: false, job: null, duplicate: false, error: error.message, code: error.code }
        }
      }),
    )
    return { results }
  }

  get(key: string): Job {
    const job = this.#known(key)
    if (job === null) throw new JobNotFoundError(key)
    return job
  }

  #known(key: string): Job | null {
    const job = this.#parts.lists.job(key)
    return job === null ? null : this.#decorate(job)
  }

  detail(key: string): JobDetail {
    const job = this.get(key)
    const row = this.#parts.jobs.get(key)!
    const url = (kind: 'log' | 'items') => this.#parts.fileUrl(kind, row.project, row.spider, row.id, row.node_id)
    return {
      ...job,
      stats: this.#parts.stats.get(key) ?? this.#parts.rates.stats(key),
      rates: [...this.#parts.rates.points(key)],
      usual: this.#parts.stats.usual(job.project, job.spider),
      log_url: row.started_at === null ? null : url('log'),
      items_url: row.started_at === null ? null : url('items'),
      output_tail: row.output_tail,
    }
  }

  async cancelByKey(key: string, signal: NodeJS.Signals | null, by: Requester): Promise<Job> {
    const row = this.#parts.jobs.get(key)
    if (row === null) throw new JobNotFoundError(key)
    if ((await this.#cancelRow(row, signal, by)) === null) {
      throw new ConflictError(reasonText('alreadyEnded', { id: row.id, outcome: this.get(key).outcome ?? 'finished' }))
    }
    return this.get(key)
  }

  async cancelMany(
    selection: EndpointInput<'cancelJobs'>['body'],
    by: Requester,
  ): Promise<EndpointReply<'cancelJobs'>> {
    let cancelled = 0
    let skipped = 0
    const errors: { key: string; message: string }[] = []
    const cancel = async (key: string) => {
      const row = this.#parts.jobs.get(key)
      try {
        const before = row === null || row.state === 'finished' ? null : await this.#cancelRow(row, null, by)
        if (before === null) skipped++
        else cancelled++
      } catch (error) {
        errors.push({ key, message: (error as Error).message })
      }
    }
    const keys = this.#keys(selection, true)
    // Many at once, so that they share commits.
    for (let at = 0; at < keys.length; at += AT_ONCE) await Promise.all(keys.slice(at, at + AT_ONCE).map(cancel))
    return { cancelled, skipped, errors }
  }

  /** The same job once more; with `elsewhere` not only on the node that it was pinned to. */
  async rerun(key: string, by: Requester, elsewhere = false): Promise<Job> {
    const row = this.#parts.jobs.get(key)
    if (row === null) throw new JobNotFoundError(key)
    const { results } = await this.create([againOf(elsewhere ? { ...row, pinned_node: null } : row)], by)
    const [result] = results
    if (result?.job == null) throw new ConflictError(result?.error ?? 'the job could not be scheduled again')
    return result.job
  }

  async rerunMany(selection: EndpointInput<'rerunJobs'>['body'], by: Requester): Promise<EndpointReply<'rerunJobs'>> {
    const rows = this.#keys(selection, false)
      .map((key) => this.#parts.jobs.get(key))
      .filter((row) => row !== null)
    return this.create(rows.map(againOf), by)
  }

  #keys(selection: EndpointInput<'cancelJobs'>['body'], unfinished: boolean): readonly string[] {
    if ('keys' in selection) return selection.keys
    const query = queryOf(selection.filter)
    const states = ['pending', 'assigned', 'starting', 'running'] as const
    const scope: JobQuery =
      unfinished && query.state === undefined && query.outcome === undefined ? { ...query, state: states } : query
    return this.#parts.lists.keys(scope, unfinished ? Number.MAX_SAFE_INTEGER : BATCH)
  }

  #decorate(job: Job): Job {
    if (job.state === 'pending') return { ...job, reason: this.#parts.reach.whyPending(job) }
    const live = job.state === 'running' ? this.#parts.rates.live(job.key) : null
    return live === null ? job : { ...job, ...live }
  }
}

/** Whether a job waits here. One that waits on another node is only mirrored: that node has to be told. */
function isInOwnQueue(row: JobRow): boolean {
  return row.state === 'pending' && row.node_id === null
}

/** The same job once more: a new id, the same everything else. */
function againOf(row: JobRow): NewJob {
  return {
    project: row.project,
    spider: row.spider,
    priority: row.priority,
    args: JSON.parse(row.args) as Record<string, string>,
    settings: JSON.parse(row.settings) as Record<string, string>,
    ...(row.pinned_node === null ? {} : { node: row.pinned_node }),
  }
}

/** The filter of a request with its moments resolved. Throws InvalidParameterError. */
function queryOf(filter: Omit<EndpointInput<'listJobs'>['query'], 'sort' | 'cursor' | 'limit'>): JobQuery {
  const { from, to, ...rest } = filter
  return {
    ...rest,
    from: from === undefined ? undefined : momentOf('from', from),
    to: to === undefined ? undefined : momentOf('to', to),
  }
}
