import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { RunnerError } from '../errors.ts'
import { spawnReason } from './cold-start.ts'
import { PYTHON_ENTRY } from './python-package.ts'

const run = promisify(execFile)

const PROBE_TIMEOUT_MS = 30_000

/** An interpreter that can run spiders. */
export interface PythonProbe {
  readonly executable: string
  readonly pythonVersion: string
  readonly scrapyVersion: string
}

/**
 * The interpreter of a project: the configured one, else the project's own virtual environment (`.venv` or `venv` in
 * the folder of its `scrapy.cfg`), else `fallback`. A command name stays a command name.
 */
export function findPython(projectDir: string, configured: string | null, fallback: string): string {
  if (configured !== null) return configured
  const own = ['.venv', 'venv'].map((name) => join(projectDir, name, 'bin', 'python')).find(isExecutable)
  return own ?? fallback
}

const probes = new Map<string, Promise<PythonProbe>>()

/**
 * Asks an interpreter for its version and Scrapy's; asked once, until the file changes.
 * Throws a `RunnerError` that says what to do when it cannot run spiders.
 */
export function probePython(python: string, environment: NodeJS.ProcessEnv = process.env): Promise<PythonProbe> {
  const key = identityOf(python, environment)
  if (key === null) return probe(python, environment)
  let known = probes.get(key)
  if (known === undefined) {
    known = probe(python, environment)
    probes.set(key, known)
    // What failed may have been set right the next time: Scrapy installed, a package repaired.
    known.catch(() => probes.delete(key))
  }
  return known
}

/** The file behind an interpreter's name with its time; null when there is none. */
export function identityOf(python: string, environment: NodeJS.ProcessEnv): string | null {
  const folders = isAbsolute(python) ? [''] : (environment.PATH ?? '').split(delimiter)
  const file = folders.map((folder) => join(folder, python)).find(isExecutable)
  if (file === undefined) return null
  const { mtimeMs, ino } = statSync(file)
  return `${file}\0${ino}\0${mtimeMs}`
}

async function probe(python: string, environment: NodeJS.ProcessEnv): Promise<PythonProbe> {
  let answer: string
  try {
    const { stdout } = await run(python, [PYTHON_ENTRY, 'probe'], { env: environment, timeout: PROBE_TIMEOUT_MS })
    answer = stdout
  } catch (error) {
    throw new RunnerError(probeFailure(error as ProbeFailure, python), { cause: error })
  }
  const parsed = probeSchema.safeParse(lastJson(answer))
  if (!parsed.success) throw new RunnerError(`${python} does not answer like a Python interpreter: ${answer.trim()}`)
  const { python: pythonVersion, executable, scrapy } = parsed.data
  if (scrapy === null) {
    throw new RunnerError(
      `Scrapy is not installed for ${executable} (Python ${pythonVersion}); ` +
        `install it with: ${executable} -m pip install scrapy`,
    )
  }
  return { executable, pythonVersion, scrapyVersion: scrapy }
}

const probeSchema = z.object({ python: z.string(), executable: z.string(), scrapy: z.string().nullable() })

interface ProbeFailure extends Error {
  /** A string when it could not be started, a number when it ended with that status. */
  readonly code?: string | number | null
  readonly stderr?: string
  readonly killed?: boolean
}

function probeFailure(error: ProbeFailure, python: string): string {
  if (typeof error.code === 'string') return spawnReason(error, python, '/')
  if (error.killed === true) return `${python} did not answer within ${PROBE_TIMEOUT_MS / 1000} seconds`
  return `${python} cannot run spiders: ${error.stderr?.trim() || error.message}`
}

/** A start-up hook of the interpreter (sitecustomize) may print before. */
function lastJson(text: string): unknown {
  try {
    return JSON.parse(text.trim().split('\n').at(-1) ?? '')
  } catch {
    return null
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    // Not there, or not for us.
    return false
  }
}
