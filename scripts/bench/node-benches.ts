import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import SqliteDatabase from 'better-sqlite3'
import { median, quantile, row, type Row } from './figures.ts'
import { hammer, schedule, untilIdle } from './load.ts'
import { cpuSeconds, processesIn, pssMiB } from './machine.ts'
import { writeProject, type Siblings } from './project.ts'
import { startOurs, startStock, type Server } from './servers.ts'

const ROUNDS = 3

/** A fresh folder for one measurement. */
export function freshFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `scrapyd-service-bench-${name}-`))
}

async function withBoth<T>(
  name: string,
  ours: Parameters<typeof startOurs>[2],
  stock: Parameters<typeof startStock>[2],
  work: (ours: Server, stock: Server) => Promise<T>,
): Promise<T> {
  const folder = freshFolder(name)
  const a = await startOurs(join(folder, 'ours'), writeProject(join(folder, 'a')), ours)
  const b = await startStock(join(folder, 'stock'), writeProject(join(folder, 'b')), stock)
  try {
    return await work(a, b)
  } finally {
    await Promise.all([a.stop(), b.stop()])
  }
}

/** schedule.json over 16 connections; the jobs stay pending, every answer is on disk. */
export function scheduleRate(): Promise<readonly Row[]> {
  // Stock looks at its queue only every poll_interval, so that with an hour its jobs stay where they are.
  return withBoth('schedule', {}, { poll_interval: 3600 }, async (ours, stock) => {
    await fetch(`${ours.url}/api/node/pause`, post({}))
    const body = () => 'project=bench&spider=noop&setting=DOWNLOAD_DELAY%3D1&edition=morning'
    // As after some minutes of work, not as in the first seconds of a process.
    for (const server of [ours, stock]) await hammer(`${server.url}/schedule.json`, 2_000, 16, body)
    const rates: { ours: number[]; stock: number[]; p99: number[] } = { ours: [], stock: [], p99: [] }
    for (let round = 0; round < ROUNDS; round++) {
      const a = await hammer(`${ours.url}/schedule.json`, 3_000, 16, body)
      const b = await hammer(`${stock.url}/schedule.json`, 1_000, 16, body)
      rates.ours.push(a.perSecond)
      rates.stock.push(b.perSecond)
      rates.p99.push(quantile(a.times, 0.99))
    }
    const ratio = median(rates.ours) / median(rates.stock)
    return [
      row('schedule.json, 16 connections, durable', 'req/s', median(rates.ours), median(rates.stock), {
        text: '≥ 4 × stock',
        met: ratio >= 4,
      }),
      row('… its p99', 'ms', median(rates.p99), null, { text: '–', met: null }),
    ]
  })
}

/** From the POST to "Spider opened" in the log, one job at a time on an idle node. */
export async function startDelay(warm: 'on' | 'off'): Promise<readonly Row[]> {
  return withBoth(`start-${warm}`, { warm_runner: warm }, { poll_interval: 0.1 }, async (ours, stock) => {
    const times: { ours: number[]; stock: number[]; share: number[] } = { ours: [], stock: [], share: [] }
    for (let round = 0; round < 12; round++) {
      const a = await opened(ours)
      const b = await opened(stock)
      // The first of each warms caches (and the warm process) up.
      if (round < 2) continue
      times.ours.push(a.ms)
      times.stock.push(b.ms)
      if (a.daemonMs !== null) times.share.push(a.daemonMs)
    }
    const ours50 = median(times.ours)
    const stock50 = median(times.stock)
    const target = warm === 'on' ? { text: '≤ 60 ms', met: ours50 <= 60 } : { text: '≤ stock', met: ours50 <= stock50 }
    const rows = [row(`POST to "Spider opened", ${warm === 'on' ? 'warm' : 'cold'}`, 'ms', ours50, stock50, target)]
    if (warm === 'off') {
      const share = median(times.share)
      rows.push(row('… the daemon’s share of it', 'ms', share, null, { text: '≤ 20 ms', met: share <= 20 }))
    }
    return rows
  })
}

