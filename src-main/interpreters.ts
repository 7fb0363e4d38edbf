import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'

const run = promisify(execFile)
const LIMIT_MS = 20_000

/** A Python as it told of itself. */
export interface Interpreter {
  readonly path: string
  readonly version: string
  /** null: Scrapy is not installed for it. */
  readonly scrapy: string | null
}

const answer = z.object({ version: z.string(), scrapy: z.string().nullable() })

const QUESTION = `
import json, sys
try:
    from importlib.metadata import version
    scrapy = version("scrapy")
except Exception:
    scrapy = None
print(json.dumps({"version": "%d.%d.%d" % sys.version_info[:3], "scrapy": scrapy}))
`

/** Asks a Python for its version and Scrapy's; null when it does not answer like one. */
export async function askInterpreter(path: string): Promise<Interpreter | null> {
  try {
    // -I: no variable or folder of ours decides what it imports.
    const { stdout } = await run(path, ['-I', '-c', QUESTION], { timeout: LIMIT_MS })
    return { path, ...answer.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? '')) }
  } catch {
    // Not there, not Python 3, or broken: as good as none. The next one is asked.
    return null
  }
}

/**
 * Pythons that may be there, the wanted one first. Apps that are started from a desktop do not get the PATH of a shell, so
 * the usual places are looked at as well.
 */
export function candidates(env: NodeJS.ProcessEnv, home: string): string[] {
  const folders = [
    ...(env['PATH'] ?? '').split(delimiter),
    join(home, '.local/bin'),
    join(home, '.pyenv/shims'),
    '/opt/homebrew/bin',
    '/usr/local/bin',
    '/usr/bin',
  ]
  const wanted = env['SCRAPYD_SERVICE_PYTHON']
  const found = folders
    .filter((folder) => folder !== '')
    .flatMap((folder) => [join(folder, 'python3'), join(folder, 'python')])
  return [...new Set([...(wanted === undefined ? [] : [wanted]), ...found.filter(isExecutable)])]
}

/** The first Python that has Scrapy; else the first Python; else null. */
export async function findInterpreter(paths: readonly string[]): Promise<Interpreter | null> {
  let first: Interpreter | null = null
  for (const path of paths) {
    const found = await askInterpreter(path)
    if (found?.scrapy != null) return found
    first ??= found
  }
  return first
}

/** A project's own virtual environment, as the daemon prefers it too. */
export function ownPython(projectDir: string): string | null {
  return ['.venv', 'venv'].map((name) => join(projectDir, name, 'bin', 'python')).find(isExecutable) ?? null
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
