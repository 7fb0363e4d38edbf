import type { Core } from './core.ts'
import { JobDesk, type Reach } from './jobs/job-desk.ts'
import { DispatchInbox } from './node/dispatch-inbox.ts'
import { LedgerJobsPage } from './node/ledger-jobs-page.ts'
import { LocalNode } from './node/local-node.ts'
import { probePython } from './runner/interpreter.ts'
import { VERSION } from './version.ts'

const PROBE_AFTER_MS = 1_000

/** This machine as a node over the core, with the reach it is given (its own, or a whole cluster's). */
export function createLocalNode(core: Core, reach: Reach, wake: () => void) {
  const { config, database, launcher, pause, owner, projects } = core
  const { scrapyd, cluster } = config
  const desk = new JobDesk({
    ...core,
    reach,
    nodeName: cluster.nodeName,
    finishedToKeep: scrapyd.finishedToKeep,
    logsDir: scrapyd.logsDir,
  })
  const inbox = new DispatchInbox({ ...core, desk, reach, isPaused: () => pause.paused })
  const python = { python: null as string | null, scrapy: null as string | null }
  const node = new LocalNode({
    ...core,
    desk,
    reach,
    inbox,
    wake,
    self: {
      nodeName: cluster.nodeName,
      identity: cluster.identity,
      clusterName: cluster.clusterName,
      version: VERSION,
      feed: database.feed,
      instance: database.instance,
      startedAt: Date.now(),
      dataDir: scrapyd.dbsDir,
      pause,
      owner,
      desk,
      launcher,
      projects: () => Promise.all(projects.list().map(({ name }) => projects.code(name))),
      python: () => python,
    },
  })
  /** Asks the default interpreter for its versions: a Python process, so not before the daemon answers. */
  const probe = () => {
    const timer = setTimeout(() => {
      probePython(scrapyd.python).then(
        ({ pythonVersion, scrapyVersion }) => {
          python.python = pythonVersion
          python.scrapy = scrapyVersion
        },
        (error: unknown) => core.log.warn('the default interpreter cannot run spiders', error),
      )
    }, PROBE_AFTER_MS)
    timer.unref()
  }
  return { node, desk, probe, jobsPage: new LedgerJobsPage(core.lists, core.fileUrl, scrapyd.finishedToKeep) }
}

/** A node's load is told so often at most. */
export const LOAD_EVERY_MS = 1_000

/** What this node has to do now, as a `load` event says it. What waits on a master waits for any node. */
export function localLoad({ jobs, launcher, isMaster }: Core) {
  return {
    pending: isMaster ? 0 : jobs.counts().pending,
    running: launcher.used,
    max_proc: launcher.maxProc,
    latency_ms: 0,
  }
}
