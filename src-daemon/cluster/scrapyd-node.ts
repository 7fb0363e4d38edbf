import type { z } from 'zod'
import { reasonText } from '../api/contract/reasons.ts'
import { ScrapydServiceError } from '../errors.ts'
import { NodeCallError } from './node-failure.ts'
import { type NodeAnswer, type NodeRequest, requestNode } from './node-request.ts'
import { callName, type NodeTarget } from './node-target.ts'
import {
  cancelReply,
  errorReply,
  jobsReply,
  projectsReply,
  scheduleReply,
  type ScrapydJobs,
  spidersReply,
  statusReply,
  versionsReply,
} from './scrapyd-replies.ts'

/** A job as it is given to a stock Scrapyd. */
export interface ScrapydJob {
  readonly id: string
  readonly project: string
  readonly spider: string
  readonly priority: number
  readonly args: Readonly<Record<string, string>>
  readonly settings: Readonly<Record<string, string>>
  /** Version of an egg there; null = its newest. */
  readonly version: string | null
}

/** What a stock Scrapyd said to a job. */
export type ScrapydAnswer =
  | { readonly answer: 'accepted' }
  | { readonly answer: 'no-project' | 'no-spider' | 'unstartable'; readonly reason: string }

/** What a stock Scrapyd knows of its jobs at one moment. */
export interface ScrapydListing {
  readonly jobs: ScrapydJobs
  /** Its clock, UTC, in milliseconds; null when it did not tell. */
  readonly clock: number | null
}

/** A stock Scrapyd understood a call and refuses it; the message is its own. */
export class ScrapydRefusal extends ScrapydServiceError {
  override readonly code = 'refused-by-scrapyd'
  override readonly status = 502
  /** Its words, without the node's name. */
  readonly words: string

  constructor(target: NodeTarget, words: string) {
    super(`${callName(target)}: ${words}`)
    this.words = words
  }
}

export interface ScrapydNodeOptions {
  readonly timeoutMs?: number
  /** For what makes it run Python: schedule and listspiders. Nothing else is answered meanwhile. */
  readonly pythonMs?: number
}

const MiB = 1_048_576

/**
 * Names that mean something else to schedule.json, or that Scrapyd 1.6 (webservice.py, spiderqueue.py) puts into its message
 * beside the spider's arguments: it would fail on them, or run another spider.
 */
const TAKEN_NAMES = new Set(
  [
    'project',
    'spider',
    '_version',
    'jobid',
    'priority',
    'setting',
    'settings',
    '_job',
    'name',
    'spider_name',
    'self',
  ].concat(['_project', '_spider']),
)

/** The web services of a stock Scrapyd. Every call throws NodeCallError (no usable answer) or ScrapydRefusal. */
export class ScrapydNode {
  readonly #target: () => NodeTarget
  readonly #timeoutMs: number
  readonly #pythonMs: number

  /** `target` is asked for each call, since address and credentials may change. */
  constructor(target: () => NodeTarget, { timeoutMs = 5_000, pythonMs = 60_000 }: ScrapydNodeOptions = {}) {
    this.#target = target
    this.#timeoutMs = timeoutMs
    this.#pythonMs = pythonMs
  }

  get target(): NodeTarget {
    return this.#target()
  }

  daemonStatus(timeoutMs?: number): Promise<z.output<typeof statusReply>> {
    return this.#get('daemonstatus.json', {}, statusReply, timeoutMs)
  }

