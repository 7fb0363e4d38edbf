import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../scripts/lib/free-port.ts'
import { root } from '../../scripts/lib/root.ts'
import { peersPython } from './setup-python.ts'
import { until } from './until.ts'

/** A stock Scrapyd 1.6 in a process of its own, with the newspapers as its project `newspapers`. */
export class NewspapersScrapyd {
  readonly folder: string
  readonly url: string
  readonly #environment: NodeJS.ProcessEnv
  #child: ChildProcess | null = null

  private constructor(folder: string, port: number, environment: NodeJS.ProcessEnv) {
    this.folder = folder
    this.url = `http://127.0.0.1:${port}`
    this.#environment = environment
  }

  /** Starts one. `options` are of `[scrapyd]`. */
  static async start(
    options: Readonly<Record<string, string | number>> = {},
    environment: NodeJS.ProcessEnv = {},
  ): Promise<NewspapersScrapyd> {
    const folder = mkdtempSync(join(tmpdir(), 'stock-scrapyd-'))
    cpSync(join(root, 'examples/newspapers'), folder, { recursive: true })
    mkdirSync(join(folder, 'data'))
    const port = await freePort('127.0.0.1', 18_000 + (process.pid % 1_000))
    const lines = Object.entries({
      http_port: port,
      poll_interval: 0.2,
      max_proc: 2,
      logs_dir: 'data/logs',
      items_dir: 'data/items',
      dbs_dir: 'data/dbs',
      eggs_dir: 'data/eggs',
      ...options,
    }).map(([name, value]) => `${name} = ${value}`)
    writeFileSync(join(folder, 'scrapyd.conf'), `[scrapyd]\n${lines.join('\n')}\n`)
    writeFileSync(join(folder, 'scrapy.cfg'), '[settings]\nnewspapers = newspapers.settings\n')
    const scrapyd = new NewspapersScrapyd(folder, port, environment)
    await scrapyd.begin()
    return scrapyd
  }

  /** Starts the process (again), on the same data and port. */
  async begin(): Promise<void> {
    const log = openSync(join(this.folder, 'scrapyd.log'), 'a')
    const child = spawn(peersPython(), ['-m', 'scrapyd', '--pidfile='], {
      cwd: this.folder,
      env: {
        ...process.env,
        PYTHONPATH: this.folder,
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONUTF8: '1',
        ...this.#environment,
      },
      stdio: ['ignore', log, log],
    })
    this.#child = child
    await until('Scrapyd serves', async () => {
      if (child.exitCode !== null) throw new Error(`Scrapyd ended:\n${this.output()}`)
      // With a password it answers 401.
      return (await fetch(`${this.url}/daemonstatus.json`)).status > 0
    })
  }

  output(): string {
    return readFileSync(join(this.folder, 'scrapyd.log'), 'utf8')
  }

  /** Ends the process only; its spiders go on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}
