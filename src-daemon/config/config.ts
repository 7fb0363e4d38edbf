/** The validated, frozen configuration of a daemon. Every path in it is absolute. Source: CONFIG.md. */
export interface Config {
  readonly cluster: ClusterConfig
  /** In the order of the file. */
  readonly projects: readonly ProjectConfig[]
  /** Interpreter by project name, from `[python]`. */
  readonly python: Readonly<Record<string, string>>
  /** `warm_runner` by project name, from `[warm_runner]`. */
  readonly warmRunner: Readonly<Record<string, WarmRunner>>
  /** What a job imports of its project, by project name, from `[spider_modules]`. */
  readonly spiderModules: Readonly<Record<string, SpiderModules>>
  readonly scrapyd: ScrapydConfig
  /** Endpoints that were switched off (`cancel.json =`). */
  readonly disabledServices: ReadonlySet<string>
  /** Unknown sections and options, ignored options; to be logged once at start. */
  readonly warnings: readonly string[]
}

/** Whether spiders start from a warm Python process; `auto`: wherever it is safe. */
export type WarmRunner = 'on' | 'off' | 'auto'

/** Of a project's spider modules a job imports its spider's `own`, or `all` of them as Scrapy does. */
export type SpiderModules = 'own' | 'all'

export type Identity = 'master' | 'slave'

export interface ClusterConfig {
  readonly clusterName: string
  readonly nodeName: string
  readonly identity: Identity
  readonly slaveHosts: readonly SlaveHost[]
  readonly isAllCodeSame: boolean
  readonly pullCodeByGit: boolean
  /** null: the branch that is checked out. */
  readonly branch: string | null
  readonly localCrawlerCodePath: string | null
  readonly masterRunsJobs: boolean
}

/** An entry of `slave_hosts`. Credentials come out of the URL and are never printed. */
export interface SlaveHost {
  /** `http://host:port` or `https://host:port`, without credentials, path, query or a scheme's usual port (an origin). */
  readonly url: string
  readonly username: string | null
  readonly password: string | null
  /** `?max_proc=4`: the capacity of a stock Scrapyd, which does not tell its own. */
  readonly maxProc: number | null
}

export interface ProjectConfig {
  readonly name: string
  /** The folder as configured, absolute. */
  readonly path: string
  /** Whether the project was named in a configuration file or found in the `scrapy.cfg` of the working directory. */
  readonly source: 'config' | 'scrapy.cfg'
}

export interface ScrapydConfig {
  readonly bindAddress: string
  /** false: `bind_address` is set to nothing and there is a Unix socket, so that socket is the only door (as in Scrapyd). */
  readonly listensOnTcp: boolean
  /** 0: any free port. */
  readonly httpPort: number
  readonly unixSocketPath: string | null
  readonly username: string | null
  readonly password: string | null
  readonly allowUnauthenticated: boolean
  readonly allowedHosts: readonly string[]
  readonly allowedOrigins: readonly string[]
  /** Lower case. */
  readonly prefixHeader: string
  readonly logsDir: string
  readonly dbsDir: string
  /** null: items are not stored. A URI (`s3://bucket/items`) is kept as it is and is not served. */
  readonly itemsDir: string | null
  readonly jobsDir: string | null
  readonly jobsToKeep: number
  readonly finishedToKeep: number
  readonly historyToKeep: number
  readonly datesToKeep: number
  /** As configured; 0 = CPUs × maxProcPerCpu (see `maxProc()` in `config/max-proc.ts`). */
  readonly maxProc: number
  readonly maxProcPerCpu: number
  readonly cancelTimeoutMs: number
  readonly pollIntervalMs: number
  readonly pingIntervalMs: number
  readonly proxyExpireMs: number
  /** A command name to be found in PATH, or an absolute path. */
  readonly python: string
  readonly debug: boolean
  /** null: the built-in runner; else the module for `python -m NAME`. */
  readonly runner: string | null
  /** Issue "warm runner": `auto` = wherever it is safe. */
  readonly warmRunner: WarmRunner
}
