import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { ApiClient } from '../../src-daemon/api/client/api-client.ts'
import type { WebserviceParameters } from '../../src-daemon/api/client/api-client.ts'
import type { ListedJob } from '../../src-daemon/api/contract/scrapyd-api.ts'
import type { JobDetail } from '../../src-daemon/api/contract/values.ts'
import { root } from '../../scripts/lib/root.ts'
import { killTree } from '../../src-daemon/runner/kill-tree.ts'
import { testPython } from './setup-python.ts'
import { recordOf } from './runs.ts'
import { until } from './until.ts'

type Values = Readonly<Record<string, string | number>>

/** What a daemon under test is configured with; everything else is the default. */
export interface DaemonOptions {
  readonly identity?: 'master' | 'slave'
  readonly nodeName?: string
  /** `[projects]` */
  readonly projects?: Readonly<Record<string, string>>
  /** `[python]` */
  readonly python?: Readonly<Record<string, string>>
  /** `[warm_runner]` */
  readonly warmRunner?: Readonly<Record<string, string>>
  /** `[spider_modules]` */
  readonly spiderModules?: Readonly<Record<string, string>>
  /** More of `[scrapyd]`; it listens on a free port and runs the interpreter of the tests unless told. */
  readonly scrapyd?: Values
  readonly cluster?: Values
  readonly services?: Readonly<Record<string, string>>
  readonly env?: NodeJS.ProcessEnv
  /** Options of the command line after `--config FILE`. */
  readonly args?: readonly string[]
  /** The working directory; the daemon's own folder unless told. */
  readonly cwd?: string
}

/** The command line as a user starts it from a checkout. */
export const SCRAPYD_SERVICE = join(root, 'node_modules/.bin/scrapyd-service')

/** How a process ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** One run of the program `scrapyd-service`. */
export class ProgramRun {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  isOver = false

