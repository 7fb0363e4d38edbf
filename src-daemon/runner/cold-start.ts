import { spawn } from 'node:child_process'
import { closeSync, openSync, statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { z } from 'zod'
import { reasonText } from '../api/contract/reasons.ts'
import { outputTail } from './output-tail.ts'
import { PYTHON_ENTRY } from './python-package.ts'
import type { RunFolder } from './run-folder.ts'

/** What became of an order to start a run. `lost`: another process has claimed it, and runs it. */
export type Launch =
  | { readonly became: 'started' }
  | { readonly became: 'lost' }
  | { readonly became: 'unstartable'; readonly reason: string }

/** One line of the runner, on its way to the record. */
export const reportSchema = z.union([
  z.object({ start: z.object({ pid: z.number() }) }),
  z.object({ lost: z.literal(true) }),
  z.object({ problem: z.string() }),
])

/** How long an interpreter may take until the spider's process exists. */
const START_TIMEOUT_MS = 120_000

/** Starts an interpreter of its own for one run, and resolves as soon as it is known whether the spider will run. */
export function coldStart(order: {
  readonly python: string
  readonly folder: RunFolder
  readonly projectDir: string
  readonly environment: Record<string, string>
}): Promise<Launch> {
  const { python, folder, projectDir, environment } = order
  return new Promise((resolve) => {
    let output: number
    try {
      output = openSync(folder.outputPath, 'a', 0o600)
    } catch (error) {
      resolve({ became: 'unstartable', reason: reasonText('noOutput', { detail: messageOf(error) }) })
      return
    }
    // Detached: Ctrl-C in the daemon's terminal is not meant for spiders.
    const child = spawn(python, [PYTHON_ENTRY, 'crawl', folder.path], {
      cwd: projectDir,
      env: environment,
      stdio: ['ignore', output, output, 'pipe'],
      detached: true,
    })
    closeSync(output)
    const reports = child.stdio[3] as Socket | null
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS)
    let text = ''
    const settle = (launch: Launch) => {
      clearTimeout(timer)
      reports?.destroy()
      child.unref()
      resolve(launch)
    }
    child.once('error', (error) => {
      settle({ became: 'unstartable', reason: spawnReason(error, python, projectDir) })
    })
    reports?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      const launch = launchOf(text)
      if (launch !== null) settle(launch)
    })
    reports?.once('error', () => {})
    // Reports come before the end, so by now there are none.
    child.once('close', (code, signal) => {
      if (folder.readStart() !== null) return settle({ became: 'started' })
      const said = outputTail(folder.outputPath)
      settle({ became: 'unstartable', reason: endReason(python, code, signal, said) })
    })
  })
}

/** How an interpreter ended before the spider was started. */
function endReason(python: string, code: number | null, signal: string | null, said: string | null): string {
  if (code !== null)
    return said === null
      ? reasonText('pythonEnded', { python, code })
      : reasonText('pythonEndedWith', { python, code, detail: said })
  const ended = { python, signal: String(signal) }
  return said === null ? reasonText('pythonKilled', ended) : reasonText('pythonKilledWith', { ...ended, detail: said })
}

/** What a report says, once it is complete. */
export function launchOf(text: string): Launch | null {
  const end = text.indexOf('\n')
  if (end === -1) return null
  const report = reportSchema.parse(JSON.parse(text.slice(0, end)))
  if ('start' in report) return { became: 'started' }
  if ('lost' in report) return { became: 'lost' }
  return { became: 'unstartable', reason: report.problem }
}

/** Why an interpreter could not be started at all, and what to do about it. */
export function spawnReason(error: Error, python: string, cwd: string): string {
  const code = (error as NodeJS.ErrnoException).code
  if (statSync(cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    return reasonText('noFolder', { path: cwd })
  }
  if (code === 'ENOENT') return reasonText('noPython', { python })
  if (code === 'EACCES') return reasonText('pythonDenied', { python })
  return reasonText('pythonFailed', { python, detail: error.message })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
