import { reasonText } from './api/contract/reasons.ts'
import { Cluster } from './cluster/cluster.ts'
import { ClusterProjects } from './cluster/cluster-projects.ts'
import { ClusterPull } from './cluster/cluster-pull.ts'
import { clusterReach } from './cluster/cluster-reach.ts'
import { Dispatcher } from './cluster/dispatcher.ts'
import { Forwards } from './cluster/forwards.ts'
import { ForwardProxy } from './cluster/forward-proxy.ts'
import { JobHolders } from './cluster/job-holders.ts'
import { Membership } from './cluster/membership.ts'
import { NodeDesk } from './cluster/node-desk.ts'
import { Mirror } from './cluster/mirror.ts'
import { NodeClients } from './cluster/node-client.ts'
import { NodeStreams } from './cluster/node-streams.ts'
import { Nodes } from './cluster/nodes.ts'
import { Pinger, UnusableNodeError, type Ping } from './cluster/pinger.ts'
import { StockNodes } from './cluster/stock-nodes.ts'
import { StockDispatch } from './cluster/stock-dispatch.ts'
import { probeNode } from './cluster/node-probe.ts'
import type { NodeTarget } from './cluster/node-target.ts'
import { ConflictError, NodeUnreachableError } from './errors.ts'
import type { Core } from './core.ts'
import { createLocalNode, LOAD_EVERY_MS, localLoad } from './local.ts'
import { ChangeTeller } from './node/change-teller.ts'
import { LiveFeed } from './node/live-feed.ts'
import { localReach } from './node/local-node.ts'
import type { Role } from './slave.ts'
import { ClusterFileTree } from './cluster/cluster-file-tree.ts'
import { ClusterTails } from './cluster/cluster-tails.ts'
import { LedgerPlaces } from './cluster/ledger-places.ts'
import { NodeTailStream } from './cluster/node-tail-stream.ts'
import { ScrapydFiles } from './cluster/scrapyd-files.ts'
import { ScrapydNode } from './cluster/scrapyd-node.ts'
import { isNameOf } from './projects/project-versions.ts'
import { RemoteJobs } from './storage/remote-jobs.ts'
import { LOCAL_NODE } from './storage/jobs.ts'
import { NodeStore } from './storage/nodes.ts'
import { VERSION } from './version.ts'

const PROBE_MS = 5_000
/** Forwards that are used all the time are told so often. */
const FORWARD_EVERY_MS = 100
const DAY_MS = 86_400_000

