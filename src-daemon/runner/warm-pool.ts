import { projectEnvironment } from './job-environment.ts'
import type { RunnerLog } from './followed-run.ts'
import { identityOf } from './interpreter.ts'
import { isMemoryScarce } from './memory-pressure.ts'
import type { RunFolder } from './run-folder.ts'
import type { RunSpec } from './run.ts'
import { WarmProcess, type WarmLaunch } from './warm-process.ts'

/** How the pool behaves. */
export interface WarmPoolOptions {
  readonly environment: NodeJS.ProcessEnv
  readonly log: RunnerLog
  /** A warm process that started nothing for so long is stopped. */
  readonly idleMs: number
  /** No more than so many at once; the one that is idle for longest goes first. */
  readonly limit: number
  /** Whether memory is scarce, and how long (ms) idle is then. */
  readonly scarcity?: { readonly isNow: () => boolean; readonly idleMs: number }
}

/** How often idle processes are looked for. */
const TICK_MS = 15_000
const SCARCITY = { isNow: () => isMemoryScarce(), idleMs: 5_000 }
/** A warm process that keeps failing is not tried again for so long, or until the code changes. */
const RETRY_MS = 300_000
const MAX_FAILURES = 2

/** A warm process with what it is for. */
interface Warmth {
  readonly process: WarmProcess
  /** Code and interpreter; another value means another process. */
  readonly version: string
  lastUsed: number
}

/** Why a project is started cold for a while. */
interface Failure {
  readonly version: string
  readonly reason: string
  readonly count: number
  readonly at: number
}

/** The warm processes of a daemon: one for each interpreter and project, started when a job wants it. */
export class WarmPool {
  readonly #options: WarmPoolOptions
  readonly #warmths = new Map<string, Warmth>()
  readonly #failures = new Map<string, Failure>()
  /** What jobs of a project were seen to import, for the next warm process. */
  readonly #preloads = new Map<string, Set<string>>()
  readonly #scarcity: NonNullable<WarmPoolOptions['scarcity']>
  readonly #timer: NodeJS.Timeout
  #isStopped = false

  constructor(options: WarmPoolOptions) {
    this.#options = options
    this.#scarcity = options.scarcity ?? SCARCITY
    const tick = Math.min(TICK_MS, options.idleMs / 2, this.#scarcity.idleMs)
    this.#timer = setInterval(() => this.#stopIdle(), tick)
    this.#timer.unref()
  }

  /** Starts a run from a warm process. `refused`, with the reason in words, when it has to be started cold. */
  async start(spec: RunSpec, folder: RunFolder, job: object): Promise<Exclude<WarmLaunch, { became: 'stale' }>> {
    const refusal = this.#refusal(spec)
    if (refusal !== null) return { became: 'refused', reason: refusal }
    // Once more: the first process may be stale.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const key = keyOf(spec)
      const warmth = this.#warmth(key, spec)
      if (typeof warmth === 'string') return { became: 'refused', reason: warmth }
      const launch = await warmth.process.start(folder, job)
      warmth.lastUsed = performance.now()
      if (launch.became !== 'stale') {
        if (launch.became !== 'refused') this.#failures.delete(key)
        return launch
      }
      this.#options.log.info(`the packages of ${spec.python} have changed: its warm process is replaced`)
      this.#retire(key, warmth)
    }
    return { became: 'refused', reason: 'the packages of the interpreter keep changing' }
  }

  /** Stops all warm processes; what they have started lives on. */
  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
    for (const [key, warmth] of this.#warmths) this.#retire(key, warmth)
  }

  #refusal(spec: RunSpec): string | null {
    if (this.#isStopped) return 'the daemon is being stopped'
    if (spec.runnerModule !== null) return `the project has a runner of its own (${spec.runnerModule})`
    if (process.platform === 'win32') return 'Windows cannot fork'
    if (spec.warm === 'auto' && process.platform !== 'linux') {
      return 'system libraries are not safe to fork on this system; warm_runner = on does it all the same'
    }
    return null
  }

  #warmth(key: string, spec: RunSpec): Warmth | string {
    const interpreter = identityOf(spec.python, this.#options.environment)
    const version = `${interpreter}\0${spec.codeVersion}`
    const failure = this.#failures.get(key)
    if (failure !== undefined && failure.version === version && failure.count >= MAX_FAILURES) {
      if (performance.now() - failure.at < RETRY_MS) return failure.reason
      this.#failures.delete(key)
    }
    const known = this.#warmths.get(key)
    if (known !== undefined) {
      if (known.version === version) return known
      const isUpgrade = !known.version.startsWith(`${interpreter}\0`)
      const what = isUpgrade ? `the interpreter ${spec.python}` : `the code of ${spec.project}`
      this.#options.log.info(`${what} has changed: its warm process is replaced`)
      this.#retire(key, known)
    }
    this.#makeRoom()
    const warmth: Warmth = { process: this.#open(key, version, spec), version, lastUsed: performance.now() }
    this.#warmths.set(key, warmth)
    return warmth
  }

  #open(key: string, version: string, spec: RunSpec): WarmProcess {
    const preload = this.#preloads.get(key) ?? new Set()
    this.#preloads.set(key, preload)
    const process: WarmProcess = new WarmProcess({
      python: spec.python,
      projectDir: spec.projectDir,
      environment: projectEnvironment(this.#options.environment, spec.project, spec.settingsModule),
      preload: [...preload],
      onPreloaded: (names) => names.forEach((name) => preload.add(name)),
      onGone: (reason) => {
        if (this.#warmths.get(key)?.process === process) this.#warmths.delete(key)
        if (reason === null) return
        const before = this.#failures.get(key)
        const count = before?.version === version ? before.count + 1 : 1
        this.#failures.set(key, { version, reason, count, at: performance.now() })
        this.#options.log.warn(`the warm process of ${spec.project} is gone: ${reason}`)
      },
    })
    return process
  }

  #makeRoom(): void {
    const idle = [...this.#warmths].filter(([, { process }]) => process.pending === 0)
    idle.sort(([, a], [, b]) => a.lastUsed - b.lastUsed)
    const excess = this.#warmths.size - this.#options.limit + 1
    for (const [key, warmth] of idle.slice(0, Math.max(excess, 0))) this.#retire(key, warmth)
  }

  #retire(key: string, warmth: Warmth): void {
    if (this.#warmths.get(key) === warmth) this.#warmths.delete(key)
    warmth.process.retire()
  }

  #stopIdle(): void {
    const { idleMs } = this.#options
    const limit = this.#scarcity.isNow() ? Math.min(this.#scarcity.idleMs, idleMs) : idleMs
    for (const [key, warmth] of this.#warmths) {
      const isIdle = warmth.process.pending === 0 && performance.now() - warmth.lastUsed > limit
      if (isIdle) this.#retire(key, warmth)
    }
  }
}

function keyOf(spec: RunSpec): string {
  return [spec.python, spec.projectDir, spec.settingsModule, spec.project].join('\0')
}