async function opened(server: Server): Promise<{ readonly ms: number; readonly daemonMs: number | null }> {
  const begun = performance.now()
  const wall = performance.timeOrigin + begun
  const id = await schedule(server.url, { project: 'bench', spider: 'noop' })
  const file = join(server.folder, 'logs', 'bench', 'noop', `${id}.log`)
  let ordered: number | null = null
  while (!existsSync(file) || !readFileSync(file, 'utf8').includes('Spider opened')) {
    ordered ??= orderedAt(server)
    await delay(1)
  }
  const ms = performance.now() - begun
  await untilIdle(server.url)
  return { ms, daemonMs: ordered === null ? null : ordered - wall }
}

/** When our daemon wrote down what is to run, right before it starts the interpreter; null: nothing runs, or not ours. */
function orderedAt(server: Server): number | null {
  const runs = join(server.folder, 'dbs/runs')
  try {
    const [run] = readdirSync(runs)
    return run === undefined ? null : statSync(join(runs, run, 'job.json')).mtimeMs
  } catch {
    return null
  }
}

/** Stock as it comes: one look at the queue every five seconds. Few jobs, as each takes seconds. */
export async function stockByDefault(): Promise<readonly Row[]> {
  const folder = freshFolder('default')
  const stock = await startStock(join(folder, 'stock'), writeProject(join(folder, 'b')), { max_proc: 8 })
  try {
    await opened(stock)
    const times: number[] = []
    for (let round = 0; round < 5; round++) {
      // Anywhere between two of its looks.
      await delay(Math.random() * 5_000)
      times.push((await opened(stock)).ms)
    }
    const { perMinute } = await runMany(stock, 10, 'noop')
    const only = (what: string, unit: string, value: number): Row => ({
      ...row(what, unit, Number.NaN, value, { text: '–', met: null }),
      ours: 'above',
      ratio: '–',
    })
    return [
      only('POST to "Spider opened", stock’s default poll_interval (5 s)', 'ms', median(times)),
      only('trivial jobs, 8 at once, stock’s default poll_interval', 'jobs/min', perMinute),
    ]
  } finally {
    await stock.stop()
  }
}

/** 100 trivial jobs, 8 at once: rate, CPU and memory per job. */
export async function throughput(warm: 'on' | 'off', siblings?: Siblings): Promise<readonly Row[]> {
  const folder = freshFolder(`throughput-${warm}`)
  const jobs = 100
  const project = writeProject(join(folder, 'a'), siblings)
  const ours = await startOurs(join(folder, 'ours'), project, {
    max_proc: 8,
    warm_runner: warm,
  })
  const stock = await startStock(join(folder, 'stock'), writeProject(join(folder, 'b'), siblings), {
    max_proc: 8,
    poll_interval: 0.1,
  })
  try {
    const spider = siblings === undefined ? 'noop' : 'paper_0'
    // One before, from which a warm process learns what jobs import, in the second after it.
    await schedule(ours.url, { project: 'bench', spider })
    await untilIdle(ours.url)
    await delay(2_000)
    // Stock takes a minute for a round; ours is over in seconds, and is done three times.
    const rounds: Awaited<ReturnType<typeof runMany>>[] = []
    for (let round = 0; round < (warm === 'on' ? ROUNDS : 1); round++)
      rounds.push(await runMany(ours, jobs, spider, project))
    const middle = (name: 'perMinute' | 'cpu') => median(rounds.map((one) => one[name]))
    const figures = {
      ours: { perMinute: middle('perMinute'), cpu: middle('cpu') },
      stock: await runMany(stock, jobs, spider),
    }
    const what = `${jobs} trivial jobs, 8 at once, ${warm === 'on' ? 'warm' : 'cold'}${siblings === undefined ? '' : `, project of ${siblings.count} ${siblings.kind}`}`
    const a = figures.ours
    const b = figures.stock
    const ratio = a.perMinute / b.perMinute
    const rows = [
      row(
        what,
        'jobs/min',
        a.perMinute,
        b.perMinute,
        warm === 'off'
          ? { text: '–', met: null }
          : siblings !== undefined
            ? { text: '≥ 30 × stock', met: ratio >= 30 }
            : { text: '≥ 1 800', met: a.perMinute >= 1_800 },
      ),
      row(
        '… CPU per job, daemon included',
        's',
        a.cpu,
        b.cpu,
        warm === 'on' && siblings === undefined ? { text: '≤ 0.07 s', met: a.cpu <= 0.07 } : { text: '–', met: null },
      ),
    ]
    return rows
  } finally {
    await Promise.all([ours.stop(), stock.stop()])
  }
}

