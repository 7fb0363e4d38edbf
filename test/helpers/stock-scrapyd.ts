import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../scripts/lib/free-port.ts'
import { peersPython } from './setup-python.ts'
import { until } from './until.ts'

/** A real Scrapyd 1.6 over the folder of a project, to compare with. */
export class StockScrapyd {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
  }

  /** Starts it in `folder`, which holds the project's `scrapy.cfg`; `scrapyd.conf` is written there. */
  static async start(folder: string, options: Readonly<Record<string, string | number>> = {}): Promise<StockScrapyd> {
    const port = await freePort('127.0.0.1', 26_800 + (process.pid % 1_000))
    const lines = Object.entries({ http_port: port, ...options }).map(([name, value]) => `${name} = ${value}`)
    writeFileSync(join(folder, 'scrapyd.conf'), `[scrapyd]\n${lines.join('\n')}\n`)
    const child = spawn(peersPython(), ['-m', 'scrapyd', '--pidfile='], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said += String(chunk)))
    const scrapyd = new StockScrapyd(`http://127.0.0.1:${port}`, child)
    try {
      await until('Scrapyd answers', async () => {
        if (child.exitCode !== null) throw new Error(`Scrapyd ended: ${said}`)
        return (await fetch(`${scrapyd.url}/daemonstatus.json`)).ok
      })
    } catch (error) {
      await scrapyd.stop()
      throw error
    }
    return scrapyd
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}
