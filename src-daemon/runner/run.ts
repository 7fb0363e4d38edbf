/**
 * The words between the launcher and the runner: what a run is told, what it reports back.
 * A run is ONE attempt at ONE job; its folder (`runDir`) holds everything that survives a crash of the daemon.
 */

/** What the runner needs to start a spider. Passed as `job.json` (mode 0600) in the run's folder or through a socket, never by argv. */
export interface RunSpec {
  /** The job's key and the attempt's number name the run; the token proves in the environment whose process it is. */
  readonly key: string
  readonly attempt: number
  readonly token: string
  /** The public job id: `_job` argument and `SCRAPYD_JOB`. */
  readonly jobId: string
  readonly project: string
  readonly spider: string
  readonly nodeName: string
  /** Absolute path of the interpreter, or a command name. */
  readonly python: string
  /** The folder of `scrapy.cfg`: working directory and first entry of `sys.path`. */
  readonly projectDir: string
  readonly settingsModule: string
  /** The only module that has to be imported for this spider, when the list knows exactly one and the loader is Scrapy's own. */
  readonly spiderModule: string | null
  /** Spider arguments, without `_job` (the runner adds it). */
  readonly args: Readonly<Record<string, string>>
  /** Settings as `-s NAME=value` gives them, the daemon's own (LOG_FILE, JOBDIR) included. */
  readonly settings: Readonly<Record<string, string>>
  /** Where Scrapy stores the items, above any FEEDS; percent signs that stand for themselves are doubled. null: nowhere. */
  readonly itemsUri: string | null
  /** null: the built-in runner; else `python -m NAME crawl SPIDER -s … -a …`, supervised all the same. */
  readonly runnerModule: string | null
  /** Where the run keeps its records. Created by the runner's `start`. */
  readonly runDir: string
  /** Whether a warm process may be used for this project (see the warm runner); `off` = always a cold start. */
  readonly warm: 'on' | 'off' | 'auto'
  /** Names the code as it is on disk now (commit or fingerprint): a warm process serves one value only. */
  readonly codeVersion: string | null
}

/** The claim was won and the spider's process exists. Times are milliseconds since 1970, UTC. */
export interface StartRecord {
  /** The spider's process (leader of its own process group). */
  readonly pid: number
  readonly supervisorPid: number
  readonly startedAt: number
  readonly mode: 'cold' | 'warm'
  /** Why a cold start was used although a warm one was wanted; null where there is nothing to say. */
  readonly modeNote: string | null
}

/** Scrapy's counters at one moment, JSON-safe. */
export interface StatsSnapshot {
  readonly at: number
  readonly stats: Readonly<Record<string, unknown>>
}

/** How a run ended, as far as anyone can know. Turned into an outcome by `jobs/outcome.ts`. */
export interface EndRecord {
  /**
   * `exit`: the supervisor saw the end (exit code or signal are real).
   * `self`: the supervisor was killed, but the spider wrote its own record before it ended.
   * `gone`: nothing is left and nobody saw how; the machine has not been restarted since.
   * `rebooted`: the machine was restarted under the run.
   * `unstartable`: no spider process ever existed (interpreter missing, fork failed …); `reason` says why.
   */
  readonly seen: 'exit' | 'self' | 'gone' | 'rebooted' | 'unstartable'
  readonly exitCode: number | null
  /** Name of the signal, such as `SIGKILL`. */
  readonly signal: string | null
  readonly startedAt: number | null
  readonly endedAt: number
  readonly pid: number | null
  readonly cpuSeconds: number | null
  readonly maxRssBytes: number | null
  /** From the spider's own record. */
  readonly finishReason: string | null
  readonly stats: Readonly<Record<string, unknown>> | null
  /** In words, for `unstartable`; otherwise null. */
  readonly reason: string | null
  /** The end of what the process printed (stderr's last lines), at most 2 000 characters; null when it printed nothing. */
  readonly outputTail: string | null
}

/** A run as the launcher holds it. Callbacks are called in order, `ended` exactly once and last. */
export interface RunObserver {
  started(record: StartRecord): void
  stats(snapshot: StatsSnapshot): void
  ended(record: EndRecord): void
}

export interface Run {
  /**
   * Sends `signal` (`SIGINT` unless told) to the spider's process only, after checking that the process is still ours.
   * Resolves to whether a process was there to be told.
   */
  signal(signal: NodeJS.Signals): Promise<boolean>
  /** Kills the whole tree: spider, supervisor's other descendants, whatever left its group or session. Idempotent. */
  kill(): Promise<void>
  /** Stops watching; the spider goes on. Used when the daemon stops. */
  release(): void
}

/** What was found of a run whose daemon died. */
export type Adoption =
  | { readonly found: 'unclaimed' }
  | { readonly found: 'running'; readonly run: Run }
  | { readonly found: 'ended'; readonly record: EndRecord }

export interface Runner {
  /**
   * Starts the spider. Returns at once with a handle; everything else, also a failure to start, comes through the observer.
   */
  start(spec: RunSpec, observer: RunObserver): Run
  /**
   * Looks at what an earlier daemon left in `runDir`. For `running` the observer gets `started` first, then live events.
   * `unclaimed`: the attempt never claimed its folder; it is safe to start it again (a late child loses the claim).
   */
  adopt(spec: Pick<RunSpec, 'key' | 'attempt' | 'token' | 'runDir'>, observer: RunObserver): Promise<Adoption>
  /** Removes the run's folder, except what it printed when `keepOutput`. */
  discard(runDir: string, keepOutput: boolean): Promise<void>
  /** Waits for nothing: running spiders live on. Stops timers, warm processes that are idle, watchers. */
  stop(): Promise<void>
}

/** The file in `runDir` that holds what spider and supervisor printed (stdout and stderr together, capped). */
export const OUTPUT_FILE = 'output'

/** One spider of a project, as `list` found it. */
export interface ListedSpider {
  readonly name: string
  readonly module: string
}

/** A spider module that could not be imported. */
export interface SpiderLoadError {
  readonly module: string
  readonly traceback: string
}

/** The answer of the runner's `list`. */
export interface SpiderListing {
  /** Sorted by name. */
  readonly spiders: readonly ListedSpider[]
  readonly errors: readonly SpiderLoadError[]
  /** Files of the project whose change makes the list stale: loaded modules below the project's folder, `scrapy.cfg`. */
  readonly files: readonly string[]
  /** Package folders of SPIDER_MODULES (a new file there makes the list stale). */
  readonly folders: readonly string[]
  /** Whether the project uses Scrapy's own spider loader (only then may one module be loaded alone). */
  readonly ownLoader: boolean
  readonly scrapyVersion: string
  readonly pythonVersion: string
}
