import type { DispatchReply, DispatchRequest } from '../api/contract/endpoints.ts'
import { ProjectNotFoundError, ScrapydServiceError, SpiderNotFoundError } from '../errors.ts'
import type { Launcher } from '../jobs/launcher.ts'
import type { JobDesk, Reach } from '../jobs/job-desk.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { RevocationStore } from '../storage/revocations.ts'
import type { Writer } from '../storage/writer.ts'
import { ForeignMasterError, type Owner } from './owner.ts'

export interface DispatchInboxParts {
  readonly owner: Owner
  readonly jobs: JobStore
  readonly desk: JobDesk
  readonly reach: Pick<Reach, 'requireSpider'>
  readonly launcher: Launcher
  readonly revocations: RevocationStore
  readonly writer: Writer
  readonly isPaused: () => boolean
}

/**
 * The slave's side of a dispatch (HTTP_API.md, "Dispatch"): a job is started now or not at all, and every question about
 * a key gets the same answer for ever. Master's side: cluster/dispatcher.ts.
 */
export class DispatchInbox {
  readonly #parts: DispatchInboxParts

  constructor(parts: DispatchInboxParts) {
    this.#parts = parts
  }

  async put(key: string, request: DispatchRequest): Promise<DispatchReply> {
    const { owner, jobs, launcher, reach, revocations } = this.#parts
    try {
      await owner.claim(request.owner, request.takeover)
    } catch (error) {
      if (error instanceof ForeignMasterError) return { answer: 'foreign', job: null, reason: error.message }
      throw error
    }
    if (jobs.get(key) !== null) return this.#already(key)
    if (revocations.attempt(key) >= request.attempt) {
      return { answer: 'revoked', job: null, reason: 'The master took this dispatch back' }
    }
    if (isExpired(request)) return { answer: 'expired', job: null, reason: 'The request arrived too late' }
    if (this.#parts.isPaused()) return { answer: 'busy', job: null, reason: 'This node is paused' }
    if (launcher.free === 0) return this.#full()
    const { job } = request
    try {
      await reach.requireSpider(job.project, job.spider, job.version)
    } catch (error) {
      if (!(error instanceof ScrapydServiceError)) throw error
      const answer =
        error instanceof ProjectNotFoundError
          ? 'no-project'
          : error instanceof SpiderNotFoundError
            ? 'no-spider'
            : 'unstartable'
      return { answer, job: null, reason: error.message }
    }
    // The list of spiders may have taken its time, and a revocation may be committed in the same batch: asked again there.
    const isRevoked = () => revocations.attempt(key) >= request.attempt
    if (isExpired(request)) return { answer: 'expired', job: null, reason: 'The request arrived too late' }
    const row = await launcher.launchNew(
      {
        key,
        id: job.id,
        project: job.project,
        spider: job.spider,
        priority: job.priority,
        args: JSON.stringify(job.args),
        settings: JSON.stringify(job.settings),
        version: job.version,
        requested_version: job.version,
        scheduled_by: job.scheduled_by,
        created_at: Date.parse(job.created_at),
        owner: request.owner.instance,
        owner_attempt: request.attempt,
      },
      isRevoked,
    )
    if (row !== null) return { answer: 'accepted', job: this.#parts.desk.get(key), reason: null }
    if (jobs.get(key) !== null) return this.#already(key)
    return isRevoked() ? { answer: 'revoked', job: null, reason: 'The master took this dispatch back' } : this.#full()
  }

  get(key: string): { known: boolean; revoked: boolean; job: DispatchReply['job'] } {
    const known = this.#parts.jobs.get(key) !== null
    return { known, revoked: this.#parts.revocations.attempt(key) > 0, job: known ? this.#parts.desk.get(key) : null }
  }

  /** Takes a dispatch back, unless it was accepted already: then the job is told and the master follows it. */
  async revoke(key: string, attempt: number): Promise<{ revoked: boolean; job: DispatchReply['job'] }> {
    const revoked = await this.#parts.writer.write(() => {
      if (this.#parts.jobs.get(key) !== null) return false
      this.#parts.revocations.put(key, attempt, Date.now())
      return true
    })
    return { revoked, job: revoked ? null : this.#parts.desk.get(key) }
  }

  #already(key: string): DispatchReply {
    return { answer: 'already', job: this.#parts.desk.get(key), reason: null }
  }

  #full(): DispatchReply {
    return { answer: 'busy', job: null, reason: `All ${this.#parts.launcher.maxProc} slots of this node are in use` }
  }
}

function isExpired(request: DispatchRequest): boolean {
  return request.expires_at !== null && Date.parse(request.expires_at) < Date.now()
}