async function runMany(server: Server, count: number, spider: string, project: string | null = null) {
  // One before, so that lists and caches are made.
  await schedule(server.url, { project: 'bench', spider })
  await untilIdle(server.url)
  const before = cpuSeconds(server.pid)
  const spent = await spiderCpu(server)
  const warm = warmCpu(project)
  const begun = performance.now()
  await Promise.all(Array.from({ length: count }, () => schedule(server.url, { project: 'bench', spider })))
  // Asking more often would take a share of the machine that is measured.
  await untilIdle(server.url, 25)
  const seconds = (performance.now() - begun) / 1000
  const after = cpuSeconds(server.pid)
  const children =
    spent === null ? after.children - before.children : (await spiderCpu(server))! - spent + warmCpu(project) - warm
  return { perMinute: (count * 60) / seconds, cpu: (after.own - before.own + children) / count }
}

/** CPU of the warm process of a project and its supervisors, which are no part of any job. */
function warmCpu(project: string | null): number {
  return project === null ? 0 : processesIn(project).reduce((sum, pid) => sum + cpuSeconds(pid).own, 0)
}

/** CPU of all spiders that our daemon ran (its children are not waited for by itself); null: stock. */
async function spiderCpu(server: Server): Promise<number | null> {
  const answer = await fetch(`${server.url}/api/jobs?limit=1000`)
  if (!answer.ok) return null
  const { jobs } = (await answer.json()) as { jobs: { cpu_seconds: number | null }[] }
  return jobs.reduce((sum, job) => sum + (job.cpu_seconds ?? 0), 0)
}

/** listjobs.json and a page of /api/jobs with 100 000 finished jobs, and what other clients feel meanwhile. */
export async function longList(): Promise<readonly Row[]> {
  const count = 100_000
  const folder = freshFolder('list')
  const project = { ours: writeProject(join(folder, 'a')), stock: writeProject(join(folder, 'b')) }
  const options = { finished_to_keep: count }
  const empty = await startOurs(join(folder, 'ours'), project.ours, options)
  await delay(1_500)
  const without = pssMiB(empty.pid)
  await empty.stop()
  fillOurs(join(folder, 'ours', 'dbs', 'scrapyd_service.db'), count)
  fillStock(join(folder, 'stock', 'dbs'), count)
  const ours = await startOurs(join(folder, 'ours'), project.ours, options)
  const stock = await startStock(join(folder, 'stock'), project.stock, {
    ...options,
    jobstorage: 'scrapyd.jobstorage.SqliteJobStorage',
  })
  try {
    await delay(1_500)
    const stored = { ours: pssMiB(ours.pid), stock: pssMiB(stock.pid) }
    const a = await listing(ours)
    const b = await listing(stock)
    const pages: number[] = []
    let cursor = ''
    for (let page = 0; page < 50; page++) {
      const begun = performance.now()
      const answer = await fetch(`${ours.url}/api/jobs?limit=100${cursor}`)
      const { next } = (await answer.json()) as { next: string }
      pages.push(performance.now() - begun)
      cursor = `&cursor=${encodeURIComponent(next)}`
    }
    return [
      row('listjobs.json with 100 000 finished jobs', 'ms', a.ms, b.ms, {
        text: '≤ 1/5 of stock',
        met: a.ms <= b.ms / 5,
      }),
      row('… longest wait of another client', 'ms', a.otherMs, b.otherMs, { text: '≤ 100 ms', met: a.otherMs <= 100 }),
      row('/api/jobs, page of 100 of 100 000 (client side)', 'ms', median(pages), null, {
        text: '≤ 5 ms',
        met: median(pages) <= 5,
      }),
      row('memory with 100 000 jobs stored', 'MiB', stored.ours, stored.stock, { text: '–', met: null }),
      row('… more than without them', 'MiB', stored.ours - without, null, {
        text: '≤ 15 MiB',
        met: stored.ours - without <= 15,
      }),
      row('… after listing them all', 'MiB', pssMiB(ours.pid), pssMiB(stock.pid), { text: '–', met: null }),
    ]
  } finally {
    await Promise.all([ours.stop(), stock.stop()])
  }
}

