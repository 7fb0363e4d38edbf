import { reasonText } from '../api/contract/reasons.ts'
import type { WarmRunner } from '../config/config.ts'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { RatePoint } from '../api/contract/values.ts'
import { ScrapydServiceError } from '../errors.ts'
import { jobPath } from '../files/job-path.ts'
import type { Logger } from '../logger.ts'
import type { EndRecord, Runner, RunObserver, StartRecord, StatsSnapshot } from '../runner/run.ts'
import { LOCAL_NODE, type JobRow, type JobStore, type NewJobRow } from '../storage/jobs.ts'
import { endingOf, unstartable } from './ending.ts'
import { JobStoring } from './job-storing.ts'
import { lastLoggedError } from './last-error.ts'
import type { Ledger } from './ledger.ts'
import { outcomeOf, type DecidedOutcome } from './outcome.ts'
import type { LiveCounters, Rates } from './rates.ts'
import { isLocalItemsDir, newToken, runFolder, runSpecOf, type JobFolders, type RunnableCode } from './run-spec.ts'
import { Slot } from './slot.ts'

/** Finds the code of a job at the moment of its start. Throws when it cannot be run; the message becomes the reason. */
export type CodeFinder = (
  project: string,
  spider: string,
  version: string | null,
) => Promise<RunnableCode & { readonly version: string | null }>

export interface LauncherParts {
  readonly ledger: Ledger
  readonly jobs: JobStore
  readonly runner: Runner
  readonly rates: Rates
  readonly folders: JobFolders
  readonly findCode: CodeFinder
  readonly log: Logger
  readonly nodeName: string
  readonly maxProc: number
  readonly cancelTimeoutMs: number
  readonly runnerModule: string | null
  /** How spiders of a project start. */
  readonly warm: (project: string) => WarmRunner
  /** A running job's counters changed. */
  readonly onStats: (key: string, live: LiveCounters, point: RatePoint | null) => void
}

/**
 * Runs jobs on this machine: holds the slots, starts runs, stores what they report, cancels them, adopts what an earlier
 * daemon left. A slot is given back when, and only when, the end of its job is committed.
 */
export class Launcher {
  readonly #parts: LauncherParts
  readonly #slots = new Map<string, Slot>()
  readonly #freed = new Set<() => void>()
  readonly #storing: JobStoring
  #stopping = false
  #draining = false

  constructor(parts: LauncherParts) {
    this.#parts = parts
    this.#storing = new JobStoring(parts.log)
  }

  get maxProc(): number {
    return this.#parts.maxProc
  }

  get used(): number {
    return this.#slots.size
  }

  get free(): number {
    return this.#stopping || this.#draining ? 0 : Math.max(0, this.#parts.maxProc - this.#slots.size)
  }

