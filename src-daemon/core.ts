import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Config } from './config/config.ts'
import { maxProc } from './config/max-proc.ts'
import { LocalFileTree } from './files/local-file-tree.ts'
import { LogReader } from './files/log-reader.ts'
import { LocalLogTails } from './files/log-tail.ts'
import { Launcher } from './jobs/launcher.ts'
import { Ledger } from './jobs/ledger.ts'
import { Rates } from './jobs/rates.ts'
import { Retention } from './jobs/retention.ts'
import type { Logger } from './logger.ts'
import { LiveEvents } from './node/live-events.ts'
import { LocalFiles } from './node/local-files.ts'
import { Owner } from './node/owner.ts'
import { Pause } from './node/pause.ts'
import type { LocalProjects } from './node/projects-port.ts'
import { openProjects } from './projects/open-projects.ts'
import { lastLines } from './runner/output-tail.ts'
import { SpiderRunner } from './runner/spider-runner.ts'
import { openDatabase, type OpenDatabase } from './storage/database.ts'
import { EventStore } from './storage/events.ts'
import { JobLists } from './storage/job-lists.ts'
import { JobStore, type FileUrl } from './storage/jobs.ts'
import { MetaStore } from './storage/meta.ts'
import { ProjectRows, PullRows, SpiderListRows, VersionRows } from './storage/project-rows.ts'
import { RequestStore } from './storage/requests.ts'
import { RetentionStore } from './storage/retention.ts'
import { RevocationStore } from './storage/revocations.ts'
import { StatsStore } from './storage/stats.ts'
import { Writer } from './storage/writer.ts'

/** Everything that a slave and a master have in common, made but not started. */
export type Core = Awaited<ReturnType<typeof createCore>>

/**
 * Opens the database and makes the parts of this machine's node. `fileUrl` may be widened by a master, whose ledger also
 * holds jobs of other nodes.
 */
export async function createCore(
  config: Config,
  log: Logger,
  widenUrl: (local: FileUrl) => FileUrl = (local) => local,
) {
  const { scrapyd } = config
  const database = openDatabase(scrapyd.dbsDir)
  try {
    return await makeCore(config, log, database, widenUrl)
  } catch (error) {
    database.close()
    throw error
  }
}

async function makeCore(config: Config, log: Logger, database: OpenDatabase, widenUrl: (local: FileUrl) => FileUrl) {
  const { scrapyd, cluster } = config
  const { db } = database
  const isMaster = cluster.identity === 'master'
  const folders = {
    logsDir: scrapyd.logsDir,
    itemsDir: scrapyd.itemsDir,
    jobsDir: scrapyd.jobsDir,
    runsDir: join(scrapyd.dbsDir, 'runs'),
  }
  const files = new LocalFiles(folders)
  const fileUrl = widenUrl(files.url)
  const writer = new Writer(db)
  const jobs = new JobStore(db)
  const lists = new JobLists(db, fileUrl)
  const events = new EventStore(db)
  const stats = new StatsStore(db)
  const requests = new RequestStore(db)
  const meta = new MetaStore(db)
  const revocations = new RevocationStore(db)
  const ledger = new Ledger({
    writer,
    jobs,
    events,
    requests,
    stats,
    nodeName: isMaster ? null : cluster.nodeName,
    onProblem: (message, cause) => log.warn(message, cause),
  })
  const rates = new Rates()
  const pause = new Pause(meta, writer)
  const owner = new Owner(meta, writer)
  const live = new LiveEvents()
  const spiderListeners = new Set<(project: string) => void>()
  const projects: LocalProjects = await openProjects({
    config,
    env: process.env,
    stores: {
      projects: new ProjectRows(db, writer),
      versions: new VersionRows(db, writer),
      pulls: new PullRows(db, writer),
      lists: new SpiderListRows(db, writer),
    },
    onSpiders: (name, list) => {
      for (const { module, traceback } of list?.listing.errors ?? []) {
        log.warn(`project ${name}: ${module} cannot be loaded: ${lastLines(traceback)?.split('\n').at(-1) ?? ''}`)
      }
      for (const listener of spiderListeners) listener(name)
    },
    onProblem: (message, cause) => log.warn(message, cause),
  })
  const runner = new SpiderRunner({ environment: process.env, log })
  const launcher = new Launcher({
    ledger,
    jobs,
    runner,
    rates,
    folders,
    findCode: (project, spider, version) => projects.runnable(project, spider, version),
    log,
    nodeName: cluster.nodeName,
    maxProc: maxProc(scrapyd, availableParallelism()),
    cancelTimeoutMs: scrapyd.cancelTimeoutMs,
    runnerModule: scrapyd.runner,
    // Own properties only: a project may be called `constructor`.
    warm: (project) => (Object.hasOwn(config.warmRunner, project) ? config.warmRunner[project]! : scrapyd.warmRunner),
    onStats: (key, counters, rate) => live.tell({ type: 'stats', key, ...counters, rate }),
  })
  const retention = new Retention({
    ...scrapyd,
    ledger,
    writer,
    jobs,
    events,
    requests,
    revocations,
    store: new RetentionStore(db),
    owner,
    runner,
    folders,
    log,
    used: () => launcher.used,
  })
  const logs = new LogReader()
  const locate = (key: string) => {
    const row = jobs.get(key)
    return row === null ? null : files.of(row)
  }
  const tails = new LocalLogTails({
    locate,
    isFinished: (key) => jobs.get(key)?.state === 'finished',
    onFinished: (listener) => ledger.onEnd(listener),
  })
  const tree = new LocalFileTree({ logsDir: scrapyd.logsDir, itemsDir: files.itemsDir, locate })
  return {
    config,
    log,
    database,
    isMaster,
    folders,
    files,
    fileUrl,
    writer,
    jobs,
    lists,
    events,
    stats,
    requests,
    meta,
    revocations,
    ledger,
    rates,
    pause,
    owner,
    projects,
    live,
    /** Called with the name of a project whose spiders are others now. */
    onSpiders: (listener: (project: string) => void) => spiderListeners.add(listener),
    launcher,
    retention,
    logs,
    tails,
    tree,
  }
}