async function listing(server: Server): Promise<{ readonly ms: number; readonly otherMs: number }> {
  const others: number[] = []
  let done = false
  const other = (async () => {
    while (!done) {
      const begun = performance.now()
      await (await fetch(`${server.url}/listprojects.json`)).text()
      others.push(performance.now() - begun)
      await delay(2)
    }
  })()
  await delay(50)
  const times: number[] = []
  // The first one is of a process that has just started, for both; what others wait meanwhile counts all the same.
  for (let round = 0; round <= ROUNDS; round++) {
    const begun = performance.now()
    const text = await (await fetch(`${server.url}/listjobs.json`)).text()
    if (round > 0) times.push(performance.now() - begun)
    if (text.length < 10_000_000) throw new Error(`listjobs.json has only ${text.length} characters`)
  }
  done = true
  await other
  return { ms: median(times), otherMs: Math.max(...others) }
}

/** Stores finished jobs in a database of ours, a second apart. */
export function fillOurs(file: string, count: number): void {
  const db = new SqliteDatabase(file)
  const insert = db.prepare(
    `INSERT INTO jobs (key, id, project, spider, state, outcome, node_id, node, priority, args, settings, created_at, started_at, ended_at)
     VALUES (?, ?, 'bench', ?, 'finished', 'finished', 'local', 'bench', 0, '{}', '{}', ?, ?, ?)`,
  )
  const begin = Date.now() - count * 1_000
  db.transaction(() => {
    for (let i = 0; i < count; i++) {
      const at = begin + i * 1_000
      insert.run(`bench${String(i).padStart(20, '0')}`, `job${i}`, `spider${i % 300}`, at, at, at + 900)
    }
  })()
  db.close()
}

function fillStock(folder: string, count: number): void {
  mkdirSync(folder, { recursive: true })
  const db = new SqliteDatabase(join(folder, 'jobs.db'))
  // The table of scrapyd 1.6 (sqlite.py, SqliteFinishedJobs).
  db.exec(
    'CREATE TABLE finished_jobs (id integer primary key, project text, spider text, job text, start_time datetime, end_time datetime)',
  )
  const insert = db.prepare(
    'INSERT INTO finished_jobs (project, spider, job, start_time, end_time) VALUES (?, ?, ?, ?, ?)',
  )
  db.transaction(() => {
    for (let i = 0; i < count; i++) {
      const at = (ms: number) =>
        new Date(Date.now() - (count - i) * 1_000 + ms).toISOString().replace('T', ' ').replace('Z', '000')
      insert.run('bench', `spider${i % 300}`, `job${i}`, at(0), at(900))
    }
  })()
  db.close()
}

/** From the start of the process to its first answer, and its memory when idle. */
export async function startAndMemory(): Promise<readonly Row[]> {
  const folder = freshFolder('idle')
  const project = writeProject(join(folder, 'p'))
  const start: { ours: number[]; stock: number[] } = { ours: [], stock: [] }
  const memory: { ours: number[]; stock: number[] } = { ours: [], stock: [] }
  for (let round = 0; round < 5; round++) {
    const ours = await startOurs(join(folder, 'ours'), project, {})
    const stock = await startStock(join(folder, 'stock'), project, {})
    await delay(1_500)
    start.ours.push(ours.startMs)
    start.stock.push(stock.startMs)
    memory.ours.push(pssMiB(ours.pid))
    memory.stock.push(pssMiB(stock.pid))
    await Promise.all([ours.stop(), stock.stop()])
  }
  const a = median(start.ours)
  const b = median(start.stock)
  const m = median(memory.ours)
  const n = median(memory.stock)
  return [
    row('daemon start to first answer', 'ms', a, b, { text: '≤ stock', met: a <= b }),
    row('idle memory (PSS)', 'MiB', m, n, { text: '≤ 1.6 × stock', met: m <= 1.6 * n }),
  ]
}