  /** How many slots a project uses. */
  runningOf(project: string): number {
    let count = 0
    for (const slot of this.#slots.values()) if (slot.project === project) count++
    return count
  }

  /** Called whenever a slot becomes free. Returns the way to stop. */
  onFree(listener: () => void): () => void {
    this.#freed.add(listener)
    return () => this.#freed.delete(listener)
  }

  /**
   * Gives a pending (or just assigned) job a slot and starts it. The slot is taken before the first await, so that two
   * callers in one turn cannot share the last one. Resolves to the row as `starting`, or null when the job is not to be
   * started any more (cancelled meanwhile) or no slot is free.
   */
  launch(key: string, project: string): Promise<JobRow | null> {
    return this.#takeSlot(key, project, (token) =>
      this.#parts.ledger.change(
        key,
        (now) => now.state === 'pending' || now.state === 'assigned',
        (now) => ({
          state: 'starting',
          attempt: now.attempt + 1,
          token,
          node_id: LOCAL_NODE,
          node: this.#parts.nodeName,
        }),
      ),
    )
  }

  /**
   * Gives a job that is not in the ledger yet a slot, and adds and starts it in one transaction (a dispatch: this node
   * never queues it). Resolves to null when no slot is free, the ledger has the key already,
   * or `isRefused` (asked inside the transaction) says so.
   */
  launchNew(row: Omit<NewJobRow, 'state'>, isRefused: () => boolean): Promise<JobRow | null> {
    return this.#takeSlot(row.key, row.project, (token) =>
      this.#parts.ledger.add(
        { ...row, state: 'starting', attempt: 1, token, node_id: LOCAL_NODE, node: this.#parts.nodeName },
        isRefused,
      ),
    )
  }

  async #takeSlot(
    key: string,
    project: string,
    commit: (token: string) => Promise<JobRow | null>,
  ): Promise<JobRow | null> {
    if (this.free === 0 || this.#slots.has(key)) return null
    const slot = new Slot(key, project, this.#parts.log)
    this.#slots.set(key, slot)
    let row: JobRow | null
    try {
      row = await commit(newToken())
    } catch (error) {
      this.#giveBack(slot)
      throw error
    }
    if (row === null) {
      this.#giveBack(slot)
      return null
    }
    void this.#start(slot, row)
    return row
  }

  /** Starts the run of a job that is `starting`; whatever goes wrong becomes the job's end. */
  async #start(slot: Slot, row: JobRow): Promise<void> {
    try {
      const code = await this.#parts.findCode(row.project, row.spider, row.requested_version)
      const spec = runSpecOf(row, code, this.#parts.folders, { ...this.#parts, warm: this.#parts.warm(row.project) })
      await this.#prepareFolders(row)
      // It stays `starting`, without a claim: the next daemon starts it.
      if (this.#stopping) return
      slot.version = code.version
      // A cancel that came while the job was being prepared: nothing was started yet.
      if (this.#parts.jobs.get(row.key)?.cancel_requested_at !== null) {
        await this.#end(slot, row.key, unstartable(reasonText('cancelled')))
        return
      }
      slot.run = this.#parts.runner.start(spec, this.#observer(slot))
    } catch (error) {
      if (this.#stopping) return
      if (!(error instanceof ScrapydServiceError)) this.#parts.log.error(`job ${row.key} could not be started`, error)
      await this.#end(slot, row.key, unstartable(error instanceof Error ? error.message : String(error)))
    }
  }

  async #prepareFolders(row: JobRow): Promise<void> {
    const { logsDir, itemsDir, jobsDir } = this.#parts.folders
    const roots = [logsDir, itemsDir !== null && isLocalItemsDir(itemsDir) ? itemsDir : null]
    for (const root of roots) {
      if (root === null) continue
      await mkdir(dirname(jobPath(root, row.project, row.spider, `${row.id}.log`)), { recursive: true }).catch(
        (error: unknown) => {
          throw new ScrapydServiceError(`The folder for log or items cannot be written: ${(error as Error).message}`)
        },
      )
    }
    if (jobsDir !== null) await mkdir(jobsDir, { recursive: true })
  }

  #observer(slot: Slot): RunObserver {
    const failed = (error: unknown) => this.#parts.log.error(`what job ${slot.key} reported was not understood`, error)
    return {
      started: (record) => {
        this.#started(slot, record).catch(failed)
      },
      stats: (snapshot) => this.#stats(slot, snapshot),
      ended: (record) => {
        this.#end(slot, slot.key, record).catch(failed)
      },
    }
  }

  async #started(slot: Slot, record: StartRecord): Promise<void> {
    let isNew = false
    await this.#storing.store(() =>
      this.#parts.ledger.change(
        slot.key,
        (now) => {
          isNew = now.state === 'starting'
          return isNew || (now.state === 'running' && now.pid !== record.pid)
        },
        () => ({
          state: 'running',
          pid: record.pid,
          started_at: Math.round(record.startedAt),
          ...(slot.version === null ? {} : { version: slot.version }),
          runner: this.#parts.runnerModule === null ? record.mode : 'custom',
          runner_note: record.modeNote,
        }),
      ),
    )
    const row = this.#stopping ? null : this.#parts.jobs.get(slot.key)
    if (row !== null && isNew) this.#parts.log.info(`${nameOf(row)} has started, pid ${record.pid}`)
    if (row?.cancel_requested_at != null && row.cancel_delivered === 0) await this.#deliver(slot, row)
  }

  #stats(slot: Slot, snapshot: StatsSnapshot): void {
    if (slot.ended) return
    const { live, point } = this.#parts.rates.add(slot.key, snapshot)
    this.#parts.onStats(slot.key, live, point)
  }

  async #end(slot: Slot, key: string, record: EndRecord): Promise<void> {
    if (slot.ended || this.#stopping) return
    slot.ended = true
    slot.stopTimer()
    const row = this.#parts.jobs.get(key)
    if (row !== null && row.state !== 'finished') {
      const stats = record.stats ?? this.#parts.rates.stats(key)
      const decided = await this.#outcome(row, record)
      const isStored = await this.#storing.store(
        // The start may be stored in the same transaction, right before.
        () => this.#parts.ledger.finish(key, (now) => endingOf(now, record, decided, stats), stats),
        () => this.#parts.ledger.finish(key, { ...decided, ended_at: Math.round(record.endedAt) }),
      )
      // Stopping: slot and run folder stay, so that the next daemon reads the end there.
      if (!isStored) return
      const { outcome, reason } = decided
      const told = `${nameOf(row)} has ended: ${outcome}${reason === null ? '' : `, ${reason}`}`
      if (outcome === 'failed' || outcome === 'lost') this.#parts.log.warn(told)
      else this.#parts.log.info(told)
    }
    this.#parts.rates.forget(key)
    this.#giveBack(slot)
    if (row !== null) {
      await this.#parts.runner
        .discard(runFolder(this.#parts.folders, row), record.outputTail !== null)
        .catch((error: unknown) => this.#parts.log.warn(`run folder of ${key} could not be removed`, error))
    }
  }

  async #outcome(row: JobRow, record: EndRecord): Promise<DecidedOutcome> {
    const context = {
      cancelAsked: row.cancel_requested_at !== null,
      cancelledBy: row.cancelled_by,
      killAsked: row.cancel_signal === 'SIGKILL',
      lastLoggedError: null,
    }
    const end = { ...record, startedAt: row.started_at ?? record.startedAt }
    const decided = outcomeOf(end, context)
    const logFile = decided.outcome === 'failed' ? this.#logFile(row) : null
    if (logFile === null) return decided
    // The log may be of an earlier run with this id, to which this run has added nothing.
    const error = await lastLoggedError(logFile, end.startedAt ?? row.created_at)
    return outcomeOf(end, { ...context, lastLoggedError: error })
  }

  #logFile(row: JobRow): string | null {
    try {
      return jobPath(this.#parts.folders.logsDir, row.project, row.spider, `${row.id}.log`)
    } catch {
      // A name that leaves its folder never had a log.
      return null
    }
  }

  #giveBack(slot: Slot): void {
    if (this.#slots.get(slot.key) !== slot) return
    this.#slots.delete(slot.key)
    for (const listener of this.#freed) listener()
  }

  /** Passes a stored cancel on to the spider, if it runs here. */
  async cancel(key: string): Promise<void> {
    const slot = this.#slots.get(key)
    const row = this.#parts.jobs.get(key)
    if (slot === undefined || row === null || slot.ended || row.state !== 'running') return
    await this.#deliver(slot, row)
  }

  async #deliver(slot: Slot, row: JobRow): Promise<void> {
    const signal = (row.cancel_signal ?? 'SIGINT') as NodeJS.Signals
    if (!(await slot.cancel(signal, this.#parts.cancelTimeoutMs)) || row.cancel_delivered === 1) return
    await this.#storing.store(() =>
      this.#parts.ledger.change(
        row.key,
        (now) => now.state === 'running' && now.cancel_delivered === 0,
        () => ({ cancel_delivered: 1 }),
      ),
    )
  }

  /** Takes over what an earlier daemon left: running spiders stay running, ended ones get their real end. */
  async adopt(): Promise<void> {
    const rows = this.#parts.jobs.unfinishedOf(LOCAL_NODE).filter((row) => row.state !== 'assigned')
    await Promise.all(rows.map((row) => this.#adoptOne(row)))
  }

  async #adoptOne(row: JobRow): Promise<void> {
    const sent = row.cancel_delivered === 1 ? [(row.cancel_signal ?? 'SIGINT') as NodeJS.Signals] : []
    const slot = new Slot(row.key, row.project, this.#parts.log, sent)
    this.#slots.set(row.key, slot)
    try {
      const spec = {
        key: row.key,
        attempt: row.attempt,
        token: row.token ?? '',
        runDir: runFolder(this.#parts.folders, row),
      }
      const adoption = await this.#parts.runner.adopt(spec, this.#observer(slot))
      // What follows is not waited for: it may take its time (a full disk), and the daemon is to serve.
      switch (adoption.found) {
        case 'running':
          slot.run = adoption.run
          this.#parts.log.info(`${nameOf(row)} goes on running; adopted`)
          if (row.cancel_requested_at !== null) void this.#deliver(slot, row)
          return
        case 'ended':
          void this.#end(slot, row.key, adoption.record)
          return
        case 'unclaimed':
          if (row.cancel_requested_at !== null) {
            void this.#end(slot, row.key, unstartable(reasonText('cancelled')))
            return
          }
          void this.#start(slot, row)
      }
    } catch (error) {
      this.#parts.log.error(`job ${row.key} could not be adopted`, error)
      await this.#end(slot, row.key, unstartable(reasonText('notAdopted', { detail: (error as Error).message })))
    }
  }

  /** Takes nothing new and waits until no slot is used (`--drain`). */
  async drained(): Promise<void> {
    this.#draining = true
    while (this.#slots.size > 0) {
      await new Promise<void>((resolve) => {
        const off = this.onFree(() => {
          off()
          resolve()
        })
      })
    }
  }

  /** Takes nothing new; spiders run on and are adopted by the next daemon. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const slot of this.#slots.values()) {
      slot.stopTimer()
      slot.run?.release()
    }
    await this.#parts.runner.stop()
    await this.#storing.stop()
  }
}

/** A job as an operator knows it; its key is what the console's addresses have. */
function nameOf({ id, project, spider, key }: JobRow): string {
  return `job ${id} (${project}/${spider}, ${key})`
}
