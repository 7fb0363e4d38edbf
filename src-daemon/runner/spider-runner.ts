import { setTimeout as delay } from 'node:timers/promises'
import { reasonText } from '../api/contract/reasons.ts'
import { AliveFifo } from './alive-fifo.ts'
import { bootId } from './boot-id.ts'
import { coldStart, type Launch } from './cold-start.ts'
import { endRecord, FollowedRun, type RunnerLog } from './followed-run.ts'
import { jobVariables, projectEnvironment } from './job-environment.ts'
import { killTree } from './kill-tree.ts'
import { discardRunFolder, RunFolder, type StoredStart } from './run-folder.ts'
import { WarmPool, type WarmPoolOptions } from './warm-pool.ts'
import type { Adoption, Run, Runner, RunObserver, RunSpec } from './run.ts'

/** What spider and supervisor print is cut to its last half once it is over this size. */
const OUTPUT_LIMIT = 8 * 1024 * 1024
const WARM_IDLE_MS = 600_000
const WARM_LIMIT = 8
/** From the claim of a run to its start: it takes milliseconds, and seconds on a disk that does not keep up. */
const CLAIM_TIMEOUT_MS = 60_000

/** What a runner needs of its daemon. */
export interface SpiderRunnerOptions {
  /** The daemon's environment; what concerns the daemon alone is not passed on. */
  readonly environment: NodeJS.ProcessEnv
  readonly log: RunnerLog
  /** Bytes; 8 MiB unless told. */
  readonly outputLimit?: number
  /** A warm process that started nothing for so long is stopped; ten minutes unless told. */
  readonly warmIdleMs?: number
  /** Warm processes at once; 8 unless told. */
  readonly warmLimit?: number
  /** When memory counts as scarce, and how long (ms) a warm process may be idle then. */
  readonly warmScarcity?: WarmPoolOptions['scarcity']
  /** Whoever has claimed a run, and has not started it for so long (ms), is killed; a minute unless told. */
  readonly claimTimeoutMs?: number
}

/** Starts spiders as processes that survive this daemon, and finds them again. */
export class SpiderRunner implements Runner {
  readonly #environment: NodeJS.ProcessEnv
  readonly #log: RunnerLog
  readonly #outputLimit: number
  readonly #claimTimeoutMs: number
  readonly #runs = new Set<FollowedRun>()
  readonly #warmPool: WarmPool
  readonly #said = new Set<string>()

