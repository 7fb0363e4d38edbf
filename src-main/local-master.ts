import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { ApiClient } from '../src-daemon/api/client/api-client.ts'
import { ConflictError, UnauthorizedError } from '../src-daemon/errors.ts'
import { clientOf, type Address } from './connection-test.ts'
import { askInterpreter, type Interpreter } from './interpreters.ts'
import { notificationRule, type LocalState, type LocalStep, type NotificationRule } from './ipc-contract.ts'
import type { JsonFile } from './json-file.ts'
import {
  LOCAL_USER,
  choosePort,
  daemonEnvironment,
  isAlive,
  isDaemonOn,
  localFolders,
  prepareFolder,
  recordedPid,
  spawnDaemon,
  trimLog,
  type LocalFolders,
} from './local-daemon.ts'
import { ANSWER_LIMIT_MS, explainEnd, type Problem } from './local-end.ts'
import { logEnd } from './local-log.ts'
import { nextRestart } from './restart-plan.ts'
import type { Passwords } from './passwords.ts'

/** Kept between starts of the app. */
export const localSettings = z.object({
  background: z.boolean(),
  port: z.int().nullable(),
  notifications: notificationRule.default({ failed: true, nodes: true }),
})
export type LocalSettings = z.infer<typeof localSettings>

export interface LocalMasterOptions {
  readonly dataDir: string
  /** The daemon's command line program. */
  readonly program: string
  readonly nodeName: string
  readonly env: NodeJS.ProcessEnv
  readonly settings: JsonFile<LocalSettings>
  readonly passwords: Pick<Passwords, 'get' | 'set'>
  readonly findPython: () => Promise<Interpreter | null>
  readonly onChange: (state: LocalState) => void
  /** When it is started again after it died. */
  readonly restart?: typeof nextRestart
  /** How long one that runs already may take for an answer. */
  readonly adoptMs?: number
}

type Phase = LocalState extends infer S
  ? S extends LocalState
    ? Omit<S, 'dataDir' | 'background' | 'notifications'>
    : never
  : never

const ADOPT_MS = 5_000
const ADOPT_TRIES = 3
const RETRY_MS = 500
const STOP_LIMIT_MS = 20_000
const CANCEL_LIMIT_MS = 20_000
const WATCH_MS = 1_000
const PAUSE_NOTE = 'the desktop app has quit'

/**
 * The master on this computer: one daemon on one data folder. It is a process of its own, so it can outlive the app; one
 * that runs already is found by its pid file and port, never started twice (the daemon's own lock has the last word).
 */
export class LocalMaster {
  readonly #options: LocalMasterOptions
  readonly #folders: LocalFolders
  #phase: Phase
  /** As the file says them, which is read once, and not before they are wanted: the window comes first. */
  #read: LocalSettings | null = null
  #pid: number | null = null
  #python: Interpreter | null = null
  #password: string | null = null
  #watch: ReturnType<typeof setInterval> | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #attempt = 0
  #work: Promise<unknown> = Promise.resolve()

  constructor(options: LocalMasterOptions) {
    this.#options = options
    this.#folders = localFolders(options.dataDir)
    this.#phase =
      process.platform === 'win32'
        ? {
            state: 'unsupported',
            reason: 'The daemon runs on Linux and macOS. Connect to a master on a server, or in WSL.',
          }
        : { state: 'stopped' }
  }

