import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import type { EndRecord, RunObserver, RunSpec, StartRecord, StatsSnapshot } from '../../src-daemon/runner/run.ts'
import { SpiderRunner, type SpiderRunnerOptions } from '../../src-daemon/runner/spider-runner.ts'

/** A folder for one test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-runner-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A runner that says nothing. */
export function quietRunner(options: Partial<SpiderRunnerOptions> = {}): SpiderRunner {
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  return new SpiderRunner({ environment: process.env, log, ...options })
}

/** A run's order with what most tests leave alone. */
export function runSpec(
  given: Partial<RunSpec> & Pick<RunSpec, 'python' | 'projectDir' | 'spider' | 'runDir'>,
): RunSpec {
  return {
    key: 'a-key',
    attempt: 1,
    token: randomUUID(),
    jobId: 'a-job',
    project: 'a-project',
    nodeName: 'a-node',
    settingsModule: 'plain.settings',
    spiderModule: null,
    args: {},
    settings: {},
    itemsUri: null,
    runnerModule: null,
    warm: 'off',
    codeVersion: null,
    ...given,
  }
}

/** Keeps what a run reports, and lets a test wait for it. */
export class ObservedRun implements RunObserver {
  readonly events: string[] = []
  readonly snapshots: StatsSnapshot[] = []
  readonly #started = Promise.withResolvers<StartRecord>()
  readonly #ended = Promise.withResolvers<EndRecord>()

  started(record: StartRecord): void {
    this.events.push('started')
    this.#started.resolve(record)
  }

  stats(snapshot: StatsSnapshot): void {
    if (this.snapshots.length === 0) this.events.push('stats')
    this.snapshots.push(snapshot)
  }

  ended(record: EndRecord): void {
    this.events.push('ended')
    this.#ended.resolve(record)
  }

  get start(): Promise<StartRecord> {
    return this.#started.promise
  }

  get end(): Promise<EndRecord> {
    return this.#ended.promise
  }
}

/** The lines of a file that a spider writes, waited for. */
export async function linesOf(path: string, count: number): Promise<string[]> {
  return vi.waitFor(
    () => {
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []
      if (lines.length < count) throw new Error(`${path} has ${lines.length} lines, not ${count}`)
      return lines
    },
    { interval: 10 },
  )
}

/** The lines of a run's record (`records.py`). */
const RECORD_LINES = { claim: 0, end: 1, start: 2 } as const

/** What a run's record says; null where it says nothing yet. */
export function recordOf(runDir: string, what: keyof typeof RECORD_LINES): Record<string, unknown> | null {
  try {
    const line = readFileSync(join(runDir, 'record'), 'utf8').split('\n')[RECORD_LINES[what]]
    return JSON.parse(line ?? '') as Record<string, unknown>
  } catch {
    // Not claimed, not written to its end, or over and discarded.
    return null
  }
}

/** Rewrites a part of a run's record: some of its values, or the text as it is. */
export function changeRecord(runDir: string, what: keyof typeof RECORD_LINES, change: object | string): void {
  const path = join(runDir, 'record')
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : ['{}', '', '', '']
  const before = recordOf(runDir, what)
  lines[RECORD_LINES[what]] = typeof change === 'string' ? change : JSON.stringify({ ...before, ...change })
  writeFileSync(path, lines.join('\n'))
}

/** Whether a process exists and is not only waiting to be reaped. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Resolves once a process is gone. */
export async function waitForEnd(pid: number): Promise<void> {
  await vi.waitUntil(() => !isAlive(pid), { interval: 10 })
}
