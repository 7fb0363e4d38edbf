import { setTimeout as delay } from 'node:timers/promises'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import type { DaemonProcess } from './daemon-process.ts'
import { Random } from './random.ts'
import { DroppingProxy, type Loss } from './dropping-proxy.ts'
import { steadyPort, TestCluster } from './test-cluster.ts'
import { until } from './until.ts'

/** What a test with many crashes of a cluster does. */
export interface ClusterCrashPlan {
  readonly jobs: number
  readonly kills: number
  /** One of so many requests of the master to its slaves is lost, or its answer; none: 0. */
  readonly losses?: number
}

/** What was found when all was over: everything but `runs` should be empty. */
export interface ClusterCrashFindings {
  /** Jobs that were answered "ok", and that the master does not know any more. */
  readonly missing: readonly string[]
  /** Jobs whose spider was started more than once. */
  readonly twice: readonly string[]
  /** Jobs whose spider was never started. */
  readonly never: readonly string[]
  /** Jobs that ended otherwise than their spider did, or not at all. */
  readonly wrong: readonly string[]
  /** Where the ledger of the master and that of a node differ. */
  readonly differing: readonly string[]
  readonly runs: number
}

/** Exit statuses that a spider is told to end with; 0 is the usual end. */
const CODES = [0, 0, 3, 42] as const
/** One job of so many is scheduled on a slave itself. */
const DIRECT = 6

const SLAVES = 3

/**
 * Gives a cluster of a master and three slaves short jobs while all of them are killed with -9 and started again at
 * random. A client repeats what was not answered under the same Idempotency-Key.
 */
export async function clusterCrashRun({ jobs, kills, losses = 0 }: ClusterCrashPlan): Promise<ClusterCrashFindings> {
  const random = Random.ofRun(`cluster, ${jobs} jobs, ${kills} kills, one of ${losses} requests lost`)
  const ports = await Promise.all(Array.from({ length: SLAVES }, steadyPort))
  const proxies = losses === 0 ? [] : ports.map((port) => new DroppingProxy(port))
  const between = await Promise.all(proxies.map((proxy) => proxy.start()))
  const cluster = await TestCluster.open({
    slaves: ports.map((http_port) => ({ scrapyd: { http_port } })),
    all: { scrapyd: { max_proc: 2, finished_to_keep: 100_000, jobs_to_keep: 100_000 } },
    ...(losses === 0 ? {} : { hosts: () => between.map((port) => `127.0.0.1:${port}`) }),
  })
  for (const proxy of proxies) proxy.lose(() => lossOf(random, losses))
  try {
    const runs = cluster.workshop.path('runs')
    const codes = new Map<string, number>()
    for (let index = 0; index < jobs; index++) codes.set(`job-${index}`, random.oneOf(CODES) ?? 0)
    await Promise.all([scheduleAll(cluster, codes, runs, random), killAtRandom(cluster, kills, random)])
    const found = await until(
      'all jobs have ended',
      async () => {
        const all = await cluster.jobs()
        return all.every((job) => job.state === 'finished') && all.length >= jobs && all
      },
      { limitMs: 60_000 + jobs * 2_000, everyMs: 200 },
    ).catch(() => cluster.jobs())
    return {
      ...judged(codes, found, cluster.runsIn(runs)),
      differing: (
        await Promise.all(cluster.slaves.map((slave, n) => differences(cluster, slave, `slave${n + 1}`, found)))
      ).flat(),
    }
  } finally {
    await cluster.close()
    for (const proxy of proxies) proxy.stop()
  }
}

function lossOf(random: Random, losses: number): Loss | null {
  if (random.between(1, losses) > 1) return null
  return random.between(0, 1) === 0 ? 'before' : 'after'
}

