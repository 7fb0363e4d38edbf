import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../scripts/lib/free-port.ts'
import { peersPython } from './setup-python.ts'
import { until } from './until.ts'

/** A Scrapyd as ScrapydWeb is told of it. */
export interface WatchedServer {
  readonly url: string
  readonly username: string
  readonly password: string
}

/** A real ScrapydWeb 1.6 that watches servers. */
export class ScrapydWeb {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
  }

  /** Starts it with its data in `folder`. */
  static async start(folder: string, servers: readonly WatchedServer[]): Promise<ScrapydWeb> {
    mkdirSync(folder, { recursive: true })
    const port = await freePort('127.0.0.1', 27_800 + (process.pid % 1_000))
    const tuples = servers.map(({ url, username, password }) => {
      const { hostname, port } = new URL(url)
      return `(${[username, password, hostname, port, ''].map((word) => JSON.stringify(word)).join(', ')})`
    })
    const settings = [
      "SCRAPYDWEB_BIND = '127.0.0.1'",
      `SCRAPYDWEB_PORT = ${port}`,
      `SCRAPYD_SERVERS = [${tuples.join(', ')}]`,
      `DATA_PATH = ${JSON.stringify(join(folder, 'data'))}`,
    ]
    writeFileSync(join(folder, 'scrapydweb_settings_v11.py'), `${settings.join('\n')}\n`)
    const child = spawn(peersPython(), ['-m', 'scrapydweb.run'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (said += String(chunk)))
    const web = new ScrapydWeb(`http://127.0.0.1:${port}`, child)
    try {
      await until('ScrapydWeb answers', async () => {
        if (child.exitCode !== null) throw new Error(`ScrapydWeb ended: ${said.slice(-4_000)}`)
        return (await fetch(`${web.url}/1/api/daemonstatus/`)).ok
      })
    } catch (error) {
      await web.stop()
      throw error
    }
    return web
  }

  async page(path: string, form?: Readonly<Record<string, string>>): Promise<string> {
    const answer = await fetch(
      this.url + path,
      form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) },
    )
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text.slice(0, 2_000)}`)
    return text
  }

  async json(path: string, form?: Readonly<Record<string, string>>): Promise<unknown> {
    return JSON.parse(await this.page(path, form)) as unknown
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGKILL')
    await once(this.#child, 'exit')
  }
}
