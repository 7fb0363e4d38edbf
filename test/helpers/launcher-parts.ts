import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Launcher, type LauncherParts } from '../../src-daemon/jobs/launcher.ts'
import { Rates } from '../../src-daemon/jobs/rates.ts'
import type { JobRequest } from '../../src-daemon/jobs/ledger.ts'
import { jobRequest, keepingLog, openLedger } from './ledger-parts.ts'
import { ScriptedRunner, type ScriptedRun } from './scripted-runner.ts'

/** The code of every project in these tests. */
export const SOME_CODE = {
  projectDir: '/projects/news',
  settingsModule: 'news.settings',
  python: 'python3',
  spiderModule: null,
  codeVersion: 'abc',
  version: 'abc',
} as const

export type LauncherTestParts = ReturnType<typeof openLauncher>

/** A launcher with a scripted runner over a real ledger. */
export function openLauncher(
  options: Partial<LauncherParts> & { readonly dir?: string; readonly nodeName?: string } = {},
) {
  const { dir, nodeName = 'n1', ...rest } = options
  const parts = openLedger(dir === undefined ? { nodeName } : { dir, nodeName })
  const runner = new ScriptedRunner()
  const log = keepingLog()
  const rates = new Rates()
  const folders = {
    logsDir: join(parts.dir, 'logs'),
    itemsDir: null,
    jobsDir: null,
    runsDir: join(parts.dir, 'runs'),
  }
  const launcher = new Launcher({
    ...parts,
    runner,
    rates,
    folders,
    findCode: () => Promise.resolve(SOME_CODE),
    log,
    nodeName,
    maxProc: 2,
    cancelTimeoutMs: 10_000,
    runnerModule: null,
    warm: () => 'off',
    onStats: () => {},
    ...rest,
  })
  onTestFinished(() => launcher.stop())

  /** Schedules a job; resolves to its key. */
  const schedule = async (request: Partial<JobRequest> = {}) => (await parts.ledger.schedule(jobRequest(request))).key
  /** Schedules and launches a job; resolves to its key and its run. */
  const launch = async (request: Partial<JobRequest> = {}): Promise<{ key: string; run: ScriptedRun }> => {
    const key = await schedule(request)
    await launcher.launch(key, request.project ?? 'news')
    return { key, run: await runner.run(key) }
  }
  return { ...parts, runner, log, rates, folders, launcher, schedule, launch }
}
