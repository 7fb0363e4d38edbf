import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { root } from './root.ts'

const LIMIT_MS = 90_000

/** A packed daemon that runs. */
export interface PackedDaemon {
  /** Asks a web service; rejects with what the daemon said when that is no success. */
  ask(path: string, form?: Record<string, string>): Promise<Record<string, unknown>>
  /** Waits for a condition; rejects with what the daemon said when that is in vain. */
  until<T>(what: string, ask: () => T | Promise<T>): Promise<NonNullable<T>>
  /** Asks it to end, and resolves once it has. */
  stop(): Promise<void>
}

/** Starts a packed daemon as its user would, with the example project, and resolves once it listens. Its data are in `folder`. */
export async function startPacked(program: readonly string[], folder: string, python: string): Promise<PackedDaemon> {
  mkdirSync(folder, { recursive: true })
  const config = join(folder, 'scrapyd_service.conf')
  const lines = [
    '[cluster]',
    'identity = master',
    'node_name = packed',
    '[projects]',
    `newspapers = ${join(root, 'examples/newspapers')}`,
    '[scrapyd]',
    'http_port = 0',
    `python = ${python}`,
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  const [command = '', ...args] = program
  const daemon = spawn(command, [...args, '--config', config], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  daemon.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  daemon.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const exit = once(daemon, 'exit')
  const stop = async () => {
    daemon.kill('SIGTERM')
    await exit
  }
  const until = async <T>(what: string, ask: () => T | Promise<T>): Promise<NonNullable<T>> => {
    const deadline = performance.now() + LIMIT_MS
    while (performance.now() < deadline && daemon.exitCode === null) {
      const found = await ask()
      if (found != null && found !== false) return found
      await delay(50)
    }
    throw new Error(`waited in vain until ${what}; the daemon said:\n${said}`)
  }
  try {
    const url = await until('it listens', () => /^Listening on (\S+)$/m.exec(said)?.[1])
    const ask = async (path: string, form?: Record<string, string>) => {
      const init = form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }
      const answer = (await (await fetch(url + path, init)).json()) as Record<string, unknown>
      if (answer['status'] !== 'ok') throw new Error(`${path}: ${JSON.stringify(answer)}; the daemon said:\n${said}`)
      return answer
    }
    return { ask, until, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Starts a packed daemon, has it run a spider of the example project, and stops it. Resolves to the job as `status.json`
 * tells it; rejects with what the daemon said when something else happens.
 */
export async function runSpiderWith(
  program: readonly string[],
  folder: string,
  python: string,
): Promise<Record<string, unknown>> {
  const { ask, until, stop } = await startPacked(program, folder, python)
  try {
    const { jobid } = await ask('/schedule.json', { project: 'newspapers', spider: 'harbour_times' })
    return await until('the spider has ended', async () => {
      const job = await ask(`/status.json?job=${String(jobid)}`)
      return job['currstate'] === 'finished' ? job : null
    })
  } finally {
    await stop()
  }
}