/** Download of a 200 MiB log, and how much memory it takes meanwhile. */
export function logDownload(): Promise<readonly Row[]> {
  return withBoth('log', {}, {}, async (ours, stock) => {
    const size = 200 * 1024 * 1024
    const line =
      '2026-11-22 22:10:40 [scrapy.core.engine] DEBUG: Crawled (200) <GET https://news.example/a> (referer: None)\n'
    const text = Buffer.from(line.repeat(Math.ceil(size / line.length)).slice(0, size))
    for (const server of [ours, stock]) {
      mkdirSync(join(server.folder, 'logs/bench/noop'), { recursive: true })
      writeFileSync(join(server.folder, 'logs/bench/noop/big.log'), text)
    }
    const rates: { ours: number[]; stock: number[] } = { ours: [], stock: [] }
    const before = pssMiB(ours.pid)
    let most = before
    for (let round = 0; round < ROUNDS + 1; round++) {
      const a = await download(ours, size, () => (most = Math.max(most, pssMiB(ours.pid))))
      const b = await download(stock, size, () => {})
      if (round === 0) continue
      rates.ours.push(a)
      rates.stock.push(b)
    }
    const a = median(rates.ours)
    const b = median(rates.stock)
    return [
      row('200 MiB log download', 'MiB/s', a, b, { text: '≥ 0.7 × stock', met: a >= 0.7 * b }),
      row('… memory it takes meanwhile', 'MiB', most - before, null, { text: 'flat', met: most - before < 50 }),
    ]
  })
}

function download(server: Server, size: number, look: () => void): Promise<number> {
  return new Promise((resolve, reject) => {
    const begun = performance.now()
    let got = 0
    let looked = 0
    get(`${server.url}/logs/bench/noop/big.log`, (answer) => {
      answer.on('data', (chunk: Buffer) => {
        got += chunk.length
        if (got - looked > size / 8) {
          looked = got
          look()
        }
      })
      answer.on('end', () => {
        if (got !== size) reject(new Error(`got ${got} of ${size} bytes`))
        else resolve(size / 1024 / 1024 / ((performance.now() - begun) / 1000))
      })
    }).on('error', reject)
  })
}

/** 10 000 jobs scheduled at once: the rate at the begin and at the end, and the daemon's memory. */
export async function longQueue(): Promise<readonly Row[]> {
  const folder = freshFolder('queue')
  const ours = await startOurs(join(folder, 'ours'), writeProject(join(folder, 'p')), { max_proc: 8, jobs_to_keep: 5 })
  try {
    await hammer(`${ours.url}/schedule.json`, 10_000, 16, () => 'project=bench&spider=noop')
    const before = pssMiB(ours.pid)
    await untilIdle(ours.url, 500)
    // By the ends that are on record: the first jobs are over before the last ones are asked for.
    const db = new SqliteDatabase(join(ours.folder, 'dbs', 'scrapyd_service.db'), { readonly: true })
    const ends = db.prepare('SELECT ended_at FROM jobs ORDER BY ended_at').pluck().all() as number[]
    db.close()
    const rate = (from: number, to: number) => ((to - from) * 60_000) / ((ends[to] ?? 0) - (ends[from] ?? 0))
    const first = rate(0, 999)
    const last = rate(ends.length - 1_000, ends.length - 1)
    const growth = pssMiB(ours.pid) - before
    return [
      row('10 000 jobs at once: first 1 000', 'jobs/min', first, null, { text: '–', met: null }),
      row('10 000 jobs at once: last 1 000', 'jobs/min', last, null, {
        text: 'no slowdown',
        met: last >= 0.9 * first,
      }),
      row('… growth of the daemon’s memory', 'MiB', growth, null, { text: 'flat', met: growth < 30 }),
    ]
  } finally {
    await ours.stop()
  }
}

function post(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}