  async listProjects(timeoutMs?: number): Promise<readonly string[]> {
    return (await this.#get('listprojects.json', {}, projectsReply, timeoutMs)).projects
  }

  /** Runs Python there, unless the list is known already. */
  async listSpiders(project: string): Promise<readonly string[]> {
    return (await this.#get('listspiders.json', { project }, spidersReply, this.#pythonMs)).spiders
  }

  async listVersions(project: string): Promise<readonly string[]> {
    return (await this.#get('listversions.json', { project }, versionsReply)).versions
  }

  async listJobs(signal?: AbortSignal): Promise<ScrapydListing> {
    const limits = { timeoutMs: 4 * this.#timeoutMs, mostBytes: 64 * MiB, ...(signal === undefined ? {} : { signal }) }
    const answer = await this.#ask({ path: '/listjobs.json', ...limits })
    const clock = Date.parse(answer.headers.date ?? '')
    return { jobs: this.#read('listjobs.json', answer, jobsReply), clock: Number.isNaN(clock) ? null : clock }
  }

  /**
   * Gives it a job, under the job's own id. After a NodeCallError with `mayHaveArrived` only its list of jobs tells
   * whether it has it: schedule.json takes the same id again and again.
   */
  async schedule(job: ScrapydJob): Promise<ScrapydAnswer> {
    const taken = Object.keys(job.args).find((name) => TAKEN_NAMES.has(name))
    if (taken !== undefined) {
      return { answer: 'unstartable', reason: reasonText('stockArgument', { name: taken }) }
    }
    const form = new URLSearchParams({ ...job.args, project: job.project, spider: job.spider, jobid: job.id })
    if (job.priority !== 0) form.set('priority', String(job.priority))
    if (job.version !== null) form.set('_version', job.version)
    for (const [name, value] of Object.entries(job.settings)) form.append('setting', `${name}=${value}`)
    try {
      await this.#post('schedule.json', form, scheduleReply, this.#pythonMs)
      return { answer: 'accepted' }
    } catch (error) {
      if (!(error instanceof ScrapydRefusal)) throw error
      return { answer: kindOfRefusal(error.words), reason: error.words }
    }
  }

  /** What the job was; null = it is neither pending nor running there. `signal` as Scrapyd takes it, INT when left out. */
  async cancel(project: string, id: string, signal?: string): Promise<'pending' | 'running' | null> {
    const form = new URLSearchParams({ project, job: id, ...(signal === undefined ? {} : { signal }) })
    return (await this.#post('cancel.json', form, cancelReply)).prevstate
  }

  /** Anything else below the node's `/logs/`, with whatever HTTP status. Throws NodeCallError. */
  async readFile(call: Pick<NodeRequest, 'method' | 'path' | 'headers' | 'mostBytes' | 'signal'>): Promise<NodeAnswer> {
    return requestNode(this.target, { timeoutMs: 2 * this.#timeoutMs, ...call })
  }

  #get<S extends z.ZodType>(
    service: string,
    query: Readonly<Record<string, string>>,
    schema: S,
    timeoutMs = this.#timeoutMs,
  ): Promise<z.output<S>> {
    const search = new URLSearchParams(query).toString()
    const path = `/${service}${search === '' ? '' : `?${search}`}`
    return this.#ask({ path, timeoutMs, mostBytes: 8 * MiB }).then((answer) => this.#read(service, answer, schema))
  }

  async #post<S extends z.ZodType>(
    service: string,
    form: URLSearchParams,
    schema: S,
    timeoutMs = this.#timeoutMs,
  ): Promise<z.output<S>> {
    const answer = await this.#ask({ method: 'POST', path: `/${service}`, form, timeoutMs, mostBytes: MiB })
    return this.#read(service, answer, schema)
  }

  #ask(call: NodeRequest): Promise<NodeAnswer> {
    return requestNode(this.target, call)
  }

  /** Web services answer 200 whatever they say. */
  #read<S extends z.ZodType>(service: string, { status, body }: NodeAnswer, schema: S): z.output<S> {
    // Of a proxy's 502 or 504 nobody knows what happened behind it.
    const mayHaveArrived = status < 400 || status >= 500
    const fail = (kind: NodeCallError['kind'], words: string) =>
      new NodeCallError(this.target, kind, words, mayHaveArrived)
    if (status === 401 || status === 403) throw fail('wrong-password', reasonText('refusesPassword'))
    if (status === 404) throw fail('not-scrapyd', reasonText('hasNo', { service }))
    let answer: unknown
    try {
      answer = JSON.parse(body.toString())
    } catch {
      throw fail('not-scrapyd', reasonText('serviceNoJson', { service, status }))
    }
    const refused = errorReply.safeParse(answer)
    if (refused.success) throw new ScrapydRefusal(this.target, refused.data.message.trim())
    if (status !== 200) throw fail('status', reasonText('serviceHttp', { service, status }))
    const result = schema.safeParse(answer)
    if (!result.success) {
      const [issue] = result.error.issues
      const detail = `${issue?.path.join('.')}: ${issue?.message}`
      throw fail('not-scrapyd', reasonText('serviceElse', { service, detail }))
    }
    return result.data
  }
}

function kindOfRefusal(words: string): 'no-project' | 'no-spider' | 'unstartable' {
  if (/^project '.*' not found$/s.test(words)) return 'no-project'
  return /^spider '.*' not found$/s.test(words) ? 'no-spider' : 'unstartable'
}
