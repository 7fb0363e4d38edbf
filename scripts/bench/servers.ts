import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../lib/free-port.ts'

const DAEMON = fileURLToPath(new URL('../../src-daemon/dist/index.js', import.meta.url))

/** A server that is measured. */
export interface Server {
  readonly url: string
  readonly pid: number
  readonly folder: string
  /** From the spawn of the process to its first answer. */
  readonly startMs: number
  stop(): Promise<void>
}

/** Options of `[scrapyd]`, by name. */
export type Options = Readonly<Record<string, string | number>>

/**
 * Starts our daemon, as it is published, on a project folder. `cluster` are options of `[cluster]`, `env` is put to its
 * environment.
 */
export async function startOurs(
  folder: string,
  project: string,
  options: Options,
  cluster: Options = { identity: 'slave', node_name: 'bench' },
  env: NodeJS.ProcessEnv = {},
): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  const python = process.env['SCRAPYD_SERVICE_PEERS_PYTHON'] ?? 'python3'
  const port = await freePort('127.0.0.1', 17_000)
  const file = join(folder, 'scrapyd_service.conf')
  const section = (name: string, values: Options) =>
    `[${name}]\n${Object.entries(values)
      .map(([key, value]) => `${key} = ${value}`)
      .join('\n')}\n`
  writeFileSync(
    file,
    section('cluster', cluster) +
      section('projects', { bench: project }) +
      section('scrapyd', { http_port: port, python, ...options }),
  )
  // As bin/scrapyd-service.mjs does it in the published package.
  const program = `import { enableCompileCache } from 'node:module'; enableCompileCache();
const { main } = await import(${JSON.stringify(DAEMON)}); await main(process.argv.slice(1))`
  return start(folder, port, () =>
    spawn(process.execPath, ['--max-semi-space-size=8', '--input-type=module', '-e', program, '--', '--config', file], {
      ...stdio(folder),
      env: { ...process.env, ...env },
    }),
  )
}

/** Starts stock Scrapyd on the same project folder. */
export async function startStock(folder: string, project: string, options: Options): Promise<Server> {
  mkdirSync(folder, { recursive: true })
  const python = process.env['SCRAPYD_SERVICE_PEERS_PYTHON'] ?? 'python3'
  const port = await freePort('127.0.0.1', 17_000)
  const places = { logs_dir: join(folder, 'logs'), dbs_dir: join(folder, 'dbs'), eggs_dir: join(folder, 'eggs') }
  const lines = Object.entries({ http_port: port, ...places, ...options }).map(([key, value]) => `${key} = ${value}`)
  // Scrapyd reads scrapyd.conf of its working directory, which must be the project's for its scrapy.cfg.
  writeFileSync(join(project, 'scrapyd.conf'), `[scrapyd]\n${lines.join('\n')}\n`)
  return start(folder, port, () =>
    spawn(python, ['-m', 'scrapyd'], { ...stdio(folder), cwd: project, env: { ...process.env, PYTHONPATH: project } }),
  )
}

function stdio(folder: string) {
  const log = openSync(join(folder, 'server.log'), 'a')
  return { stdio: ['ignore', log, log] as ['ignore', number, number] }
}

async function start(folder: string, port: number, launch: () => ChildProcess): Promise<Server> {
  const begun = performance.now()
  const child = launch()
  const url = `http://127.0.0.1:${port}`
  for (;;) {
    if (child.exitCode !== null) {
      throw new Error(`the server ended at once:\n${readFileSync(join(folder, 'server.log'), 'utf8')}`)
    }
    const answer = await fetch(`${url}/daemonstatus.json`).catch(() => null)
    if (answer?.ok === true) break
    await delay(2)
  }
  return {
    url,
    pid: child.pid ?? 0,
    folder,
    startMs: performance.now() - begun,
    async stop() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}