  constructor(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}, program = SCRAPYD_SERVICE) {
    this.child = spawn(program, [...args], {
      cwd,
      env: { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) => {
        this.isOver = true
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  /** The URL that it listens on, once it does. Rejects with what it said when it ends instead. */
  async listening(): Promise<string> {
    const url = await until(
      'the daemon listens',
      () => /^Listening on (\S+)\n/m.exec(this.stdout)?.[1] ?? (this.isOver ? 'ended' : null),
      { limitMs: 60_000, everyMs: 5 },
    )
    if (url === 'ended') throw new Error(`the daemon did not start:\n${this.stderr}`)
    return url
  }
}

/** Runs the program to its end. */
export function runProgram(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new ProgramRun(args, cwd, env).ended
}

/** A daemon as a process of its own, in a folder of its own, that can be killed and started again. */
export class DaemonProcess {
  readonly folder: string
  readonly configFile: string
  /** What the runs before the present one wrote to stderr. */
  #logsBefore = ''
  #options: DaemonOptions
  #run: ProgramRun | null = null
  #url = ''
  #client: ApiClient | null = null

  private constructor(options: DaemonOptions) {
    this.#options = options
    this.folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-e2e-'))
    this.configFile = join(this.folder, 'scrapyd_service.conf')
    this.#writeConfig()
  }

  /** Starts a daemon and waits until it listens. */
  static async start(options: DaemonOptions = {}): Promise<DaemonProcess> {
    const daemon = DaemonProcess.prepare(options)
    try {
      await daemon.startAgain()
    } catch (error) {
      await daemon.remove()
      throw error
    }
    return daemon
  }

  /** Its folder and its configuration only; it is started by `startAgain`. */
  static prepare(options: DaemonOptions = {}): DaemonProcess {
    return new DaemonProcess(options)
  }

  get logsDir(): string {
    return this.#dir('logs')
  }

  get itemsDir(): string {
    return this.#dir('items')
  }

  get dbsDir(): string {
    return this.#dir('dbs')
  }

  /** As it is configured: relative paths start from the file's folder. */
  #dir(name: string): string {
    return resolve(this.folder, String(this.#options.scrapyd?.[`${name}_dir`] ?? name))
  }

  get url(): string {
    return this.#url
  }

  get port(): number {
    return Number(new URL(this.#url).port)
  }

  get pid(): number {
    return this.#current.pid
  }

  /** Everything that it wrote to stderr so far, over all starts. */
  get logs(): string {
    return this.#logsBefore + (this.#run?.stderr ?? '')
  }

  get isRunning(): boolean {
    return this.#run !== null && !this.#run.isOver
  }

  /** Speaks to it as its user. */
  get client(): ApiClient {
    if (this.#client === null) throw new Error('the daemon was not started')
    return this.#client
  }

  get #current(): ProgramRun {
    if (this.#run === null) throw new Error('the daemon was not started')
    return this.#run
  }

  /** Changes what the next start reads. */
  configure(more: DaemonOptions): void {
    const before = this.#options
    this.#options = {
      ...before,
      ...more,
      scrapyd: { ...before.scrapyd, ...more.scrapyd },
      cluster: { ...before.cluster, ...more.cluster },
      projects: { ...before.projects, ...more.projects },
    }
    this.#writeConfig()
  }

  /** Starts the program in the daemon's folder without waiting for anything. */
  launch(): ProgramRun {
    this.#logsBefore = this.logs
    this.#run = this.spawn()
    return this.#run
  }

  /** One more process of the same configuration, that this daemon does not count as itself. */
  spawn(): ProgramRun {
    const { args = [], cwd = this.folder, env } = this.#options
    return new ProgramRun(['--config', this.configFile, ...args], cwd, env)
  }

  /** Starts it (again) on the same folder, and waits until it listens. Rejects with what it said when it ends instead. */
  async startAgain(): Promise<this> {
    if (this.isRunning) throw new Error('it still runs')
    const run = this.launch()
    this.#url = await run.listening()
    const { username = null, password = null } = this.#options.scrapyd ?? {}
    this.#client = new ApiClient({
      baseUrl: this.#url,
      username: username === null ? null : String(username),
      password: password === null ? null : String(password),
      timeoutMs: 60_000,
    })
    return this
  }

  /** Asks it to end, and waits. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    const run = this.#current
    run.child.kill(signal)
    return run.ended
  }

  /** Kills it as a crash would, and waits until it is gone. */
  async kill9(): Promise<void> {
    const run = this.#current
    run.child.kill('SIGKILL')
    await run.ended
  }

  /** Ends it, and everything that it started, and removes its folder. */
  async remove(): Promise<void> {
    if (this.isRunning) await this.kill9()
    await this.killSpiders()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Kills what its runs have left running. */
  async killSpiders(): Promise<void> {
    const runs = join(this.dbsDir, 'runs')
    await Promise.all(
      namesIn(runs).map(async (name) => {
        const claim = recordOf(join(runs, name), 'claim')
        if (claim !== null) await killTree(claim['token'] as string, [], null)
      }),
    )
  }

  /** The answer to a GET, as it comes. */
  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.#url + path, {
      redirect: 'manual',
      ...init,
      headers: { ...this.#credentials(), ...init.headers },
    })
  }

  /** The answer to a form that is posted, as it comes. */
  post(
    path: string,
    form: Readonly<Record<string, string>> | URLSearchParams,
    init: RequestInit = {},
  ): Promise<Response> {
    return this.get(path, { method: 'POST', body: new URLSearchParams(form), ...init })
  }

  #credentials(): Record<string, string> {
    const { username, password } = this.#options.scrapyd ?? {}
    if (username === undefined) return {}
    return { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
  }

  /** Schedules a spider by the web service; resolves to the job's id. */
  async schedule(project: string, spider: string, more: WebserviceParameters = {}): Promise<string> {
    const answer = await this.client.webservice('schedule', { project, spider, ...more })
    return String(answer['jobid'])
  }

  /** The newest run of a job, with everything known of it. */
  async job(id: string): Promise<JobDetail> {
    const { jobs } = await this.client.call('listJobs', { query: { q: id, limit: 1_000, sort: '-created' } })
    const job = jobs.find((one) => one.id === id)
    if (job === undefined) throw new Error(`there is no job ${id}`)
    return this.client.call('getJob', { params: { key: job.key } })
  }

  /** The same once it has ended. */
  ended(id: string): Promise<JobDetail> {
    return until(`job ${id} has ended`, async () => {
      const job = await this.job(id)
      return job.state === 'finished' && job
    })
  }

  /** The same once it runs. */
  running(id: string): Promise<JobDetail> {
    return until(`job ${id} runs`, async () => {
      const job = await this.job(id)
      if (job.state === 'finished') throw new Error(`it has ended: ${job.outcome}, ${job.reason}`)
      return job.state === 'running' && job
    })
  }

  /** `listjobs.json` */
  async listJobs(project?: string): Promise<Record<'pending' | 'running' | 'finished', ListedJob[]>> {
    const answer = await this.client.webservice('listjobs', project === undefined ? {} : { project })
    return answer as unknown as Record<'pending' | 'running' | 'finished', ListedJob[]>
  }

  #writeConfig(): void {
    const {
      identity = 'slave',
      nodeName = 'node1',
      projects,
      python,
      warmRunner,
      spiderModules,
      scrapyd,
      cluster,
      services,
    } = this.#options
    const section = (name: string, values: Values) => [
      `[${name}]`,
      ...Object.entries(values).map(([option, value]) => `${option} = ${value}`),
    ]
    const lines = [
      ...section('cluster', { identity, node_name: nodeName, ...cluster }),
      ...section('projects', projects ?? {}),
      ...section('python', python ?? {}),
      ...section('warm_runner', warmRunner ?? {}),
      ...section('spider_modules', spiderModules ?? {}),
      ...section('scrapyd', { http_port: 0, python: testPython(), items_dir: 'items', ...scrapyd }),
      ...(services === undefined ? [] : section('services', services)),
    ]
    mkdirSync(this.folder, { recursive: true })
    writeFileSync(this.configFile, `${lines.join('\n')}\n`)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // Nothing was ever run.
    return []
  }
}
