import { reasonText } from '../../src-daemon/api/contract/reasons.ts'
import type { Job, NodeDetail } from '../../src-daemon/api/contract/values.ts'
import { FakeProblem, type FakeAnswers } from './fake-daemon.ts'
import { sampleItems, sampleLog, sampleLogIndex, sampleLogMatches, sampleRates, sampleStats } from './sample-log.ts'
import { sampleJob, sampleOverview, sampleSpider, type SampleCluster } from './sample-cluster.ts'

const DAY = 86_400_000
const STATE_ORDER = { pending: 0, assigned: 1, starting: 1, running: 2, finished: 3 }

/** Answers about a sample cluster, as a master gives them; `changed` hears of the jobs that were made or changed. */
export function sampleAnswers(cluster: SampleCluster, changed: (job: Job) => void = () => {}): FakeAnswers {
  const node = (id: string | undefined) => {
    const found = cluster.nodes.find((each) => each.id === id)
    if (found === undefined) throw new FakeProblem(404, 'node-not-found', `node '${id}' not found`)
    return found
  }
  const job = (key: string | undefined) => {
    const found = cluster.jobs.find((each) => each.key === key)
    if (found === undefined) throw new FakeProblem(404, 'job-not-found', `job '${key}' not found`)
    return found
  }
  const schedule = (wanted: Partial<Job>) => {
    if (wanted.spider === 'asahi')
      return {
        ok: false,
        job: null,
        duplicate: false,
        error: "spider 'asahi' could not be loaded: SyntaxError",
        code: 'runner-failed',
      }
    const made = sampleJob({
      ...wanted,
      state: 'pending',
      outcome: null,
      started_at: null,
      ended_at: null,
      node: null,
      created_at: new Date().toISOString(),
      reason: reasonText('fullAll', { n: 3, project: wanted.project ?? '' }),
    })
    cluster.jobs.push(made)
    changed(made)
    return { ok: true, job: made, duplicate: false, error: null, code: null }
  }
  return {
    health: () => ({ status: 'ok' }),
    getSession: () => ({ username: null, authentication: false }),
    getCluster: () => ({
      cluster_name: 'press-cluster',
      node_name: 'hq-01',
      version: '0.4.0',
      feed: 'feed00000001',
      head: 0,
      nodes: cluster.nodes,
      pending: 10,
      running: 6,
      finished: 48_172,
    }),
    listNodes: () => ({ nodes: cluster.nodes }),
    getClusterNode: ({ params }) => detailOf(node(params['id'])),
    patchNode: ({ params, body }) => {
      const { paused, note } = body as { paused?: boolean; note?: string | null }
      return Object.assign(node(params['id']), { paused: paused ?? false, pause_note: note ?? null })
    },
    addNode: ({ body }) => {
      throw new FakeProblem(502, 'node-unreachable', `Connection refused by ${(body as { host: string }).host}`)
    },
    listProjects: () => ({ projects: cluster.projects }),
    listSpiders: ({ params }) => {
      const project = params['project'] ?? ''
      return {
        project,
        spiders: (cluster.spiders.get(project) ?? []).map((name) => sampleSpider(cluster, project, name)),
        errors:
          project === 'newspapers'
            ? [
                {
                  node: 'hq-01',
                  module: 'newspapers.spiders.asahi',
                  traceback:
                    'Traceback (most recent call last):\n  File "newspapers/spiders/asahi.py", line 41\nSyntaxError: \'(\' was never closed\n',
                },
              ]
            : [],
        listed_at: new Date().toISOString(),
      }
    },
    spiderHints: () => ({ args: ['since', 'channel', 'max_pages'], settings: ['CONCURRENT_REQUESTS', 'LOG_LEVEL'] }),
    listCommits: () => ({
      commits: [
        {
          commit: 'a81d40f3c2b1908d7e6f5a4b3c2d1e0f9a8b7c6d',
          subject: 'Parse relative times of 新华财经',
          author: 'Lin Wei',
          at: new Date(Date.now() - 3 * 3_600_000).toISOString(),
        },
        {
          commit: '9c33d08b4a5968778695a4b3c2d1e0f9a8b7c6d5',
          subject: 'Retry 503 of live pages twice',
          author: 'Lin Wei',
          at: new Date(Date.now() - 5 * 3_600_000).toISOString(),
        },
        {
          commit: '3f9c1e2b4a5968778695a4b3c2d1e0f9a8b7c6d5',
          subject: '人民日报: new column layout',
          author: '王芳',
          at: new Date(Date.now() - DAY).toISOString(),
        },
      ],
    }),
    listPulls: ({ params }) => ({
      pulls: cluster.pulls.filter(({ projects }) => projects.includes(params['project'] ?? '')),
    }),
    pullProject: ({ params }) => ({
      ...cluster.pulls[0],
      id: 'p2',
      projects: [params['project']],
      started_at: new Date().toISOString(),
    }),
    listJobs: ({ query }) => {
      const many = (name: string) => query.getAll(name)
      const matches = (name: 'project' | 'spider' | 'node' | 'state' | 'outcome', value: string | null) =>
        many(name).length === 0 || many(name).includes(value ?? '')
      const q = query.get('q') ?? ''
      const jobs = cluster.jobs
        .filter(
          (each) =>
            matches('project', each.project) &&
            matches('spider', each.spider) &&
            matches('node', each.node) &&
            matches('state', each.state) &&
            matches('outcome', each.outcome),
        )
        .filter((each) => [each.id, each.spider, each.project, each.reason ?? ''].some((text) => text.includes(q)))
        .toSorted(
          (a, b) =>
            STATE_ORDER[a.state] - STATE_ORDER[b.state] ||
            (b.ended_at ?? b.created_at).localeCompare(a.ended_at ?? a.created_at),
        )
      const start = Number(query.get('cursor') ?? 0)
      const limit = Number(query.get('limit') ?? 100)
      return {
        jobs: jobs.slice(start, start + limit),
        total: jobs.length,
        start,
        next: start + limit < jobs.length ? String(start + limit) : null,
      }
    },
    getJob: ({ params }) => {
      const found = job(params['key'])
      const runs = found.exit_code === 1 ? {} : sampleStats(found)
      return {
        ...found,
        stats: found.pages === null ? {} : runs,
        rates: found.state === 'running' ? sampleRates() : [],
        usual: { runs: 20, duration_seconds: 3_300, pages: 34_000, items: 23_700 },
        log_url: `/logs/${found.project}/${found.spider}/${found.id}.log`,
        items_url: `/items/${found.project}/${found.spider}/${found.id}.jl`,
        output_tail: found.exit_code === 1 ? "ModuleNotFoundError: No module named 'dateutil'\n" : null,
      }
    },
    getLog: ({ params, query }) => {
      const bytes = new TextEncoder().encode(sampleLog(job(params['key'])))
      const offset = Number(query.get('offset') ?? 0)
      return bytes.slice(offset, offset + Number(query.get('limit') ?? 262_144))
    },
    getLogIndex: ({ params }) => sampleLogIndex(sampleLog(job(params['key']))),
    searchLog: ({ params, query }) => {
      const log = sampleLog(job(params['key']))
      const matches = sampleLogMatches(log, query)
      return { matches: matches.slice(0, 1_000), total: matches.length, next: null, size: log.length }
    },
    getItems: ({ params }) => ({
      items: (job(params['key']).items ?? 0) > 0 ? sampleItems() : [],
      next: null,
      size: 9_000,
    }),
    createJobs: ({ body }) => ({
      results: ((body as { jobs?: Partial<Job>[] }).jobs ?? [body as Partial<Job>]).map(schedule),
    }),
    cancelJob: ({ params }) => {
      const found = Object.assign(job(params['key']), { cancel_requested_at: new Date().toISOString() })
      changed(found)
      return found
    },
    rerunJob: ({ params }) => schedule(job(params['key'])).job,
    overview: () => sampleOverview(cluster),
    listForwards: () => ({
      forwards: [
        {
          id: 'f1',
          node: 'crawl-01',
          url: 'http://10.20.0.21:6800',
          created_at: new Date(Date.now() - 60_000).toISOString(),
          last_used_at: new Date().toISOString(),
          open: 1,
        },
      ],
    }),
    deleteForward: () => ({ status: 'ok' }),
  }
}

function detailOf(node: SampleCluster['nodes'][number]): NodeDetail {
  const now = Date.now()
  const at = (ago: number) => new Date(now - ago).toISOString()
  const away = node.state === 'offline'
  return {
    ...node,
    latency:
      node.latency_ms === null && !away
        ? []
        : Array.from({ length: 60 }, (_, index) => ({
            at: at((60 - index) * 15_000),
            ms: away && index > 3 ? null : (node.latency_ms ?? 3) * (1 + 0.4 * Math.sin(index * 1.7)),
          })),
    history:
      node.state === 'unknown'
        ? []
        : [
            ...(away ? [{ at: node.since, state: 'offline' as const, reason: node.last_error }] : []),
            { at: at(12 * DAY), state: 'online', reason: null },
            { at: at(12 * DAY + 400_000), state: 'offline', reason: reasonText('noAnswer', { seconds: 5 }) },
            { at: at(40 * DAY), state: 'online', reason: null },
          ],
  }
}
