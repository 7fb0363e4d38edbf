import { reasonText } from '../api/contract/reasons.ts'
import type { DispatchReply, DispatchRequest } from '../api/contract/endpoints.ts'
import { ProjectNotFoundError, ScrapydServiceError, SpiderNotFoundError, StorageError } from '../errors.ts'
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
  /** Requests that are being answered, by key. */
  readonly #puts = new Map<string, Promise<void>>()

  constructor(parts: DispatchInboxParts) {
    this.#parts = parts
  }

  /**
   * One after the other for each key: a request that is repeated while the first is still being answered must not be told
   * `busy` about a job that is about to be accepted.
   */
  async put(key: string, request: DispatchRequest): Promise<DispatchReply> {
    for (let before = this.#puts.get(key); before !== undefined; before = this.#puts.get(key)) await before
    const answering = this.#put(key, request).catch(busyWithStorage)
    const answered = answering.then(
      () => {},
      () => {},
    )
    this.#puts.set(key, answered)
    void answered.then(() => this.#puts.delete(key))
    return answering
  }

  async #put(key: string, request: DispatchRequest): Promise<DispatchReply> {
    const { owner, launcher, reach } = this.#parts
    const { job } = request
    try {
      await owner.claim(request.owner, request.takeover)
      const refusal = this.#refusal(key, request)
      if (refusal !== null) return refusal
      await reach.requireSpider(job.project, job.spider, job.version)
      // The list of spiders may have taken its time: everything is asked again.
      owner.requireOwner(request.owner.instance)
    } catch (error) {
      return answerOf(error)
    }
    const refusal = this.#refusal(key, request)
    if (refusal !== null) return refusal
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
      // A revocation may be committed in the same batch.
      () => this.#isRevoked(key, request),
    )
    if (row !== null) return { answer: 'accepted', job: this.#parts.desk.get(key), reason: null }
    return this.#refusal(key, request) ?? this.#full()
  }

  /** Why a dispatch is not taken now; null when it can be. */
  #refusal(key: string, request: DispatchRequest): DispatchReply | null {
    const { jobs, desk, launcher, isPaused } = this.#parts
    if (jobs.get(key) !== null) return { answer: 'already', job: desk.get(key), reason: null }
    if (this.#isRevoked(key, request)) {
      return { answer: 'revoked', job: null, reason: reasonText('takenBack') }
    }
    if (isExpired(request)) return { answer: 'expired', job: null, reason: reasonText('tooLate') }
    if (isPaused()) return { answer: 'busy', job: null, reason: reasonText('nodePaused') }
    return launcher.free === 0 ? this.#full() : null
  }

  #isRevoked(key: string, { attempt }: DispatchRequest): boolean {
    return this.#parts.revocations.attempt(key) >= attempt
  }

  get(key: string): { known: boolean; revoked: boolean; job: DispatchReply['job'] } {
    const known = this.#parts.jobs.get(key) !== null
    const revoked = !known && this.#parts.revocations.attempt(key) > 0
    return { known, revoked, job: known ? this.#parts.desk.get(key) : null }
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

  #full(): DispatchReply {
    return { answer: 'busy', job: null, reason: reasonText('nodeFull', { n: this.#parts.launcher.maxProc }) }
  }
}

/** A disk that is full has taken nothing of the job: another node can have it at once. */
function busyWithStorage(error: unknown): DispatchReply {
  if (!(error instanceof StorageError)) throw error
  return { answer: 'busy', job: null, reason: error.message }
}

/** The answer to a dispatch that cannot be run here. Throws again what says nothing about the job. */
function answerOf(error: unknown): DispatchReply {
  if (!(error instanceof ScrapydServiceError) || error instanceof StorageError) throw error
  const answer =
    error instanceof ForeignMasterError
      ? 'foreign'
      : error instanceof ProjectNotFoundError
        ? 'no-project'
        : error instanceof SpiderNotFoundError
          ? 'no-spider'
          : 'unstartable'
  return { answer, job: null, reason: error.message }
}

function isExpired(request: DispatchRequest): boolean {
  return request.expires_at !== null && Date.parse(request.expires_at) < Date.now()
}
