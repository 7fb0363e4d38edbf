import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Job, Node, NodeSelf } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'
import { nodeStatus } from '../domain/node-view.ts'
import { CallError } from '../transport/call-error.ts'

/** The cluster and its nodes, live. */
export const useClusterStore = defineStore('cluster', () => {
  const transport = useTransport()
  const name = ref('')
  const masterName = ref('')
  const version = ref('')
  /** A slave's console shows that one machine; there is nothing to add nodes to. */
  const isMaster = ref(true)
  const isLoaded = ref(false)
  const totals = ref({ pending: 0, running: 0, finished: 0 })
  const byId = shallowRef<ReadonlyMap<string, Node>>(new Map())

  /** The master's own first, then by name: the order of every rail and row of cells. */
  const nodes = computed(() => [...byId.value.values()].toSorted(compareNodes))
  const byName = computed(() => new Map(nodes.value.map((node) => [node.name, node])))
  const online = computed(() => nodes.value.filter((node) => node.state === 'online').length)
  const notOnline = computed(() => nodes.value.filter((node) => node.state === 'offline'))
  const slots = computed(() => {
    const sum = { used: 0, total: 0, free: 0, paused: 0, outOfReach: 0 }
    for (const node of nodes.value) {
      const capacity = node.max_proc ?? 0
      const free = Math.max(0, capacity - node.running)
      const status = nodeStatus(node)
      const isReachable = status === 'online' || status === 'paused'
      sum.used += isReachable ? node.running : 0
      sum.total += isReachable ? capacity : 0
      if (status === 'online') sum.free += free
      else if (status === 'paused') sum.paused += free
      else sum.outOfReach += capacity
    }
    return sum
  })

  /**
   * Whether what is known of a job that has not ended may be old, as its node does not answer. Nodes come and go without
   * an event of the job: `node_offline` is of the moment when the job was read.
   */
  function isOutOfReach(job: Job): boolean {
    if (job.state === 'finished') return false
    const node = job.node === null ? undefined : byName.value.get(job.node)
    return node === undefined ? job.node_offline : node.state === 'offline'
  }

  async function load(): Promise<void> {
    try {
      const cluster = await transport.call('getCluster')
      name.value = cluster.cluster_name
      masterName.value = cluster.node_name
      version.value = cluster.version
      totals.value = { pending: cluster.pending, running: cluster.running, finished: cluster.finished }
      isMaster.value = true
      byId.value = new Map(cluster.nodes.map((node) => [node.id, node]))
    } catch (error) {
      if (!(error instanceof CallError) || (error.status !== 404 && error.status !== 501)) throw error
      showSelf(await transport.call('getNode'))
    }
    isLoaded.value = true
  }

  function showSelf(self: NodeSelf): void {
    name.value = self.cluster_name
    masterName.value = self.node_name
    version.value = self.version
    isMaster.value = false
    totals.value = { pending: self.pending, running: self.running, finished: self.finished }
    byId.value = new Map([['local', nodeOfSelf(self)]])
  }

  function apply(event: FeedEvent): void {
    if (event.type === 'node') put(event.node)
    else if (event.type === 'node-removed') {
      const next = new Map(byId.value)
      next.delete(event.id)
      byId.value = next
    } else if (event.type === 'load') {
      const node = byId.value.get(event.node) ?? byName.value.get(event.node)
      if (node === undefined) return
      const { pending, running, max_proc, latency_ms } = event
      put({ ...node, pending, running, max_proc: max_proc ?? node.max_proc, latency_ms })
    }
  }

  function put(node: Node): void {
    byId.value = new Map(byId.value).set(node.id, node)
  }

  /** What an answer says of a node that is new here. Of one that is known, events have told since what is newer. */
  function learn(node: Node): void {
    if (!byId.value.has(node.id)) put(node)
  }

  /** What an answer says of a node's pause, which the request was for; of all else events may have told what is newer. */
  function learnPause({ id, paused, pause_note }: Node): void {
    const known = byId.value.get(id)
    if (known !== undefined) put({ ...known, paused, pause_note })
  }

  return {
    name,
    masterName,
    version,
    isMaster,
    isLoaded,
    totals,
    byId,
    nodes,
    byName,
    online,
    notOnline,
    slots,
    isOutOfReach,
    load,
    apply,
    learn,
    learnPause,
  }
})

function compareNodes(a: Node, b: Node): number {
  if ((a.id === 'local') !== (b.id === 'local')) return a.id === 'local' ? -1 : 1
  return a.name.localeCompare(b.name)
}

function nodeOfSelf(self: NodeSelf): Node {
  return {
    id: 'local',
    name: self.node_name,
    url: null,
    identity: self.identity,
    state: 'online',
    since: self.started_at,
    last_seen: self.now,
    latency_ms: null,
    version: self.version,
    paused: self.paused,
    pause_note: self.pause_note,
    pending: self.pending,
    running: self.running,
    max_proc: self.max_proc,
    last_error: null,
    last_error_at: null,
    disk_free_bytes: self.disk_free_bytes,
    disk_total_bytes: self.disk_total_bytes,
    python: self.python,
    scrapy: self.scrapy,
    projects: self.projects,
    waiting: [],
  }
}
