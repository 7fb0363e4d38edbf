import type { ServerParts } from './api/ports.ts'
import type { Core } from './core.ts'
import { Poller } from './jobs/poller.ts'
import { ChangeTeller } from './node/change-teller.ts'
import { LiveFeed } from './node/live-feed.ts'
import { createLocalNode, LOAD_EVERY_MS, localLoad } from './local.ts'
import { localReach } from './node/local-node.ts'
import { LOCAL_NODE } from './storage/jobs.ts'

/** What the composition root starts and stops, and what the server serves. */
export interface Role {
  readonly parts: ServerParts
  /** Reads what answers need, before the first request can come. */
  prepare(): Promise<void>
  start(): Promise<void>
  stop(): Promise<void>
  /** Waits until nothing runs here (`--drain`); nothing new is started meanwhile. */
  drain(): Promise<void>
}

/** A node on its own: its queue is emptied by its own poller. */
export function createSlave(core: Core): Role {
  const { launcher, pause, jobs, log, config } = core
  const poller = new Poller({
    jobs,
    launcher,
    isPaused: () => pause.paused,
    log,
    intervalMs: config.scrapyd.pollIntervalMs,
  })
  const reach = localReach(
    core.projects,
    (row) => launcher.cancel(row.key),
    () => ({ paused: pause.paused, used: launcher.used, maxProc: launcher.maxProc }),
  )
  const { node, probe, jobsPage } = createLocalNode(core, reach, () => poller.wake())
  const feed = new LiveFeed({
    ...core,
    feed: core.database.feed,
    historyToKeep: config.scrapyd.historyToKeep * 2,
    state: async () => ({ nodes: [await node.asNode()], projects: await node.projectViews() }),
  })
  const loads = new ChangeTeller({
    live: core.live,
    everyMs: LOAD_EVERY_MS,
    read: (id) => ({ type: 'load', node: id, ...localLoad(core) }),
  })
  const offs: (() => void)[] = []
  return {
    parts: {
      scrapyd: node,
      api: node.handlers,
      files: core.tree,
      events: feed,
      tails: core.tails,
      jobsPage,
      forwards: null,
    },
    async prepare() {},
    async start() {
      await launcher.adopt()
      probe()
      core.onSpiders((name) => {
        node.announceProject(name).catch((error: unknown) => log.warn(`project ${name} could not be announced`, error))
      })
      offs.push(
        core.writer.onCommit(() => {
          poller.wake()
          loads.changed(LOCAL_NODE)
        }),
        launcher.onFree(() => poller.wake()),
      )
      poller.start()
    },
    async stop() {
      for (const off of offs) off()
      loads.stop()
      await poller.stop()
    },
    async drain() {
      await poller.stop()
      await launcher.drained()
    },
  }
}
