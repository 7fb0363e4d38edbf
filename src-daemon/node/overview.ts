import type { Attention, Job, Node, Overview, Project } from '../api/contract/values.ts'
import type { JobLists } from '../storage/job-lists.ts'
import type { JobStore } from '../storage/jobs.ts'
import type { StatsStore } from '../storage/stats.ts'

const HALF_HOUR = 1_800_000
const DAY = 86_400_000
const LONG_WAIT = 600_000

/** What keeps spiders of a project from running; `node` and `reason` are null when it is single modules only. */
export interface BrokenProject {
  readonly project: string
  readonly node: string | null
  readonly reason: string | null
  /** Modules that cannot be loaded. */
  readonly modules: number
}

/** Those of the projects that are not well. */
export function brokenProjects(projects: readonly Project[]): BrokenProject[] {
  return projects.flatMap(({ name, nodes, load_errors: modules }) => {
    const at = nodes.find(({ error }) => error !== null)
    if (at === undefined && modules === 0) return []
    return [{ project: name, node: at?.node ?? null, reason: at?.error ?? null, modules }]
  })
}

export interface OverviewParts {
  readonly jobs: JobStore
  readonly lists: JobLists
  readonly stats: StatsStore
  readonly nodes: readonly Node[]
  readonly projects: number
  readonly spiders: number | null
  /** Names of projects whose code differs between nodes. */
  readonly drifting: readonly string[]
  /** Projects that cannot be used on a node, or some of whose modules cannot be loaded. */
  readonly broken: readonly BrokenProject[]
  readonly whyPending: (job: Job) => string | null
}

/** The console's first page as one aggregate (CONSOLE.md, "Data that the design uses"). */
export function overviewOf(parts: OverviewParts, now: number): Overview {
  const { stats, nodes } = parts
  const counts = parts.jobs.counts()
  const first = Math.floor(now / HALF_HOUR) * HALF_HOUR - 47 * HALF_HOUR
  const throughput = Array.from({ length: 48 }, (_, index) => ({
    at: new Date(first + index * HALF_HOUR).toISOString(),
    finished: 0,
    failed: 0,
    cancelled: 0,
    lost: 0,
  }))
  const day = { finished: 0, failed: 0, cancelled: 0, lost: 0 }
  for (const { at, outcome, count } of stats.throughput(first)) {
    const point = throughput[(at - first) / HALF_HOUR]
    if (point === undefined) continue
    point[outcome] += count
    day[outcome] += count
  }
  const state = (wanted: Node['state']) => nodes.filter((node) => node.state === wanted).length
  const online = nodes.filter((node) => node.state === 'online')
  return {
    now: new Date(now).toISOString(),
    nodes: {
      online: online.length,
      offline: state('offline'),
      unknown: state('unknown'),
      paused: nodes.filter((node) => node.paused).length,
    },
    jobs: { pending: counts.pending + counts.assigned + counts.starting, running: counts.running },
    slots: {
      used: online.reduce((sum, node) => sum + node.running, 0),
      total: online.reduce((sum, node) => sum + (node.max_proc ?? 0), 0),
    },
    day: { ...day, ...stats.totals(now - DAY) },
    throughput,
    attention: attentionOf(parts, now),
    last_failures: [...(parts.lists.page({ outcome: ['failed', 'lost'] }, 'default', undefined, 10)?.jobs ?? [])],
    projects: parts.projects,
    spiders: parts.spiders,
  }
}

/** What needs an operator, in the order of CONSOLE.md. */
function attentionOf(parts: OverviewParts, now: number): Attention[] {
  const { jobs, lists, stats, nodes, drifting, broken, whyPending } = parts
  const rows: Attention[] = []
  for (const node of nodes) {
    if (node.state === 'offline') {
      const held = lists.count({ node: [node.name], state: ['assigned', 'starting', 'running'] })
      rows.push({
        kind: 'node-offline',
        since: node.since,
        data: { node: node.name, id: node.id, jobs: held, reason: node.last_error },
      })
    } else if (node.state === 'unknown' && node.last_error !== null) {
      rows.push({
        kind: 'node-problem',
        since: node.last_error_at,
        data: { node: node.name, id: node.id, reason: node.last_error },
      })
    }
  }
  rows.sort((a, b) => Number(b.data['jobs'] ?? 0) - Number(a.data['jobs'] ?? 0))
  for (const { project, node, reason, modules } of broken) {
    rows.push({ kind: 'project-broken', since: null, data: { project, node, reason, modules } })
  }
  for (const { project, spider, failures, since } of stats.failingInARow(now - 7 * DAY, 3).slice(0, 20)) {
    rows.push({ kind: 'spider-failing', since: new Date(since).toISOString(), data: { project, spider, failures } })
  }
  const lost = lists.count({ outcome: ['lost'], from: now - DAY })
  if (lost > 0) rows.push({ kind: 'jobs-lost', since: null, data: { jobs: lost } })
  for (const project of drifting) rows.push({ kind: 'code-drift', since: null, data: { project } })
  const oldest = jobs.oldestPending()
  if (oldest !== null && now - oldest.created_at > LONG_WAIT) {
    const job = lists.job(oldest.key)
    rows.push({
      kind: 'jobs-waiting',
      since: new Date(oldest.created_at).toISOString(),
      data: { jobs: jobs.counts().pending, reason: job === null ? null : whyPending(job) },
    })
  }
  for (const node of nodes) {
    if (node.disk_free_bytes === null || node.disk_total_bytes === null || node.disk_total_bytes === 0) continue
    const share = node.disk_free_bytes / node.disk_total_bytes
    if (share < 0.05) {
      rows.push({
        kind: 'disk-low',
        since: null,
        data: { node: node.name, id: node.id, free_bytes: node.disk_free_bytes, share },
      })
    }
  }
  return rows
}