  constructor(options: SpiderRunnerOptions) {
    this.#environment = options.environment
    this.#log = options.log
    this.#outputLimit = options.outputLimit ?? OUTPUT_LIMIT
    this.#claimTimeoutMs = options.claimTimeoutMs ?? CLAIM_TIMEOUT_MS
    this.#warmPool = new WarmPool({
      environment: options.environment,
      log: options.log,
      idleMs: options.warmIdleMs ?? WARM_IDLE_MS,
      limit: options.warmLimit ?? WARM_LIMIT,
      ...(options.warmScarcity && { scarcity: options.warmScarcity }),
    })
  }

  start(spec: RunSpec, observer: RunObserver): Run {
    const folder = new RunFolder(spec.runDir, spec.token)
    const run = this.#track(folder, spec.token, observer)
    void this.#launch(spec, folder, run)
    return run
  }

  async adopt(spec: Pick<RunSpec, 'key' | 'attempt' | 'token' | 'runDir'>, observer: RunObserver): Promise<Adoption> {
    const folder = new RunFolder(spec.runDir, spec.token)
    if (folder.readExit() !== null) return { found: 'ended', record: endRecord(folder, folder.readStart()) }
    if (!folder.isClaimed()) return { found: 'unclaimed' }
    const start = await this.#startOf(folder, spec.token)
    if (start === null) {
      // Whoever claimed it died before it let the spider begin.
      await folder.dropClaim()
      return { found: 'unclaimed' }
    }
    if (start.bootId !== bootId()) return { found: 'ended', record: endRecord(folder, start) }
    if (!AliveFifo.isHeld(folder.alivePath)) {
      // The exit record may have come since.
      if (folder.readExit() === null) await killTree(spec.token, [], null)
      return { found: 'ended', record: endRecord(folder, start) }
    }
    const run = this.#track(folder, spec.token, observer)
    // The caller gets the handle before the first event.
    setImmediate(() => run.begin(start))
    return { found: 'running', run }
  }

  discard(runDir: string, keepOutput: boolean): Promise<void> {
    return discardRunFolder(runDir, keepOutput)
  }

  async stop(): Promise<void> {
    this.#warmPool.stop()
    for (const run of this.#runs) run.release()
  }

  #track(folder: RunFolder, token: string, observer: RunObserver): FollowedRun {
    const run = new FollowedRun(folder, token, observer, this.#log)
    this.#runs.add(run)
    void run.over.then(() => this.#runs.delete(run))
    return run
  }

  async #launch(spec: RunSpec, folder: RunFolder, run: FollowedRun): Promise<void> {
    try {
      let launch = await this.#start(spec, folder)
      let start = await this.#startOf(folder, spec.token)
      if (start === null && launch.became === 'lost' && folder.isClaimed()) {
        // Whoever had claimed it died before it let the spider begin.
        await folder.dropClaim()
        launch = await this.#startCold(spec, folder, reasonText('claimLost'))
        start = await this.#startOf(folder, spec.token)
      }
      if (start !== null) return run.begin(start)
      run.fail(launch.became === 'unstartable' ? launch.reason : reasonText('claimLost'))
    } catch (error) {
      run.fail(reasonText('notRun', { detail: error instanceof Error ? error.message : String(error) }))
    }
  }

  /** The start record of a claimed run, waited for while its claimer lives. */
  async #startOf(folder: RunFolder, token: string): Promise<StoredStart | null> {
    for (let since = performance.now(); ;) {
      const isHeld = AliveFifo.isHeld(folder.alivePath)
      const start = folder.readStart()
      if (start !== null || !isHeld) return start
      if (performance.now() - since > this.#claimTimeoutMs) {
        // It hangs, or was stopped. The spider waits for its word: nothing has run.
        this.#log.warn('a process that had claimed a run did not start it, and is killed')
        await killTree(token, [], null)
        since = performance.now()
      }
      await delay(20)
    }
  }

  async #start(spec: RunSpec, folder: RunFolder): Promise<Launch> {
    folder.create()
    if (spec.warm === 'off') return this.#startCold(spec, folder, null)
    const launch = await this.#warmPool.start(spec, folder, this.#job(spec, null))
    if (launch.became !== 'refused') return launch
    this.#sayOnce(`${spec.project} is started cold: ${launch.reason}`)
    // Should the warm process have started it after all, the claim is lost here.
    return this.#startCold(spec, folder, launch.reason)
  }

  /** What a supervisor is told. */
  #job(spec: RunSpec, modeNote: string | null): object {
    return {
      key: spec.key,
      attempt: spec.attempt,
      token: spec.token,
      jobId: spec.jobId,
      spider: spec.spider,
      projectDir: spec.projectDir,
      spiderModule: spec.spiderModule,
      args: spec.args,
      settings: spec.settings,
      itemsUri: spec.itemsUri,
      runnerModule: spec.runnerModule,
      variables: jobVariables(spec),
      bootId: bootId(),
      outputLimit: this.#outputLimit,
      modeNote,
    }
  }

  #startCold(spec: RunSpec, folder: RunFolder, modeNote: string | null): Promise<Launch> {
    folder.tell(this.#job(spec, modeNote))
    return coldStart({
      python: spec.python,
      folder,
      projectDir: spec.projectDir,
      environment: {
        ...projectEnvironment(this.#environment, spec.project, spec.settingsModule),
        ...jobVariables(spec),
      },
    })
  }

  #sayOnce(message: string): void {
    if (this.#said.has(message)) return
    this.#said.add(message)
    this.#log.info(message)
  }
}