  get state(): LocalState {
    const { background, notifications } = this.#settings
    return { dataDir: this.#folders.dataDir, background, notifications, ...this.#phase } as LocalState
  }

  get folders(): LocalFolders {
    return this.#folders
  }

  /** How to reach it. Throws ConflictError when it does not run. */
  get address(): Address {
    if (this.#phase.state !== 'running') throw new ConflictError('The local master is not running.')
    return this.#addressAt(this.#phase.url)
  }

  get notifications(): NotificationRule {
    return this.#settings.notifications
  }

  setBackground(background: boolean): void {
    this.#set({ background })
    this.#tell()
  }

  setNotifications(notifications: NotificationRule): void {
    this.#set({ notifications })
    this.#tell()
  }

  /** Takes up a daemon that went on while the app was closed. Starts none. */
  find(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#phase.state !== 'stopped') return
      // Nothing was asked for: where none is found, nothing has been going on either.
      if ((await this.#adopt()) === 'none' && this.state.state === 'starting') this.#become({ state: 'stopped' })
    })
  }

  /** Starts it, and resolves once it answers or has failed; the state says which. */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#phase.state === 'running' || this.#phase.state === 'unsupported') return
      clearTimeout(this.#retry)
      this.#attempt = 0
      if ((await this.#adopt()) === 'none') await this.#launch()
    })
  }

  /** Stops it with its spiders, and resolves once no process is left. */
  stop(): Promise<void> {
    clearTimeout(this.#retry)
    return this.#inTurn(async () => {
      clearTimeout(this.#retry)
      if (this.#phase.state === 'unsupported') return
      const client = this.#phase.state === 'running' ? clientOf(this.address, 5_000) : null
      this.#unwatch()
      if (this.#pid !== null) {
        this.#become({ state: 'stopping' })
        if (client !== null) await endSpiders(client)
        await endProcess(this.#pid)
        this.#pid = null
      }
      this.#become({ state: 'stopped' })
    })
  }

  /** The app quits: the daemon stops too, or goes on if that is wanted. */
  async quit(): Promise<void> {
    clearTimeout(this.#retry)
    if (!this.state.background) return this.stop()
    this.#unwatch()
    // From now on it is nobody's: whoever ends it does not want it started again.
    this.#pid = null
  }

  /**
   * What projects without an environment of their own run with, asked now, as somebody may just have installed something:
   * the Python that it was started with, else the one that it would be started with. null: there is none.
   */
  async python(): Promise<Interpreter | null> {
    const used = this.#phase.state === 'running' ? this.#python : null
    return (used === null ? null : await askInterpreter(used.path)) ?? this.#options.findPython()
  }

  /** How many spiders run now. */
  async running(): Promise<number> {
    if (this.#phase.state !== 'running') return 0
    const self = await clientOf(this.address, 3_000)
      .call('getNode')
      .catch(() => null)
    return self?.running ?? 0
  }

  /** A daemon of ours that runs already becomes ours again; one whose password is lost is ended. */
  async #adopt(): Promise<'ours' | 'none' | 'silent'> {
    const pid = recordedPid(this.#folders)
    const { port } = this.#settings
    if (pid === null || port === null || !isAlive(pid) || !(await isDaemonOn(this.#folders.config, pid))) return 'none'
    const url = `http://127.0.0.1:${port}`
    const since = Date.now()
    this.#password = this.#options.passwords.get('local')
    for (let tries = 1; isAlive(pid); tries++) {
      try {
        const self = await clientOf(this.#addressAt(url), this.#options.adoptMs ?? ADOPT_MS).call('getNode')
        this.#pid = pid
        this.#arrive(url, `Python ${self.python ?? '–'}, Scrapy ${self.scrapy ?? '–'}`, Date.parse(self.started_at))
        this.#python ??= await this.#options.findPython()
        return 'ours'
      } catch (error) {
        if (error instanceof UnauthorizedError) {
          // Its password is lost (this system keeps none): only a new daemon has one that we know. Its spiders run on
          // and are taken up by that.
          await endProcess(pid)
          return 'none'
        }
        if (tries === ADOPT_TRIES) return this.#isSilent(pid, error)
        // A computer that has just woken up, a full disk: no reason to end what works for somebody.
        this.#become({
          state: 'starting',
          since,
          steps: [{ step: 'answer', state: 'doing', detail: `process ${pid}` }],
        })
        await delay(RETRY_MS)
      }
    }
    return 'none'
  }

  #isSilent(pid: number, error: unknown): 'silent' {
    // Known all the same: it ends with the app, unless it is to go on.
    this.#pid = pid
    const reason = error instanceof Error ? error.message : String(error)
    this.#fail(
      `It runs already (process ${pid}), but does not answer: ${reason}`,
      `Launch it again to ask once more. Where that never helps, end it first:\nkill ${pid}`,
    )
    return 'silent'
  }

  /** `isRestart`: of one that died, so what was said to it before goes on to hold. */
  async #launch(isRestart = false): Promise<void> {
    const since = Date.now()
    const steps: LocalStep[] = []
    // Whoever starts it by hand reads at once why it does not run; nobody may be there to start again what died.
    const fail = (...problem: Problem) => (isRestart ? this.#again(problem, 0) : this.#fail(...problem))
    const begin = (step: LocalStep['step'], detail: string) => {
      steps.push({ step, state: 'doing', detail })
      this.#become({ state: 'starting', since, steps: [...steps] })
    }
    const done = (detail: string) => {
      const last = steps.pop()
      if (last !== undefined) steps.push({ ...last, state: 'done', detail })
    }
    try {
      begin('folder', this.#folders.dataDir)
      prepareFolder(this.#folders, this.#options.nodeName)
      done(this.#folders.dataDir)
      begin('port', '127.0.0.1')
      const before = this.#settings.port
      const port = await choosePort(before)
      this.#set({ port })
      done(`127.0.0.1:${port}`)
      begin('python', 'python3')
      this.#python = await this.#options.findPython()
      const python = describePython(this.#python)
      done(python)
      begin('answer', `${ANSWER_LIMIT_MS / 1_000} s`)
      // A new one at each start by hand, and where somebody else listens on our port, whom the console may have told the old one.
      if (!isRestart || this.#password === null || port !== before) {
        this.#password = randomBytes(24).toString('base64url')
        this.#options.passwords.set('local', this.#password)
      }
      const env = daemonEnvironment(this.#options.env, {
        port,
        password: this.#password,
        python: this.#python?.path ?? null,
      })
      const problem = await this.#run(`http://127.0.0.1:${port}`, env, python)
      if (problem !== null) fail(...problem)
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error), null)
    }
  }

  /** Resolves once it answers (null), or with why it does not. */
  async #run(url: string, env: NodeJS.ProcessEnv, python: string): Promise<Problem | null> {
    const child = spawnDaemon(this.#options.program, this.#folders, env)
    this.#pid = child.pid ?? null
    const ended = endOf(child)
    const client = clientOf(this.#addressAt(url), 2_000)
    const answered = await Promise.race([ended.then(() => false), answers(client)])
    if (answered) {
      void ended.then((code) => this.#onEnd(child.pid ?? -1, code))
      // It was paused when the app quit, so that nothing started while its spiders were ended.
      const self = await client.call('getNode').catch(() => null)
      if (self?.pause_note === PAUSE_NOTE) await client.call('resumeNode', { body: {} }).catch(() => undefined)
      this.#arrive(url, python, Date.now())
      return null
    }
    const code = await Promise.race([ended, Promise.resolve('silent' as const)])
    if (code === 'silent' && child.pid !== undefined) await endProcess(child.pid)
    this.#pid = null
    return explainEnd(code, logEnd(this.#folders.log))
  }

  #arrive(url: string, python: string, since: number): void {
    this.#become({ state: 'running', since, url, python })
    this.#unwatch()
    const pid = this.#pid
    // Of a daemon that was found there is no exit event.
    this.#watch = setInterval(() => {
      if (pid !== null && !isAlive(pid)) return this.#onEnd(pid, null)
      try {
        trimLog(this.#folders)
      } catch (error) {
        console.error('the log of the local master could not be kept short', error)
      }
    }, WATCH_MS)
    this.#watch.unref()
  }

  /** It ended without being asked. */
  #onEnd(pid: number, code: number | null): void {
    if (this.#phase.state !== 'running' || this.#pid !== pid) return
    const lived = Date.now() - this.#phase.since
    this.#unwatch()
    this.#pid = null
    this.#again(explainEnd(code, logEnd(this.#folders.log)), lived)
  }

  /** Starts it again after a while, unless that was tried too often. */
  #again([reason, help]: Problem, lived: number): void {
    const plan = (this.#options.restart ?? nextRestart)(this.#attempt, lived)
    if (plan === null) return this.#fail(reason, help)
    this.#attempt = plan.attempt
    this.#become({ state: 'waiting', retryAt: Date.now() + plan.delayMs, attempt: plan.attempt, reason })
    this.#retry = setTimeout(() => {
      void this.#inTurn(async () => {
        if (this.#phase.state === 'waiting') await this.#launch(true)
      })
    }, plan.delayMs)
  }

  get #settings(): LocalSettings {
    return (this.#read ??= this.#options.settings.read())
  }

  #set(change: Partial<LocalSettings>): void {
    this.#read = { ...this.#settings, ...change }
    this.#options.settings.write(this.#read)
  }

  #addressAt(url: string): Address {
    return { url, username: LOCAL_USER, password: this.#password ?? '', certificate: { kind: 'system' } }
  }

  #unwatch(): void {
    clearInterval(this.#watch)
  }

  #fail(reason: string, help: string | null): void {
    this.#become({ state: 'failed', reason, help })
  }

  #become(phase: Phase): void {
    this.#phase = phase
    this.#tell()
  }

  #tell(): void {
    this.#options.onChange(this.state)
  }

  /** Start, stop and restart one after the other. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => undefined)
    return done
  }
}

/** Nothing new starts, and what runs is asked to end; after a limit the daemon's own stop leaves the rest running. */
async function endSpiders(client: ApiClient): Promise<void> {
  try {
    const { running, pending, paused } = await client.call('getNode')
    if (running + pending === 0) return
    if (!paused) await client.call('pauseNode', { body: { note: PAUSE_NOTE } })
    await client.call('cancelJobs', { body: { filter: { state: ['running', 'starting'] } } })
    const deadline = performance.now() + CANCEL_LIMIT_MS
    while (performance.now() < deadline && (await client.call('getNode')).running > 0) await delay(100)
  } catch {
    // It does not answer any more; its process is ended all the same.
  }
}

async function answers(client: ApiClient): Promise<boolean> {
  const deadline = performance.now() + ANSWER_LIMIT_MS
  while (performance.now() < deadline) {
    try {
      await client.call('getNode')
      return true
    } catch {
      // Not listening yet.
    }
    await delay(50)
  }
  return false
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(null))
    child.once('exit', (code) => resolve(code))
  })
}

/** Asked to end, forced after a limit; resolves once it is gone. */
async function endProcess(pid: number): Promise<void> {
  if (!signal(pid, 'SIGTERM')) return
  const deadline = performance.now() + STOP_LIMIT_MS
  while (isAlive(pid)) {
    if (performance.now() > deadline) signal(pid, 'SIGKILL')
    await delay(50)
  }
}

function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name)
    return true
  } catch {
    // Gone already.
    return false
  }
}

function describePython(python: Interpreter | null): string {
  if (python === null) return '–'
  return `${python.path} ${python.version}, Scrapy ${python.scrapy ?? '–'}`
}
