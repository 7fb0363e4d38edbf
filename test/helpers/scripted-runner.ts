import { vi } from 'vitest'
import type {
  Adoption,
  EndRecord,
  Run,
  Runner,
  RunObserver,
  RunSpec,
  StartRecord,
} from '../../src-daemon/runner/run.ts'

/** A run whose spider does what the test says. */
export class ScriptedRun implements Run {
  readonly key: string
  /** null for an adopted run. */
  readonly spec: RunSpec | null
  readonly signals: NodeJS.Signals[] = []
  kills = 0
  isReleased = false
  readonly #observer: RunObserver

  constructor(key: string, spec: RunSpec | null, observer: RunObserver) {
    this.key = key
    this.spec = spec
    this.#observer = observer
  }

  async signal(signal: NodeJS.Signals): Promise<boolean> {
    this.signals.push(signal)
    return true
  }

  async kill(): Promise<void> {
    this.kills++
  }

  release(): void {
    this.isReleased = true
  }

  /** The spider's process exists. */
  begin(record: Partial<StartRecord> = {}): void {
    this.#observer.started({
      pid: 4711,
      supervisorPid: 4710,
      startedAt: Date.now(),
      mode: 'cold',
      modeNote: null,
      ...record,
    })
  }

  report(stats: Readonly<Record<string, unknown>>, at: number = Date.now()): void {
    this.#observer.stats({ at, stats })
  }

  /** The spider ended, well unless told. */
  end(record: Partial<EndRecord> = {}): void {
    this.#observer.ended({ ...GOOD_END, endedAt: Date.now(), ...record })
  }
}

/** Starts nothing: keeps what it was told, and lets a test play the spiders. */
export class ScriptedRunner implements Runner {
  readonly runs: ScriptedRun[] = []
  readonly discarded: { readonly runDir: string; readonly keepOutput: boolean }[] = []
  /** What an earlier daemon left, by key; `running` makes a run. Nothing is `unclaimed`. */
  readonly left = new Map<string, 'running' | EndRecord | Error>()
  isStopped = false

  start(spec: RunSpec, observer: RunObserver): Run {
    const run = new ScriptedRun(spec.key, spec, observer)
    this.runs.push(run)
    return run
  }

  async adopt(spec: Pick<RunSpec, 'key' | 'attempt' | 'token' | 'runDir'>, observer: RunObserver): Promise<Adoption> {
    const left = this.left.get(spec.key)
    if (left instanceof Error) throw left
    if (left === undefined) return { found: 'unclaimed' }
    if (left !== 'running') return { found: 'ended', record: left }
    const run = new ScriptedRun(spec.key, null, observer)
    this.runs.push(run)
    return { found: 'running', run }
  }

  async discard(runDir: string, keepOutput: boolean): Promise<void> {
    this.discarded.push({ runDir, keepOutput })
  }

  async stop(): Promise<void> {
    this.isStopped = true
  }

  /** The run of a job, as soon as it was started or adopted. */
  run(key: string): Promise<ScriptedRun> {
    return vi.waitFor(
      () => {
        const run = this.runs.findLast((run) => run.key === key)
        if (run === undefined) throw new Error(`job ${key} was not started`)
        return run
      },
      { interval: 1 },
    )
  }
}

const GOOD_END: Omit<EndRecord, 'endedAt'> = {
  seen: 'exit',
  exitCode: 0,
  signal: null,
  startedAt: null,
  pid: 4711,
  cpuSeconds: 0.5,
  maxRssBytes: 50_000_000,
  finishReason: 'finished',
  stats: { response_received_count: 3, item_scraped_count: 2 },
  reason: null,
  outputTail: null,
}

/** The record of a spider that finished well, with what a test changes. */
export function endRecord(record: Partial<EndRecord> = {}): EndRecord {
  return { ...GOOD_END, endedAt: Date.now(), ...record }
}
