import { reasonText } from '../../src-daemon/api/contract/reasons.ts'
import type {
  Job,
  JobOutcome,
  JobState,
  Node,
  NodeSelf,
  Overview,
  Project,
  ProjectCode,
  Pull,
  Spider,
} from '../../src-daemon/api/contract/values.ts'

/**
 * A made-up news cluster for tests of the console and for looking at its pages: six nodes in every state, five
 * projects, jobs in every state and outcome. Deterministic but for the time it is made at.
 */
export interface SampleCluster {
  readonly nodes: Node[]
  readonly projects: Project[]
  readonly jobs: Job[]
  readonly pulls: Pull[]
  readonly spiders: ReadonlyMap<string, readonly string[]>
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const COMMITS = {
  newspapers: 'a81d40f3c2b1908d7e6f5a4b3c2d1e0f9a8b7c6d',
  finance_cn: 'c07be15a2b3c4d5e6f708192a3b4c5d6e7f80912',
  gov_tenders: '5be22903f1e2d3c4b5a697887766554433221100',
  weibo_hot: 'e41b7701a2b3c4d5e6f708192a3b4c5d6e7f8091',
} as const
const OLD_COMMIT = '3f9c1e2b4a5968778695a4b3c2d1e0f9a8b7c6d5'

const SPIDERS: Record<string, string[]> = {
  newspapers: [
    'xinhua_finance',
    'reuters_world',
    'lemonde_une',
    '人民日报',
    'jiemian_flash',
    'sina_finance',
    'caixin_headlines',
    'guardian_politics',
    'thepaper_cn',
    'bbc_world',
    '36kr_newsflash',
    'lianhe_zaobao',
    'nhk_news',
    'people_daily',
    'scmp_latest',
    'spiegel_schlagzeilen',
    '新京报',
    'yonhap_en',
    'zeit_politik',
    'elpais_portada',
    'folha_mercado',
    'nikkei_asia',
    'dawn_pk',
    'hindu_national',
  ],
  finance_cn: ['财联社电报', 'cls_telegraph', 'yicai_finance', 'eastmoney_hot', 'stcn_flash'],
  gov_tenders: ['gov_tenders_bj', 'gov_tenders_gd', 'gov_tenders_fj', 'gov_tenders_sh'],
  weibo_hot: ['weibo_realtime', '微博热搜'],
  press_agencies: ['afp_wire', 'ap_top'],
}

const iso = (time: number) => new Date(time).toISOString()

/** The cluster as of `now`. */
export function sampleCluster(now = Date.now()): SampleCluster {
  const code = (project: string, change: Partial<ProjectCode> = {}): ProjectCode => ({
    project,
    path: `/srv/crawl/${project}`,
    commit: COMMITS[project as keyof typeof COMMITS] ?? null,
    branch:
      project === 'press_agencies' ? null : project === 'newspapers' || project === 'finance_cn' ? 'develop' : 'main',
    subject:
      project === 'newspapers'
        ? 'Parse relative times of 新华财经'
        : project === 'press_agencies'
          ? null
          : `Work on ${project}`,
    author: project === 'press_agencies' ? null : 'Lin Wei',
    committed_at: project === 'press_agencies' ? null : iso(now - 3 * HOUR),
    dirty: project === 'press_agencies' ? null : false,
    behind: 0,
    ahead: 0,
    spiders: SPIDERS[project]?.length ?? 0,
    error: null,
    ...change,
  })
  const node = (id: string, name: string, url: string | null, change: Partial<Node>): Node => ({
    id,
    name,
    url,
    identity: 'slave',
    state: 'online',
    since: iso(now - 12 * DAY),
    last_seen: iso(now - 2_000),
    latency_ms: 2.1,
    version: '0.4.0',
    paused: false,
    pause_note: null,
    pending: 0,
    running: 0,
    max_proc: 8,
    last_error: null,
    last_error_at: null,
    disk_free_bytes: 180 * 1024 ** 3,
    disk_total_bytes: 500 * 1024 ** 3,
    python: '3.12.4',
    scrapy: '2.13.3',
    projects: [],
    waiting: [],
    ...change,
  })
  const nodes = [
    node('local', 'hq-01', null, {
      identity: 'master',
      max_proc: 12,
      running: 3,
      latency_ms: 0.3,
      since: iso(now - 41 * DAY),
      projects: ['newspapers', 'finance_cn', 'gov_tenders', 'press_agencies'].map((name) => code(name)),
    }),
    node('n1', 'crawl-01', 'http://10.20.0.21:6800', {
      max_proc: 12,
      running: 12,
      projects: ['newspapers', 'finance_cn', 'gov_tenders'].map((name) => code(name)),
    }),
    node('n2', 'crawl-02', 'http://10.20.0.22:6800', {
      running: 4,
      latency_ms: 2.8,
      projects: [
        code('newspapers', { commit: OLD_COMMIT, behind: 2 }),
        code('finance_cn'),
        code('gov_tenders', { dirty: true }),
        code('press_agencies'),
      ],
    }),
    node('n3', '上海-02', 'http://10.31.4.8:6800', {
      paused: true,
      pause_note: 'proxy quota, back at 23:00',
      running: 1,
      latency_ms: 41,
      since: iso(now - 52 * MINUTE),
      projects: [code('finance_cn'), code('weibo_hot')],
    }),
    node('n4', 'crawl-03', 'http://10.20.0.23:6800', {
      state: 'offline',
      since: iso(now - 14 * MINUTE),
      last_seen: iso(now - 14 * MINUTE),
      latency_ms: null,
      running: 2,
      last_error: reasonText('refusedHint'),
      last_error_at: iso(now - 14 * MINUTE),
      projects: [code('newspapers'), code('gov_tenders')],
      waiting: ['pause'],
    }),
    node('n5', 'legacy-scrapyd', 'http://10.20.0.40:6800', {
      identity: 'scrapyd',
      state: 'unknown',
      since: iso(now - 20_000),
      last_seen: null,
      latency_ms: null,
      version: null,
      max_proc: 4,
      disk_free_bytes: null,
      disk_total_bytes: null,
      python: null,
      scrapy: null,
    }),
  ]
  const jobs = sampleJobs(now)
  const projects = Object.keys(SPIDERS).map((name) => sampleProject(name, nodes, jobs, now))
  return { nodes, projects, jobs, pulls: [samplePull(now)], spiders: new Map(Object.entries(SPIDERS)) }
}

function sampleProject(name: string, nodes: readonly Node[], jobs: readonly Job[], now: number): Project {
  const own = jobs.filter((job) => job.project === name)
  return {
    name,
    path: `/srv/crawl/${name}`,
    source: 'config',
    spiders: SPIDERS[name]?.length ?? 0,
    load_errors: name === 'newspapers' ? 1 : 0,
    nodes: nodes.flatMap(({ name: node, state, projects }) =>
      projects
        .filter(({ project }) => project === name)
        .map(({ project: _, ...rest }) => ({ ...rest, node, node_state: state })),
    ),
    drift: name === 'newspapers' || name === 'gov_tenders',
    last_pull: name === 'press_agencies' ? null : { at: iso(now - 2 * HOUR), ok: name !== 'gov_tenders' },
    pending: own.filter(({ state }) => state === 'pending').length,
    running: own.filter(({ state }) => state === 'running').length,
  }
}

let keys = 0

/** A job with everything left at what is usual. */
export function sampleJob(change: Partial<Job> & { readonly at?: number } = {}): Job {
  keys += 1
  const { at = Date.now(), ...rest } = change
  return {
    key: keys.toString(36).padStart(24, '0'),
    id: `6f2c1a9e4b7d11f1${keys.toString(16).padStart(4, '0')}`,
    project: 'newspapers',
    spider: 'sina_finance',
    state: 'finished',
    outcome: 'finished',
    reason: null,
    node: 'crawl-01',
    pinned_node: null,
    node_offline: false,
    priority: 0,
    args: { since: '2026-11-22', channel: 'roll,live' },
    settings: { CONCURRENT_REQUESTS: '32' },
    version: COMMITS.newspapers,
    created_at: iso(at - 35 * MINUTE),
    started_at: iso(at - 34 * MINUTE),
    ended_at: iso(at - 4 * MINUTE),
    pid: 20_418,
    exit_code: 0,
    signal: null,
    finish_reason: 'finished',
    scheduled_by: 'operator',
    cancelled_by: null,
    cancel_requested_at: null,
    attempt: 1,
    runner: 'cold',
    runner_note: null,
    pages: 18_452,
    items: 12_480,
    errors: 0,
    cpu_seconds: 210,
    max_rss_bytes: 318 * 1024 ** 2,
    ...rest,
  }
}

function sampleJobs(now: number): Job[] {
  const job = (
    project: string,
    spider: string,
    state: JobState,
    outcome: JobOutcome | null,
    minutes: number,
    change: Partial<Job> = {},
  ) =>
    sampleJob({
      at: now,
      project,
      spider,
      state,
      outcome,
      version: COMMITS[project as keyof typeof COMMITS] ?? null,
      created_at: iso(now - minutes * MINUTE - 33_000),
      started_at: state === 'pending' ? null : iso(now - minutes * MINUTE),
      ended_at: state === 'finished' ? iso(now - minutes * MINUTE * 0.6) : null,
      ...(state === 'finished' ? {} : { exit_code: null, finish_reason: null }),
      ...(state === 'pending' ? { node: null, pages: null, items: null, errors: null, pid: null } : {}),
      ...change,
    })
  const failed = (project: string, spider: string, minutes: number, reason: string, change: Partial<Job> = {}) =>
    job(project, spider, 'finished', 'failed', minutes, {
      reason,
      exit_code: 1,
      pages: change.items ?? 0,
      items: 0,
      errors: 1,
      finish_reason: null,
      ...change,
    })
  const jobs = [
    job('newspapers', '人民日报', 'pending', null, 13, {
      pinned_node: 'crawl-03',
      reason: reasonText('onlyOffline', { node: 'crawl-03', project: 'newspapers' }),
    }),
    ...Array.from({ length: 9 }, (_, index) =>
      job('weibo_hot', index % 2 ? '微博热搜' : 'weibo_realtime', 'pending', null, 22 - index, {
        reason: reasonText('paused', { node: '上海-02' }),
      }),
    ),
    job('newspapers', 'jiemian_flash', 'starting', null, 0, {
      node: 'crawl-02',
      pages: null,
      items: null,
      errors: null,
    }),
    job('newspapers', 'sina_finance', 'running', null, 30, { errors: 12 }),
    job('newspapers', 'caixin_headlines', 'running', null, 4.7, { node: 'hq-01', items: 1_204 }),
    job('newspapers', 'guardian_politics', 'running', null, 11, { items: 3_377 }),
    job('newspapers', 'thepaper_cn', 'running', null, 3, {
      node: '上海-02',
      items: 611,
      cancel_requested_at: iso(now - 3_000),
      cancelled_by: 'operator',
    }),
    job('gov_tenders', 'gov_tenders_gd', 'running', null, 131, {
      node: 'crawl-03',
      node_offline: true,
      items: 8_940,
      errors: 3,
    }),
    job('newspapers', 'bbc_world', 'running', null, 15, { node: 'crawl-03', node_offline: true, items: 320 }),
    ...[3, 33, 63, 93].map((minutes) =>
      failed('newspapers', 'xinhua_finance', minutes, "Exit code 1: ModuleNotFoundError: No module named 'dateutil'"),
    ),
    failed('finance_cn', '财联社电报', 18, '14 errors logged, no response and no item', {
      exit_code: 0,
      errors: 14,
      node: 'crawl-02',
    }),
    failed('newspapers', 'reuters_world', 41, 'Ended by SIGKILL, not sent by us (out of memory?)', {
      exit_code: null,
      signal: 'SIGKILL',
      items: 4_416,
      errors: 2,
    }),
    job('gov_tenders', 'gov_tenders_bj', 'finished', 'lost', 92, {
      node: 'crawl-03',
      exit_code: null,
      reason: reasonText('rebooted'),
      items: 312,
    }),
    job('newspapers', 'guardian_politics', 'finished', 'cancelled', 34, {
      reason: reasonText('cancelledAfterBy', { who: 'operator', seconds: 595 }),
      cancelled_by: 'operator',
      items: 1_032,
    }),
  ]
  for (const [index, spider] of [...(SPIDERS['newspapers'] ?? []), ...(SPIDERS['finance_cn'] ?? [])].entries()) {
    jobs.push(
      job(index < 24 ? 'newspapers' : 'finance_cn', spider, 'finished', 'finished', 130 + index * 7, {
        items: 400 + index * 173,
        errors: index % 6 === 0 ? 4 : 0,
      }),
    )
  }
  return jobs
}

function samplePull(now: number): Pull {
  const step = (node_name: string, change: Partial<Pull['steps'][number]>): Pull['steps'][number] => ({
    node_name,
    project: 'newspapers',
    message: '',
    branch: 'develop',
    before: COMMITS.newspapers,
    after: COMMITS.newspapers,
    state: 'ok',
    output: 'Already up to date.\n',
    changes: null,
    stashed: null,
    ...change,
  })
  return {
    id: 'p1',
    projects: ['newspapers'],
    started_at: iso(now - 11_000),
    ended_at: null,
    by: 'operator',
    steps: [
      step('hq-01', {}),
      step('crawl-01', {
        before: OLD_COMMIT,
        changes: '3 files changed, 41 insertions(+), 6 deletions(-)',
        output: 'Updating 3f9c1e2..a81d40f\nFast-forward\n',
      }),
      step('crawl-02', {
        state: 'error',
        before: OLD_COMMIT,
        after: OLD_COMMIT,
        message: reasonText('diverged', {
          branch: 'develop',
          commits: reasonText('oneCommit'),
          remote: 'origin',
          n: 2,
          root: '/srv/crawl/newspapers',
        }),
        output:
          '$ git fetch origin develop\nFrom git.press.example:crawl/newspapers\n   3f9c1e2..a81d40f  develop    -> origin/develop\n$ git merge --ff-only a81d40f\nfatal: Not possible to fast-forward, aborting.\n',
      }),
      step('上海-02', { state: 'running', output: '$ git pull --ff-only origin develop\n', after: null }),
      step('crawl-03', { state: 'waiting', message: reasonText('getsItLater'), output: '', after: null }),
    ],
  }
}

/** A spider with its last runs among these jobs. */
export function sampleSpider(cluster: SampleCluster, project: string, name: string): Spider {
  const own = cluster.jobs
    .filter((job) => job.project === project && job.spider === name)
    .toSorted((a, b) => a.created_at.localeCompare(b.created_at))
  const past: Spider['recent'] = Array.from({ length: 12 }, (_, index) => ({
    key: `past${project}${index}`.replace(/\W/g, '').toLowerCase().padEnd(24, '0'),
    state: 'finished',
    outcome: (index + name.length) % 9 === 0 ? 'failed' : 'finished',
  }))
  return {
    name,
    module: `${project}.spiders.${name}`,
    nodes: ['hq-01'],
    last_job: own.at(-1) ?? null,
    recent: [...past, ...own.map(({ key, state, outcome }) => ({ key, state, outcome }))].slice(-12),
    usual: { runs: 20, duration_seconds: 3_300, pages: 18_000, items: 12_000 },
  }
}

/** The aggregate of the first page. */
export function sampleOverview({ nodes, projects, jobs, spiders }: SampleCluster, now = Date.now()): Overview {
  const begin = Math.floor(now / (30 * MINUTE)) * 30 * MINUTE
  const state = (wanted: Node['state']) => nodes.filter((node) => node.state === wanted).length
  return {
    now: iso(now),
    nodes: { online: state('online'), offline: state('offline'), unknown: state('unknown'), paused: 1 },
    jobs: {
      pending: jobs.filter(({ state: s }) => s === 'pending').length,
      running: jobs.filter(({ state: s }) => s === 'running').length,
    },
    slots: { used: 20, total: 40 },
    day: { finished: 2_770, failed: 45, cancelled: 27, lost: 6, items: 1_280_431, pages: 1_912_004 },
    throughput: Array.from({ length: 48 }, (_, index) => ({
      at: iso(begin - (47 - index) * 30 * MINUTE),
      finished: Math.round(52 + 22 * Math.sin(index / 8) + (index % 5) * 2),
      failed: index === 32 ? 17 : index % 7 === 3 ? 2 : 0,
      cancelled: index % 11 === 5 ? 3 : 0,
      lost: index === 33 ? 4 : 0,
    })),
    attention: [
      {
        kind: 'node-offline',
        since: iso(now - 14 * MINUTE),
        data: { node: 'crawl-03', id: 'n4', jobs: 2, reason: reasonText('refusedHint') },
      },
      {
        kind: 'spider-failing',
        since: iso(now - 93 * MINUTE),
        data: { project: 'newspapers', spider: 'xinhua_finance', failures: 4 },
      },
      { kind: 'code-drift', since: null, data: { project: 'newspapers' } },
      {
        kind: 'jobs-waiting',
        since: iso(now - 22 * MINUTE),
        data: { jobs: 10, reason: reasonText('paused', { node: '上海-02' }) },
      },
    ],
    last_failures: jobs.filter(({ outcome }) => outcome === 'failed' || outcome === 'lost').slice(0, 10),
    projects: projects.length,
    spiders: [...spiders.values()].reduce((sum, list) => sum + list.length, 0),
  }
}

/** What a daemon says of itself. */
export function sampleSelf(change: Partial<NodeSelf> = {}): NodeSelf {
  return {
    node_name: 'hq-01',
    identity: 'master',
    cluster_name: 'press',
    version: '0.1.0',
    feed: 'f',
    instance: 'i',
    started_at: '2026-01-01T00:00:00.000Z',
    now: '2026-01-01T00:00:00.000Z',
    paused: false,
    pause_note: null,
    pending: 0,
    running: 0,
    finished: 0,
    max_proc: 8,
    disk_free_bytes: null,
    disk_total_bytes: null,
    cpus: 2,
    load_average: [0, 0, 0],
    memory_free_bytes: 1,
    memory_total_bytes: 2,
    platform: 'linux',
    node_version: '24.0.0',
    python: null,
    scrapy: null,
    owner: null,
    projects: [],
    ...change,
  }
}
