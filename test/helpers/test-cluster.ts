import { createServer } from 'node:net'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { Job, JobDetail, Node } from '../../src-daemon/api/contract/values.ts'
import { DaemonProcess, type DaemonOptions } from './daemon-process.ts'
import { livesProject, Workshop } from './projects.ts'
import { until } from './until.ts'

export interface TestClusterOptions {
  /** How many slaves, named `slave1` …; or what each is configured with. */
  readonly slaves?: number | readonly DaemonOptions[]
  readonly master?: DaemonOptions
  /** For all of them; the project `lives` and 2 slots unless told. */
  readonly all?: DaemonOptions
  /** What `slave_hosts` names, made of the slaves' URLs; all of them unless told. */
  readonly hosts?: (urls: readonly string[]) => readonly string[]
}

/** Pings are quick here, so that a test need not wait for them. */
const QUICK = { ping_interval: 1, poll_interval: 0.5 }

/** A master and its slaves as processes of their own, real Scrapy under them. */
export class TestCluster {
  readonly workshop: Workshop
  readonly slaves: readonly DaemonProcess[]
  readonly master: DaemonProcess
  /** Daemons that were started beside them. */
  readonly #others: DaemonProcess[] = []

  private constructor(workshop: Workshop, slaves: readonly DaemonProcess[], master: DaemonProcess) {
    this.workshop = workshop
    this.slaves = slaves
    this.master = master
  }

  /** Starts all and waits until the master says that its nodes are online. */
  static async open(options: TestClusterOptions = {}): Promise<TestCluster> {
    const cluster = await TestCluster.prepare(options)
    try {
      await Promise.all(cluster.slaves.map((slave) => slave.startAgain()))
      await cluster.master.startAgain()
      if (options.hosts === undefined) await cluster.online()
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  /** Configured, each on a port that it keeps; nothing runs yet. */
  static async prepare({ slaves = 3, master, all, hosts = (urls) => urls }: TestClusterOptions): Promise<TestCluster> {
    const own: readonly DaemonOptions[] =
      typeof slaves === 'number' ? Array.from({ length: slaves }, () => ({})) : slaves
    const ports = await Promise.all(own.map(({ scrapyd }) => scrapyd?.['http_port'] ?? steadyPort()))
    const prepared = own.map((slave, index) =>
      DaemonProcess.prepare(
        merged({ nodeName: `slave${index + 1}`, scrapyd: { http_port: ports[index] ?? 0 } }, all, slave),
      ),
    )
    const urls = ports.map((port) => `127.0.0.1:${port}`)
    const first = DaemonProcess.prepare(
      merged(
        {
          identity: 'master',
          nodeName: 'master1',
          scrapyd: { http_port: await steadyPort(), ...QUICK },
          cluster: { slave_hosts: JSON.stringify(hosts(urls)) },
        },
        all,
        master,
      ),
    )
    return new TestCluster(new Workshop(), prepared, first)
  }

  /** A daemon beside the cluster, with the same project, not started; removed with the cluster. */
  async beside(options: DaemonOptions): Promise<DaemonProcess> {
    const daemon = DaemonProcess.prepare(merged({ scrapyd: { http_port: await steadyPort(), ...QUICK } }, options))
    this.#others.push(daemon)
    return daemon
  }

  async close(): Promise<void> {
    // The master first: it must not start elsewhere what goes with a slave.
    for (const daemon of [this.master, ...this.#others, ...this.slaves]) await daemon.remove()
    this.workshop.remove()
  }

  /** A slave by its number, from 1. */
  slave(number: number): DaemonProcess {
    const slave = this.slaves[number - 1]
    if (slave === undefined) throw new Error(`there is no slave ${number}`)
    return slave
  }

  /** All nodes as the master sees them. */
  async nodes(): Promise<Node[]> {
    return (await this.master.client.call('listNodes')).nodes
  }

  async node(name: string): Promise<Node> {
    const nodes = await this.nodes()
    const node = nodes.find((one) => one.name === name)
    if (node === undefined) throw new Error(`no node ${name} among ${nodes.map((one) => one.name).join(', ')}`)
    return node
  }

  /** Waits until the master says that of a node. */
  async nodeIs(name: string, wanted: Partial<Node>): Promise<Node> {
    return until(`${name} is ${JSON.stringify(wanted)}`, async () => {
      const node = await this.node(name)
      const differs = Object.entries(wanted).some(([field, value]) => node[field as keyof Node] !== value)
      if (differs) throw new Error(`it is ${JSON.stringify(node)}`)
      return node
    })
  }

  /** Waits until these nodes (all slaves unless told) are online and can be given jobs. */
  async online(...names: readonly string[]): Promise<void> {
    const wanted = names.length > 0 ? names : this.slaves.map((_, index) => `slave${index + 1}`)
    await Promise.all(wanted.map((name) => this.nodeIs(name, { state: 'online' })))
  }

  /** Schedules `lives/<spider>` on the master; resolves to the job's id. */
  schedule(spider: string, more: Record<string, string> = {}): Promise<string> {
    return this.master.schedule('lives', spider, more)
  }

  /** Starts a spider that goes on until `finish(id)`; resolves once the master says that it runs. */
  async running(more: Record<string, string> = {}): Promise<Running> {
    const until = this.workshop.path('until')
    const target = this.workshop.path('told')
    const id = await this.schedule('long', { until, target, ...more })
    const job = await this.master.running(id)
    return {
      id,
      key: job.key,
      node: job.node ?? '',
      pid: job.pid ?? 0,
      target,
      finish: () => this.workshop.touch(until),
    }
  }

  /** Runs of the spider `quick` that were given `runs`: the ids of the jobs that ran, one for each run. */
  runsIn(file: string): string[] {
    return linesOf(file).map((line) => line.split(' ')[0] ?? '')
  }

  /** All jobs that the master knows, newest first. */
  async jobs(daemon: DaemonProcess = this.master): Promise<Job[]> {
    const jobs: Job[] = []
    let cursor: string | undefined
    do {
      const page = await daemon.client.call('listJobs', {
        query: { limit: 1_000, sort: '-created', ...(cursor === undefined ? {} : { cursor }) },
      })
      jobs.push(...page.jobs)
      cursor = page.next ?? undefined
    } while (cursor !== undefined)
    return jobs
  }

  /** Why a job waits, as the master tells. */
  async whyPending(id: string): Promise<string | null> {
    return (await this.master.job(id)).reason
  }

  ended(id: string): Promise<JobDetail> {
    return this.master.ended(id)
  }
}

/** A spider that goes on until it is told to finish. */
export interface Running {
  readonly id: string
  readonly key: string
  /** Name of the node that runs it. */
  readonly node: string
  readonly pid: number
  readonly target: string
  readonly finish: () => void
}

export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(0, -1)
  } catch {
    // Nothing has written to it yet.
    return []
  }
}

/**
 * A port that stays the daemon's while it is down: below those that the system gives to outgoing connections, one of
 * which may be the master's to this very port.
 */
export async function steadyPort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 21_000)
    const server = createServer()
    try {
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      return port
    } catch {
      // Somebody has it: another one.
    } finally {
      server.close()
    }
  }
}

function merged(...all: readonly (DaemonOptions | undefined)[]): DaemonOptions {
  const base: DaemonOptions = { projects: { lives: livesProject }, scrapyd: { max_proc: 2 } }
  return [base, ...all].reduce<DaemonOptions>(
    (before, more) => ({
      ...before,
      ...more,
      scrapyd: { ...before.scrapyd, ...more?.scrapyd },
      cluster: { ...before.cluster, ...more?.cluster },
    }),
    {},
  )
}
