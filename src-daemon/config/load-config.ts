import { dirname, resolve } from 'node:path'
import type { ConfigProblem } from '../errors.ts'
import { ConfigError } from '../errors.ts'
import type { ClusterConfig, Config, ProjectConfig, ScrapydConfig } from './config.ts'
import { configSources } from './config-sources.ts'
import { checkConsistency } from './consistency.ts'
import { readEnvironment } from './environment.ts'
import type { OptionValues, ReadOptions } from './option-values.ts'
import { readOptions } from './option-values.ts'
import type { Assignment, Origin } from './origin.ts'
import type { Named } from './projects-sections.ts'
import {
  projectsOfScrapyCfg,
  readInterpreters,
  readProjects,
  readSpiderModules,
  readWarmRunners,
} from './projects-sections.ts'
import type { FoundSection } from './read-sources.ts'
import { readSources } from './read-sources.ts'
import { closestScrapyCfg } from './scrapy-cfg.ts'
import { readServices } from './services-sections.ts'
import { unknownNames } from './unknown-names.ts'

export interface LoadConfigInput {
  /** `--config FILE`, which is then read instead of all other files. */
  readonly configFile: string | null
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly homeDir: string
  /** The name of this machine: the default of `node_name`. */
  readonly hostname: string
  /** `/etc` unless told. */
  readonly etcDir?: string
}

export interface LoadedConfig {
  /** Deep frozen. */
  readonly config: Config
  /** Where each value came from, by `section.name` (`scrapyd.http_port`, `projects.newspapers`, `services.cancel.json`). */
  readonly origins: Readonly<Record<string, Origin>>
  /** The values of the options as they are shown by `scrapyd-service config`. */
  readonly values: OptionValues
  /** The files that were read, in their order. */
  readonly files: readonly string[]
}

const BUILT_IN_RUNNERS = ['scrapyd_service.runner', 'scrapyd.runner']

/** Gathers the configuration from all its sources (CONFIG.md). Throws ConfigError with everything that is wrong. */
export function loadConfig(input: LoadConfigInput): LoadedConfig {
  const sources = configSources({ etcDir: '/etc', ...input })
  const contents = readSources(sources)
  const environment = readEnvironment(input.env, input.cwd)
  const assignments = [...contents.assignments, ...environment.assignments]

  // With --config the daemon's files are where that file is, whatever folder it is started from.
  const base = input.configFile === null ? input.cwd : dirname(resolve(input.cwd, input.configFile))
  const options = readOptions(assignments, base)
  const cluster = clusterConfig(options.values, input.hostname)
  const scrapyd = scrapydConfig(options)
  const projects = gatherProjects(assignments, contents.sections, cluster.localCrawlerCodePath, input.cwd)
  const interpreters = readInterpreters(assignments, [...projects.values.keys()])
  const warmRunners = readWarmRunners(assignments, [...projects.values.keys()])
  const spiderModules = readSpiderModules(assignments, [...projects.values.keys()])
  const services = readServices(assignments, cluster.identity)
  const consistency = checkConsistency({ cluster, scrapyd }, options)

  const problems = [
    contents,
    options,
    projects,
    interpreters,
    warmRunners,
    spiderModules,
    services,
    consistency,
  ].flatMap((part) => part.problems)
  if (problems.length > 0) throw new ConfigError(inReadingOrder(problems, contents.files))

  const config: Config = {
    cluster,
    projects: [...projects.values.values()],
    python: record(interpreters.values),
    warmRunner: record(warmRunners.values),
    spiderModules: record(spiderModules.values),
    scrapyd,
    disabledServices: new Set(services.disabled.keys()),
    warnings: [
      ...unknownNames(contents.sections, contents.assignments),
      ...environment.warnings,
      ...projects.warnings,
      ...interpreters.warnings,
      ...warmRunners.warnings,
      ...spiderModules.warnings,
      ...consistency.warnings,
    ],
  }
  const origins = new Map<string, Origin>([
    ...options.origins,
    ...prefixed('projects', projects.origins),
    ...prefixed('python', interpreters.origins),
    ...prefixed('warm_runner', warmRunners.origins),
    ...prefixed('spider_modules', spiderModules.origins),
    ...prefixed('services', services.disabled),
  ])
  const values = { ...options.values, 'cluster.node_name': cluster.nodeName }
  return deepFreeze({ config, origins: record(origins), values, files: contents.files })
}