/** Every job is sent until it is answered, whatever the daemon that is to take it goes through. */
async function scheduleAll(
  cluster: TestCluster,
  codes: ReadonlyMap<string, number>,
  runs: string,
  random: Random,
): Promise<void> {
  for (const [jobid, code] of codes) {
    const target = random.between(1, DIRECT) === 1 ? (random.oneOf(cluster.slaves) ?? cluster.master) : cluster.master
    await until(
      `${jobid} is accepted`,
      async () => {
        const answer = await target.post(
          '/schedule.json',
          { project: 'lives', spider: 'quick', jobid, runs, code: String(code) },
          { headers: { 'Idempotency-Key': jobid } },
        )
        return ((await answer.json()) as { status: string }).status === 'ok'
      },
      { limitMs: 300_000 },
    )
    await delay(random.between(0, 100))
  }
}

/** Kills daemons and starts them again: several may be down at once, some are killed while they start. */
async function killAtRandom(cluster: TestCluster, kills: number, random: Random): Promise<void> {
  const daemons = [cluster.master, ...cluster.slaves]
  const starting = new Map<DaemonProcess, Promise<unknown>>()
  for (let count = 0; count < kills; count++) {
    const victim = random.oneOf(daemons.filter((daemon) => !starting.has(daemon)))
    if (victim === undefined) {
      await Promise.race(starting.values())
      count--
      continue
    }
    await victim.kill9()
    const pause = random.between(0, 1_500)
    const early = random.between(0, 3) === 0 ? random.between(50, 700) : null
    const again = startAgain(victim, pause, early).finally(() => starting.delete(victim))
    starting.set(victim, again)
    await Promise.all([delay(random.between(100, 1_500)), starting.size === daemons.length ? again : null])
  }
  await Promise.all(starting.values())
}

async function startAgain(daemon: DaemonProcess, pauseMs: number, earlyMs: number | null): Promise<void> {
  await delay(pauseMs)
  if (earlyMs !== null) {
    daemon.launch()
    await delay(earlyMs)
    await daemon.kill9()
  }
  await daemon.startAgain()
}

function judged(
  codes: ReadonlyMap<string, number>,
  jobs: readonly Job[],
  started: readonly string[],
): Omit<ClusterCrashFindings, 'differing'> {
  const starts = new Map<string, number>()
  for (const id of started) starts.set(id, (starts.get(id) ?? 0) + 1)
  const known = new Set(jobs.map((job) => job.id))
  const isRight = (job: Job) => {
    const code = codes.get(job.id)
    return job.exit_code === code && job.outcome === (code === 0 ? 'finished' : 'failed')
  }
  return {
    missing: [...codes.keys()].filter((id) => !known.has(id)),
    twice: [
      ...[...starts].filter(([, count]) => count > 1).map(([id, count]) => `${id}: started ${count} times`),
      ...(jobs.length > known.size ? [`${jobs.length} rows for ${known.size} ids`] : []),
    ],
    never: [...codes.keys()].filter((id) => !starts.has(id)),
    wrong: jobs
      .filter((job) => !isRight(job))
      .map((job) => `${job.id} on ${job.node}: ${job.state} ${job.outcome} ${job.exit_code} (${job.reason})`),
    runs: started.length,
  }
}

const COMPARED = [
  'id',
  'state',
  'outcome',
  'reason',
  'exit_code',
  'started_at',
  'ended_at',
  'pid',
  'items',
  'attempt',
] as const

/** The ledger of the master against that of a slave, row by row. */
async function differences(
  cluster: TestCluster,
  slave: DaemonProcess,
  name: string,
  told: readonly Job[],
): Promise<string[]> {
  const own = new Map((await cluster.jobs(slave)).map((job) => [job.key, job]))
  const there = new Map(told.filter((job) => job.node === name).map((job) => [job.key, job]))
  const found: string[] = []
  for (const key of new Set([...own.keys(), ...there.keys()])) {
    const [a, b] = [there.get(key), own.get(key)]
    const fields = COMPARED.filter((field) => a?.[field] !== b?.[field])
    if (fields.length > 0) {
      const values = fields.map((field) => `${field} ${String(a?.[field])} / ${String(b?.[field])}`)
      found.push(`${(a ?? b)?.id} on ${name}: ${values.join(', ')}`)
    }
  }
  return found
}
