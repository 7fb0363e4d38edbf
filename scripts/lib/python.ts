import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'

/** An interpreter that can import Scrapy. */
export interface ScrapyPython {
  readonly python: string
  readonly scrapyVersion: string
}

/** The oldest Scrapy that the runner supports. */
const oldestScrapy = [2, 8] as const

/** What an interpreter answers, or null when it is missing or fails. */
export function askPython(python: string, code: string): string | null {
  try {
    return execFileSync(python, ['-c', code], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return null // not there, or not able to
  }
}

function scrapyVersionOf(python: string): string | null {
  const version = askPython(python, 'import scrapy; print(scrapy.__version__)')
  if (version === null) return null
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldestMajor, oldestMinor] = oldestScrapy
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor) ? version : null
}

/** Where pip puts Scrapy when no interpreter has it. */
export const venvDir = join(root, '.venv')

/** The interpreters that may serve as a base or may have Scrapy already; Debian's own is often not first in PATH. */
export const basePythons = ['python3', '/usr/bin/python3'] as const

/** The first interpreter that has Scrapy: `SCRAPYD_SERVICE_PYTHON` alone where it is set, else `.venv`, else the machine's. */
export function findScrapyPython(): ScrapyPython | null {
  const chosen = process.env['SCRAPYD_SERVICE_PYTHON']
  const candidates = chosen ? [chosen] : [join(venvDir, 'bin/python'), ...basePythons]
  for (const python of candidates) {
    if (python.includes('/') && !existsSync(python)) continue
    const scrapyVersion = scrapyVersionOf(python)
    if (scrapyVersion === null) continue
    // A shim (pyenv) costs time at every start and depends on the working directory: use what stands behind it.
    const executable = askPython(python, 'import sys; print(sys.executable)')
    return { python: executable || python, scrapyVersion }
  }
  return null
}