function gatherProjects(
  assignments: readonly Assignment[],
  sections: readonly FoundSection[],
  codePath: string | null,
  cwd: string,
): Named<ProjectConfig> {
  if (sections.some(({ name }) => name === 'projects')) return readProjects(assignments, codePath)
  const scrapyCfg = closestScrapyCfg(cwd)
  return scrapyCfg === null ? readProjects([], null) : projectsOfScrapyCfg(scrapyCfg)
}

function clusterConfig(values: OptionValues, hostname: string): ClusterConfig {
  return {
    clusterName: values['cluster.cluster_name'],
    nodeName: values['cluster.node_name'] ?? hostname,
    identity: values['cluster.identity'],
    slaveHosts: values['cluster.slave_hosts'],
    isAllCodeSame: values['cluster.is_all_code_same'],
    pullCodeByGit: values['cluster.pull_code_by_git'],
    branch: values['cluster.branch'],
    localCrawlerCodePath: values['cluster.local_crawler_code_path'],
    masterRunsJobs: values['cluster.master_runs_jobs'],
  }
}

function scrapydConfig({ values, assignments }: ReadOptions): ScrapydConfig {
  const unixSocketPath = values['scrapyd.unix_socket_path']
  const bindsNothing = assignments.get('scrapyd.bind_address')?.value === ''
  const runner = values['scrapyd.runner']
  return {
    bindAddress: values['scrapyd.bind_address'],
    listensOnTcp: unixSocketPath === null || !bindsNothing,
    httpPort: values['scrapyd.http_port'],
    unixSocketPath,
    username: values['scrapyd.username'],
    password: values['scrapyd.password'],
    allowUnauthenticated: values['scrapyd.allow_unauthenticated'],
    allowedHosts: values['scrapyd.allowed_hosts'] ?? [],
    allowedOrigins: values['scrapyd.allowed_origins'] ?? [],
    prefixHeader: values['scrapyd.prefix_header'],
    logsDir: values['scrapyd.logs_dir'],
    dbsDir: values['scrapyd.dbs_dir'],
    itemsDir: values['scrapyd.items_dir'],
    jobsDir: values['scrapyd.jobs_dir'],
    jobsToKeep: values['scrapyd.jobs_to_keep'],
    finishedToKeep: values['scrapyd.finished_to_keep'],
    historyToKeep: values['scrapyd.history_to_keep'],
    datesToKeep: values['scrapyd.dates_to_keep'],
    maxProc: values['scrapyd.max_proc'],
    maxProcPerCpu: values['scrapyd.max_proc_per_cpu'],
    cancelTimeoutMs: values['scrapyd.cancel_timeout'],
    pollIntervalMs: values['scrapyd.poll_interval'],
    pingIntervalMs: values['scrapyd.ping_interval'],
    proxyExpireMs: values['scrapyd.proxy_expire'],
    python: values['scrapyd.python'],
    debug: values['scrapyd.debug'],
    runner: BUILT_IN_RUNNERS.includes(runner) ? null : runner,
    warmRunner: values['scrapyd.warm_runner'],
  }
}

/** Each once (`scrapy.cfg` may be read twice), by file as they were read, then by line; the environment last. */
function inReadingOrder(all: readonly ConfigProblem[], files: readonly string[]): readonly ConfigProblem[] {
  const problems = [...new Map(all.map((problem) => [JSON.stringify(problem), problem])).values()]
  const place = ({ source }: ConfigProblem) => (files.includes(source) ? files.indexOf(source) : files.length)
  return problems.toSorted((a, b) => place(a) - place(b) || (a.line ?? 0) - (b.line ?? 0))
}

function prefixed(section: string, origins: ReadonlyMap<string, Origin>): [string, Origin][] {
  return [...origins].map(([name, origin]) => [`${section}.${name}`, origin])
}

/** Without a prototype: projects may be named `constructor` or `__proto__`. */
function record<T>(entries: ReadonlyMap<string, T>): Readonly<Record<string, T>> {
  const result = Object.create(null) as Record<string, T>
  for (const [key, value] of entries) result[key] = value
  return result
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    Object.values(value).forEach(deepFreeze)
  }
  return value
}
