import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { reasonText } from '../api/contract/reasons.ts'
import { RunnerError } from '../errors.ts'
import { spawnReason } from './cold-start.ts'
import { projectEnvironment, TOKEN_VARIABLE } from './job-environment.ts'
import { killTree } from './kill-tree.ts'
import { lastLines } from './output-tail.ts'
import { PYTHON_ENTRY } from './python-package.ts'
import type { SpiderListing } from './run.ts'

/** What a project is listed with. */
export interface ListSpidersOptions {
  readonly python: string
  /** The folder of `scrapy.cfg`. */
  readonly projectDir: string
  readonly settingsModule: string
  readonly project: string
  /** For the whole list; 60 seconds unless told. One module may take a third of it. */
  readonly timeoutMs?: number
  /** Of address space; 4 GiB unless told. (Address space, so libraries that only reserve it need room.) */
  readonly memoryLimitBytes?: number
  /** The daemon's environment; `process.env` unless told. */
  readonly env?: NodeJS.ProcessEnv
}

const TIMEOUT_MS = 60_000
const MEMORY_LIMIT_BYTES = 4 * 1024 ** 3
/** How many modules may end the whole interpreter before listing is given up. */
const MAX_DEATHS = 5
const MAX_PRINTED = 64 * 1024
const PIPE_MS = 1_000

const listingSchema = z.object({
  spiders: z.array(z.object({ name: z.string(), module: z.string() })),
  errors: z.array(z.object({ module: z.string(), traceback: z.string() })),
  files: z.array(z.string()),
  folders: z.array(z.string()),
  ownLoader: z.boolean(),
  scrapyVersion: z.string(),
  pythonVersion: z.string(),
})

const lineSchema = z.union([
  z.object({ importing: z.string() }),
  z.object({ listing: listingSchema }),
  z.object({ failed: z.string() }),
])

/** How Python ended before it had answered, and the last that it printed. */
interface Death {
  /** null: by a signal. */
  readonly code: number | null
  readonly signal: string | null
  readonly printed: string | null
}

/** How one attempt at a list ended: with an answer, or in the middle of a module. */
type Attempt =
  | { readonly ended: 'listing'; readonly listing: SpiderListing }
  | { readonly ended: 'failed'; readonly reason: string }
  | ({ readonly ended: 'died'; readonly module: string | null } & Death)
  | { readonly ended: 'timeout'; readonly module: string | null }

/**
 * The spiders of a project, found by importing its modules one by one in a process of their own. A module that raises,
 * hangs or ends the process is reported beside the others. Throws a `RunnerError`, ending with Python's traceback, when
 * the project itself (its settings, its loader, its interpreter) cannot be loaded.
 */
export async function listSpiders(options: ListSpidersOptions): Promise<SpiderListing> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const deadline = performance.now() + timeoutMs
  const skip: Record<string, string> = {}
  for (let deaths = 0; ; deaths += 1) {
    const attempt = await listOnce(options, skip, timeoutMs, deadline - performance.now())
    switch (attempt.ended) {
      case 'listing':
        return attempt.listing
      case 'failed':
        throw new RunnerError(reasonText('notListed', { project: options.project, detail: attempt.reason }))
      case 'timeout':
        throw new RunnerError(timeoutReason(options.project, timeoutMs / 1000, attempt.module))
      case 'died': {
        if (attempt.module === null || attempt.module in skip || deaths >= MAX_DEATHS) {
          throw new RunnerError(listDeath(options.project, attempt))
        }
        skip[attempt.module] = importDeath(attempt.module, attempt)
      }
    }
  }
}

async function listOnce(
  options: ListSpidersOptions,
  skip: Readonly<Record<string, string>>,
  timeoutMs: number,
  leftMs: number,
): Promise<Attempt> {
  const { python, projectDir, settingsModule, project } = options
  const token = randomUUID()
  const request = {
    memoryLimit: options.memoryLimitBytes ?? MEMORY_LIMIT_BYTES,
    moduleSeconds: timeoutMs / 3000,
    skip,
  }
  const child = spawn(python, [PYTHON_ENTRY, 'list', projectDir, JSON.stringify(request)], {
    cwd: projectDir,
    env: { ...projectEnvironment(options.env ?? process.env, project, settingsModule), [TOKEN_VARIABLE]: token },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  })
  let answer = ''
  let printed = ''
  let isLate = false
  const keep = (chunk: Buffer) => {
    printed = (printed + chunk.toString('utf8')).slice(-MAX_PRINTED)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const results = child.stdio[3] as Readable
  results.setEncoding('utf8')
  results.on('data', (chunk: string) => {
    answer += chunk
  })
  const closed = once(child, 'close').catch(() => {})
  const late = () => {
    isLate = true
    child.kill('SIGKILL')
  }
  const timer = setTimeout(late, Math.max(leftMs, 0))
  let code: number | null
  let signal: NodeJS.Signals | null
  try {
    // Not `close`: a process that a module left behind may hold the pipes.
    ;[code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  } catch (error) {
    return { ended: 'failed', reason: spawnReason(error as Error, python, projectDir) }
  } finally {
    clearTimeout(timer)
  }
  // Once everything is dead that may hold the pipes, what is in them can be read to its end.
  await killTree(token, [], null)
  await Promise.race([closed, delay(PIPE_MS)])
  for (const stream of [child.stdout, child.stderr, results]) stream?.destroy()
  const { module, end } = readAnswer(answer)
  if (end !== null) return end
  if (isLate) return { ended: 'timeout', module }
  return { ended: 'died', module, code, signal, printed: lastLines(printed) }
}

function timeoutReason(project: string, seconds: number, module: string | null): string {
  return module === null
    ? reasonText('listTimeout', { project, seconds })
    : reasonText('listTimeoutAt', { project, seconds, module })
}

function listDeath(project: string, { code, signal, printed }: Death): string {
  if (code !== null) {
    if (printed === null) return reasonText('listEnded', { project, code })
    return reasonText('listEndedWith', { project, code, printed })
  }
  const killed = { project, signal: String(signal) }
  return printed === null ? reasonText('listKilled', killed) : reasonText('listKilledWith', { ...killed, printed })
}

function importDeath(module: string, { code, signal, printed }: Death): string {
  if (code !== null) {
    if (printed === null) return reasonText('importEnded', { module, code })
    return reasonText('importEndedWith', { module, code, printed })
  }
  const killed = { module, signal: String(signal) }
  return printed === null ? reasonText('importKilled', killed) : reasonText('importKilledWith', { ...killed, printed })
}

function readAnswer(answer: string): { module: string | null; end: Attempt | null } {
  let module: string | null = null
  for (const text of answer.split('\n').slice(0, -1)) {
    const line = lineSchema.parse(JSON.parse(text))
    if ('listing' in line) return { module, end: { ended: 'listing', listing: line.listing } }
    if ('failed' in line) return { module, end: { ended: 'failed', reason: line.failed.trimEnd() } }
    module = line.importing
  }
  return { module, end: null }
}
