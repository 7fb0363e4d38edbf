import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { DaemonProcess } from './daemon-process.ts'
import { parentOf } from './processes.ts'
import { livesProject, Workshop } from './projects.ts'
import { Random } from './random.ts'
import { until } from './until.ts'

/** What a test with many crashes does. */
export interface CrashPlan {
  readonly identity: 'slave' | 'master'
  readonly kills: number
  readonly jobs: number
  /** Between two kills, a supervisor or a spider is killed, too. */
  readonly killsSpiders: boolean
}

/** What was found when all was over. Everything but `runs` should be empty. */
export interface CrashFindings {
  /** Jobs that the daemon answered "ok" for, and does not know any more. */
  readonly lost: readonly string[]
  /** Jobs whose spider was started more than once. */
  readonly twice: readonly string[]
  /** Jobs that ended without their spider having been started. */
  readonly never: readonly string[]
  /** Jobs that ended otherwise than their spider did. */
  readonly wrong: readonly string[]
  /** Jobs that never ended. */
  readonly stuck: readonly string[]
  /** Moments at which more spiders ran than there are slots. */
  readonly crowded: readonly string[]
  readonly runs: number
}

const MAX_PROC = 4
/** Exit statuses that a spider is told to end with; 0 is the usual end. */
const CODES = [0, 0, 3, 7, 42] as const

/**
 * Loads a daemon with spiders that count their starts and end with a given status, and kills it again and again at random
 * moments. A client schedules all the time, and repeats what was not answered under the same Idempotency-Key.
 */
export async function crashRun(plan: CrashPlan): Promise<CrashFindings> {
  const { identity, kills: planned, jobs: wanted, killsSpiders } = plan
  const random = Random.ofRun(`${identity}, ${planned} kills, ${wanted} jobs${killsSpiders ? ', spiders killed' : ''}`)
  const workshop = new Workshop()
  const runs = workshop.path('runs')
  const daemon = await DaemonProcess.start({
    identity,
    projects: { lives: livesProject, other: livesProject },
    scrapyd: { max_proc: MAX_PROC, cancel_timeout: 60, finished_to_keep: 100_000, jobs_to_keep: 100_000 },
  })
  try {
    const codes = new Map<string, number>()
    for (let index = 0; index < plan.jobs; index++) codes.set(`job-${index}`, random.oneOf(CODES) ?? 0)
    const killed = new Set<string>()
    let kills = 0
    const crashes = async () => {
      await daemon.kill9()
      while (kills < plan.kills) {
        // The moment is what this is about: anything from the first instruction to the middle of the work.
        const patience = random.between(0, 1_500)
        const before = random.between(0, 3) === 0
        if (before) {
          daemon.launch()
          await delay(random.between(50, 700))
        } else {
          await daemon.startAgain()
          await delay(patience)
          if (plan.killsSpiders) await killOne(daemon, random, killed)
        }
        await daemon.kill9()
        kills += 1
      }
      await daemon.startAgain()
    }
    await Promise.all([crashes(), scheduleAll(daemon, codes, runs)])
    const crowded: string[] = []
    const jobs = await until(
      'all jobs have ended',
      async () => {
        const { running } = await daemon.client.call('getNode')
        if (running > MAX_PROC) crowded.push(`${running} at ${new Date().toISOString()}`)
        const all = await allJobs(daemon)
        return all.every(({ state }) => state === 'finished') && all
      },
      { limitMs: 60_000 + plan.jobs * 2_000, everyMs: 200 },
    ).catch(() => allJobs(daemon))
    return findings(codes, jobs, killed, runs, crowded)
  } finally {
    await daemon.remove()
    workshop.remove()
  }
}

/** Every job is sent until it is answered, whatever the daemon goes through meanwhile. */
async function scheduleAll(daemon: DaemonProcess, codes: ReadonlyMap<string, number>, runs: string): Promise<void> {
  for (const [jobid, code] of codes) {
    await until(
      `${jobid} is accepted`,
      async () => {
        const answer = await daemon.post(
          '/schedule.json',
          { project: jobid.endsWith('3') ? 'other' : 'lives', spider: 'quick', jobid, runs, code: String(code) },
          { headers: { 'Idempotency-Key': jobid } },
        )
        return ((await answer.json()) as { status: string }).status === 'ok'
      },
      { limitMs: 300_000 },
    )
  }
}

/** Kills the supervisor or the spider of a job that runs; such a job may end in another way than the spider meant to. */
async function killOne(daemon: DaemonProcess, random: Random, killed: Set<string>): Promise<void> {
  const { running } = await daemon.listJobs()
  const job = random.oneOf(running)
  if (job?.pid == null) return
  try {
    const supervisor = parentOf(job.pid)
    killed.add(job.id)
    process.kill(random.between(0, 1) === 0 ? job.pid : supervisor, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

async function allJobs(daemon: DaemonProcess): Promise<Job[]> {
  const found: Job[] = []
  let cursor: string | null = null
  do {
    const query: { limit: number; sort: 'created'; cursor?: string } = { limit: 1_000, sort: 'created' }
    if (cursor !== null) query.cursor = cursor
    const page = await daemon.client.call('listJobs', { query })
    found.push(...page.jobs)
    cursor = page.next
  } while (cursor !== null)
  return found
}

function findings(
  codes: ReadonlyMap<string, number>,
  jobs: readonly Job[],
  killed: ReadonlySet<string>,
  runs: string,
  crowded: readonly string[],
): CrashFindings {
  const lines = existsSync(runs) ? readFileSync(runs, 'utf8').split('\n').slice(0, -1) : []
  const starts = new Map<string, number>()
  for (const line of lines) {
    const [id = ''] = line.split(' ')
    starts.set(id, (starts.get(id) ?? 0) + 1)
  }
  const known = new Map(jobs.map((job) => [job.id, job]))
  const told = (job: Job) => `${job.id}: ${job.outcome} ${job.exit_code} ${job.signal} (${job.reason})`
  const ids = [...codes.keys()]
  return {
    lost: ids.filter((id) => !known.has(id)),
    twice: [
      ...[...starts].filter(([, count]) => count > 1).map(([id, count]) => `${id}: started ${count} times`),
      ...(jobs.length > known.size ? [`${jobs.length} rows for ${known.size} ids`] : []),
    ],
    never: ids.filter((id) => !starts.has(id) && !killed.has(id)),
    wrong: jobs.filter((job) => job.state === 'finished' && !isRight(job, codes.get(job.id), killed)).map(told),
    stuck: jobs.filter((job) => job.state !== 'finished').map((job) => `${job.id}: ${job.state}`),
    crowded,
    runs: lines.length,
  }
}

function isRight(job: Job, code: number | undefined, killed: ReadonlySet<string>): boolean {
  const ownWay = job.exit_code === code && job.outcome === (code === 0 ? 'finished' : 'failed')
  if (!killed.has(job.id)) return ownWay
  // Killed itself, or without its supervisor: its own word, or none at all.
  const byItself = job.exit_code === null && job.outcome === 'finished' && job.finish_reason === 'finished'
  return ownWay || byItself || (job.exit_code === null && job.outcome === 'failed')
}
