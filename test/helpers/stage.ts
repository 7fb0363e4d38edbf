import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JobDetail } from '../../src-daemon/api/contract/values.ts'
import { DaemonProcess, type DaemonOptions } from './daemon-process.ts'
import { livesProject, Workshop } from './projects.ts'
import { recordOf } from './runs.ts'
import { until } from './until.ts'

/** A running spider that has said where it stands. */
export interface Started {
  readonly id: string
  readonly key: string
  readonly pid: number
  /** The lines that it has written to `target` so far. */
  readonly told: readonly string[]
  readonly target: string
}

/** One daemon with the project `lives`, a workshop beside it, and what tests do with its spiders. */
export class Stage {
  readonly workshop = new Workshop()
  #daemon: DaemonProcess | null = null

  get daemon(): DaemonProcess {
    if (this.#daemon === null) throw new Error('the daemon was not started')
    return this.#daemon
  }

  async open(options: DaemonOptions = {}): Promise<void> {
    this.#daemon = await DaemonProcess.start({ ...options, projects: { lives: livesProject, ...options.projects } })
  }

  async close(): Promise<void> {
    await this.#daemon?.remove()
    this.workshop.remove()
  }

  /** Runs a spider to its end. */
  async run(spider: string, more: Record<string, string> = {}): Promise<JobDetail> {
    return this.daemon.ended(await this.daemon.schedule('lives', spider, more))
  }

  /** Starts a spider that goes on, and waits until it has written so many lines. */
  async started(spider: string, more: Record<string, string> = {}, lines = 1): Promise<Started> {
    const target = this.workshop.path('told')
    const id = await this.daemon.schedule('lives', spider, { target, ...more })
    const told = await until(`${spider} tells that it has begun`, async () => {
      const found = existsSync(target) ? readFileSync(target, 'utf8').split('\n').slice(0, -1) : []
      if (found.length >= lines) return found
      throw new Error(JSON.stringify({ found, ...(await this.#whatIsKnownOf(id)) }))
    })
    const { key, pid } = await this.daemon.running(id)
    if (pid === null) throw new Error('a job without a pid runs')
    return { id, key, pid, told, target }
  }

  /** What a look at a job that does not go on needs: the states of all who are concerned with its start. */
  async #whatIsKnownOf(id: string): Promise<object> {
    const { key, project, spider, state, pid, attempt, reason, runner, runner_note, output_tail } =
      await this.daemon.job(id)
    const record = recordOf(join(this.daemon.dbsDir, 'runs', `${key}.${attempt}`), 'start')
    const supervisor = Number(record?.['supervisorPid'])
    return {
      job: { state, pid, attempt, reason, runner, runner_note, output_tail },
      record,
      spider: processText(pid),
      supervisor: processText(Number.isNaN(supervisor) ? null : supervisor),
      log: tailOf(join(this.daemon.logsDir, project, spider, `${id}.log`)),
      daemon: this.daemon.logs.slice(-3_000),
    }
  }

  /** `cancel.json`; resolves to the state before. */
  async cancel(job: string, more: Record<string, string> = {}): Promise<unknown> {
    const answer = await this.daemon.client.webservice('cancel', { project: 'lives', job, ...more })
    return answer['prevstate']
  }

  pause(): Promise<unknown> {
    return this.daemon.client.call('pauseNode', { body: { note: null } })
  }

  resume(): Promise<unknown> {
    return this.daemon.client.call('resumeNode')
  }
}

function tailOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').slice(-3_000)
  } catch {
    return null
  }
}

function processText(pid: number | null): string | null {
  return pid === null ? null : `${tailOf(`/proc/${pid}/stat`)} waits in ${tailOf(`/proc/${pid}/wchan`)}`
}