/** The master: its own node, and all others with it as one system. */
export function createMaster(core: Core): Role {
  const { config, database, launcher, ledger, jobs, writer, pause, projects, log, live } = core
  const { cluster, scrapyd } = config
  const { nodeName, isAllCodeSame, clusterName } = cluster
  const { username, password } = scrapyd
  const store = new NodeStore(database.db)
  const nodes = new Nodes({ store, writer, ledger, username, password, localName: nodeName })
  const clients = new NodeClients(nodes, nodeName)
  const mirror = new Mirror(ledger, jobs)
  const streams = new NodeStreams(live)
  const shared = {
    ...core,
    store,
    nodes,
    clients,
    mirror,
    nodeName,
    isAllCodeSame,
    clusterName,
    instance: database.instance,
  }
  const target = (id: string): NodeTarget => {
    const { row } = nodes.require(id)
    return {
      ...nodes.credentials(nodes.require(id)),
      id,
      name: row.name,
      url: row.url,
      kind: row.kind,
      maxProc: row.max_proc,
    }
  }
  const ping: Ping = async (node, timeoutMs, signal) => {
    const found = await probeNode(target(node.id), { timeoutMs, instance: database.instance, signal })
    if (found.kind !== 'unknown') return found
    throw found.answered ? new UnusableNodeError(found.problem) : new NodeUnreachableError(found.problem)
  }

  const stock = new StockNodes({
    ...shared,
    target,
    intervalMs: scrapyd.pollIntervalMs,
    keepMs: scrapyd.datesToKeep * DAY_MS,
    onJobs: (node) => {
      node.forgetRefusals('busy')
      dispatcher.wake()
    },
    onDoubt: (node) => pinger.now(node),
  })
  const dispatcher: Dispatcher = new Dispatcher({
    ...shared,
    runsJobs: cluster.masterRunsJobs,
    scrapyd: new StockDispatch({ target, look: (node) => stock.now(node), row: (key) => jobs.get(key) }),
    isPaused: () => pause.paused,
    passCancel: (node, key) => void membership.passCancel(node, key),
    hasLocalProject: (name) => projects.list().some((project) => project.name === name),
    hasLocalSpider: (project, spider) => projects.hasSpider(project, spider),
    intervalMs: scrapyd.pollIntervalMs,
  })
  const pinger: Pinger = new Pinger({
    nodes,
    intervalMs: scrapyd.pingIntervalMs,
    ping,
    answered: (node, result, sentAt, latencyMs) => membership.answered(node, result, sentAt, latencyMs),
    failed: (node, error) => membership.failed(node, error),
  })
  const membership: Membership = new Membership({
    ...shared,
    followScrapyd: stock.follow,
    cancelScrapyd: stock.cancel,
    onStream: (node, stream) => streams.changed(node, stream),
    onEphemeral: (node, event) => {
      if (event.type === 'pull') clusterPull.received(node, event.pull)
      else streams.received(node, event)
    },
    wake: (node) => {
      dispatcher.wake()
      loads.changed(node.id)
    },
    onProjects: (node, names) => {
      clusterProjects
        .learnSpiders(node, names)
        .catch((error: unknown) => log.warn(`the projects of ${node.name} could not be read`, error))
    },
    pingNow: (node) => pinger.now(node),
  })
  const reach = clusterReach({
    local: localReach(projects, (row) => launcher.cancel(row.key), load),
    projects,
    nodes,
    nodeName,
    isAllCodeSame,
    isVersion: isNameOf,
    passLocalCancel: (row) => launcher.cancel(row.key),
    passRemoteCancel: (node, key) => void membership.passCancel(node, key),
    whyPending: ({ key, project, spider, pinned_node: pinned }) => {
      const row = jobs.get(key)
      // It was scheduled on that node itself: its own poller starts it.
      if (row?.node_id != null) return reasonText('queueOf', { node: row.node ?? '' })
      return dispatcher.whyPending({ project, spider, version: row?.requested_version ?? null }, pinned)
    },
  })
  const { node: local, desk, probe, jobsPage } = createLocalNode(core, reach, () => dispatcher.wake())
  const forwards = new Forwards({
    proxy: new ForwardProxy(),
    target: (id) => (nodes.get(id) === null ? null : target(id)),
    expireMs: scrapyd.proxyExpireMs,
    changed: (id) => forwardTeller.changed(id),
  })
  nodes.onRemoved((node) => forwards.dropNode(node.id))
  const serving = { ...shared, local, desk, reach, dispatcher, membership }
  const clusterProjects = new ClusterProjects(serving)
  const clusterPull = new ClusterPull({ ...serving, clusterProjects })
  const scrapydFiles = new ScrapydFiles({ jobs, logs: core.logs, target: ({ id }) => target(id) })
  const nodeDesk = new NodeDesk({
    ...serving,
    probe: async (address, takeover) => {
      const { host } = new URL(address.url)
      const own = address.username !== null || address.password !== null
      const asked = { ...address, ...(own ? {} : { username, password }), id: '', name: host, kind: 'unknown' as const }
      const found = await probeNode(asked, { timeoutMs: PROBE_MS, instance: database.instance })
      if (found.kind === 'unknown') throw new ConflictError(`${host}: ${found.problem}`)
      if (found.kind === 'scrapyd') return
      const { owner, instance } = found.self
      const twin = nodes.list().find((node) => node.row.instance === instance)
      if (twin !== undefined) throw new ConflictError(reasonText('sameDaemon', { host, node: twin.name }))
      if (owner !== null && owner.instance !== database.instance && !takeover) {
        throw new ConflictError(reasonText('ownedBy', { host, master: owner.node_name }))
      }
    },
  })
  const system = new Cluster({
    ...serving,
    version: VERSION,
    clusterProjects,
    clusterPull,
    holders: new JobHolders(serving),
    scrapydFiles,
    nodeDesk,
    feed: database.feed,
    head: () => core.events.head(),
    forwards: {
      list: () => [...forwards.list()],
      drop: (id) => forwards.drop(id),
      open: (node) => forwards.open(target(node.id)).path,
    },
  })
  const feed = new LiveFeed({
    ...core,
    feed: database.feed,
    historyToKeep: scrapyd.historyToKeep * 2,
    state: () => system.state(),
  })
  const loads = new ChangeTeller({
    live,
    everyMs: LOAD_EVERY_MS,
    read: (id) => {
      if (id === LOCAL_NODE) return { type: 'load', node: id, ...localLoad(core) }
      const node = nodes.get(id)
      if (node === null) return null
      const { max_proc } = node.row
      return { type: 'load', node: id, ...nodes.loadOf(node), max_proc, latency_ms: node.latencyMs }
    },
  })
  const forwardTeller = new ChangeTeller({
    live,
    everyMs: FORWARD_EVERY_MS,
    read: (id) => {
      const forward = forwards.get(id)
      return forward === null ? null : { type: 'forward', forward }
    },
    gone: (id) => ({ type: 'forward-removed', id }),
  })
  const places = new LedgerPlaces({ ...shared, remote: new RemoteJobs(database.db), target })
  const tree = new ClusterFileTree({ local: core.tree, places, forwards })
  const tails = new ClusterTails({
    local: core.tails,
    places,
    streamOf: ({ id }) => new NodeTailStream(id, streams, () => clients.of(nodes.require(id))),
    scrapydOf: ({ id }) => new ScrapydNode(() => target(id)),
  })
  const offs: (() => void)[] = []

  function load() {
    return { paused: pause.paused, used: launcher.used, maxProc: launcher.maxProc }
  }

  return {
    parts: {
      scrapyd: system,
      api: system.handlers,
      files: tree,
      events: feed,
      tails,
      jobsPage,
      forwards,
    },
    async prepare() {
      // A project that only slaves have must not be unknown for the first requests.
      await nodes.load(cluster.slaveHosts)
    },
    async start() {
      await launcher.adopt()
      probe()
      await membership.start()
      core.onSpiders((name) => {
        clusterProjects
          .announce(name)
          .catch((error: unknown) => log.warn(`project ${name} could not be announced`, error))
      })
      offs.push(
        writer.onCommit(() => {
          dispatcher.wake()
          loads.changed(LOCAL_NODE)
        }),
        launcher.onFree(() => dispatcher.wake()),
      )
      pinger.start()
      dispatcher.start()
    },
    async stop() {
      for (const off of offs) off()
      loads.stop()
      dispatcher.stop()
      pinger.stop()
      await membership.stop()
      clients.stop()
      scrapydFiles.stop()
      forwards.stop()
      forwardTeller.stop()
    },
    async drain() {
      dispatcher.stop()
      await launcher.drained()
    },
  }
}
