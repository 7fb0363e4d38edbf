import { realpathSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import { AliveFifo } from './alive-fifo.ts'
import { bootId } from './boot-id.ts'
import { isStillThere, killTree, signalProcess, type RunProcess } from './kill-tree.ts'
import { outputTail } from './output-tail.ts'
import { type RunFolder, startRecord, type StoredStart } from './run-folder.ts'
import type { EndRecord, Run, RunObserver } from './run.ts'

/** How long a supervisor may take to write the end down after everything under it was killed. */
const SUPERVISOR_MS = 5_000

/** What could not be found out for want of descriptors or memory is asked again after this. */
const AGAIN_MS = 1_000

/** Where a run's troubles are told that concern no outcome. */
export type RunnerLog = Pick<Logger, 'info' | 'warn' | 'error'>

/** A run of which the outside knows, from the order to start it until its end is on record. */
export class FollowedRun implements Run {
  readonly #folder: RunFolder
  readonly #token: string
  readonly #observer: RunObserver
  readonly #log: RunnerLog
  readonly #begun = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()
  #start: StoredStart | null = null
  #fifo: AliveFifo | null = null
  #lastStats = 0
  #isReleased = false
  #isOver = false
  #killing: Promise<void> | null = null

  constructor(folder: RunFolder, token: string, observer: RunObserver, log: RunnerLog) {
    this.#folder = folder
    this.#token = token
    this.#observer = observer
    this.#log = log
  }

  /** The run is on record as started: reports it and follows it to its end. */
  begin(start: StoredStart): void {
    this.#start = start
    this.#begun.resolve()
    if (this.#isReleased) return
    this.#tell(() => this.#observer.started(startRecord(start)))
    this.#follow()
  }

  /** There never was a process of the spider. */
  fail(reason: string): void {
    this.#end({
      ...NOTHING_KNOWN,
      seen: 'unstartable',
      endedAt: Date.now(),
      reason,
      outputTail: outputTail(this.#folder.outputPath),
    })
  }

  async signal(signal: NodeJS.Signals): Promise<boolean> {
    await Promise.race([this.#begun.promise, this.#over.promise])
    const spider = this.#spider()
    return !this.#isOver && spider !== null && signalProcess(spider, signal)
  }

  kill(): Promise<void> {
    this.#killing ??= this.#kill()
    return this.#killing
  }

  release(): void {
    this.#isReleased = true
    this.#fifo?.close()
    this.#fifo = null
    this.#over.resolve()
  }

  /** Whether anything may still be reported. */
  get isFollowed(): boolean {
    return !this.#isReleased && !this.#isOver
  }

  /** Resolves when the run is over or was released. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  #follow(): void {
    try {
      this.#fifo = AliveFifo.open(this.#folder.alivePath)
    } catch (error) {
      this.#again('a running spider cannot be followed at the moment', error)
      return
    }
    if (this.#fifo === null) {
      this.#whenLetGo()
      return
    }
    this.#reportStats()
    this.#fifo.follow(
      () => this.#reportStats(),
      () => {
        this.#fifo = null
        this.#whenLetGo()
      },
    )
  }

  /** Nobody holds the run any more. */
  #whenLetGo(): void {
    this.#finish().catch((error: unknown) => this.#again('the end of a run cannot be looked at at the moment', error))
  }

  #again(what: string, error: unknown): void {
    this.#log.warn(`${what}; tried again in a second`, error)
    setTimeout(() => {
      if (this.isFollowed) this.#follow()
    }, AGAIN_MS).unref()
  }

  #reportStats(): void {
    const record = this.#folder.readSpider()
    if (record === null || record.ended || record.at <= this.#lastStats) return
    this.#lastStats = record.at
    this.#tell(() => this.#observer.stats({ at: record.at, stats: record.stats }))
  }

  async #finish(): Promise<void> {
    if (this.#folder.readExit() === null && AliveFifo.isHeld(this.#folder.alivePath)) {
      // Reading failed, the run did not.
      this.#follow()
      return
    }
    const start = this.#start
    if (start === null || !this.isFollowed) return
    if (this.#folder.readExit() === null) {
      const killed = await killTree(this.#token, [], null)
      if (killed > 0) this.#log.warn(`${killed} processes were left by a run whose supervisor is gone, and were killed`)
    }
    if (!this.isFollowed) return
    this.#end(endRecord(this.#folder, start))
  }

  async #kill(): Promise<void> {
    await Promise.race([this.#begun.promise, this.#over.promise])
    const spider = this.#spider()
    const supervisor = this.#supervisor()
    if (this.#isOver || spider === null || supervisor === null) return
    const hasSupervisor = isStillThere(supervisor)
    await killTree(this.#token, hasSupervisor ? [spider, supervisor] : [spider], hasSupervisor ? supervisor : null)
    const timer = new AbortController()
    await Promise.race([this.#over.promise, delay(SUPERVISOR_MS, null, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    // A supervisor that hangs (stopped, or stuck in a system call) goes the same way.
    if (!this.#isOver) await killTree(this.#token, [supervisor], null)
    await this.#over.promise
  }

  #spider(): RunProcess | null {
    return this.#start === null ? null : this.#process(this.#start.pid, this.#start.pidStart)
  }

  #supervisor(): RunProcess | null {
    return this.#start === null ? null : this.#process(this.#start.supervisorPid, this.#start.supervisorStart)
  }

  #process(pid: number, start: number | null): RunProcess {
    return { pid, start, token: this.#token, alivePath: realPath(this.#folder.alivePath) }
  }

  #end(record: EndRecord): void {
    if (!this.isFollowed) return
    this.#isOver = true
    this.#tell(() => this.#observer.ended(record))
    this.#over.resolve()
  }

  /** Whoever observes may fail; the run goes on being followed. */
  #tell(call: () => void): void {
    if (this.#isReleased) return
    try {
      call()
    } catch (error) {
      this.#log.error('an observer of a run failed', error)
    }
  }
}

const NOTHING_KNOWN = {
  exitCode: null,
  signal: null,
  startedAt: null,
  pid: null,
  cpuSeconds: null,
  maxRssBytes: null,
  finishReason: null,
  stats: null,
  reason: null,
  outputTail: null,
} as const

/** What the folder of a run that is over says about its end. The supervisor's word counts most. */
export function endRecord(folder: RunFolder, start: StoredStart | null): EndRecord {
  const exit = folder.readExit()
  const spider = folder.readSpider()
  const known = {
    ...NOTHING_KNOWN,
    pid: start?.pid ?? null,
    startedAt: start?.startedAt ?? exit?.startedAt ?? null,
    finishReason: spider?.finishReason ?? null,
    stats: spider?.stats ?? null,
    outputTail: outputTail(folder.outputPath),
  }
  if (exit !== null) {
    const { exitCode, signal, endedAt, cpuSeconds, maxRssBytes } = exit
    return { ...known, seen: 'exit', exitCode, signal, endedAt, cpuSeconds, maxRssBytes }
  }
  if (spider !== null && (spider.ended || spider.finishReason !== null)) {
    return { ...known, seen: 'self', endedAt: spider.at }
  }
  const isOfThisBoot = start === null || start.bootId === bootId()
  return { ...known, seen: isOfThisBoot ? 'gone' : 'rebooted', endedAt: folder.lastSignOfLife() ?? Date.now() }
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // Removed by somebody; then nobody is recognised by it.
    return path
  }
}
