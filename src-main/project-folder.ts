import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isSafeName } from '../src-daemon/api/contract/values.ts'
import { askInterpreter, ownPython, type Interpreter } from './interpreters.ts'
import type { ProjectFolder } from './ipc-contract.ts'

const CFG = 'scrapy.cfg'
/** As the daemon looks for it: in the folder, and within two levels up or down. */
const LEVELS = 2

/**
 * Looks at a folder that was chosen or dropped: is it a project, and can its spiders run? `fallback` is asked for the Python
 * of a project that has none of its own.
 */
export async function inspectFolder(
  dropped: string,
  fallback: () => Promise<Interpreter | null>,
): Promise<ProjectFolder> {
  const path = folderOf(dropped)
  const nothing = {
    projectDir: null,
    settings: null,
    python: null,
    pythonVersion: null,
    scrapyVersion: null,
    remedy: null,
  }
  if (path === null) return { path: dropped, name: basename(dropped), ...nothing, problem: 'no-folder' }
  const projectDir = findProject(path)
  if (projectDir === null) return { path, name: projectName(path, ''), ...nothing, problem: 'no-scrapy-cfg' }
  const cfg = readFileSync(join(projectDir, CFG), 'utf8')
  const own = ownPython(projectDir)
  const python = own === null ? await fallback() : await askInterpreter(own)
  return {
    path,
    name: projectName(projectDir, cfg),
    projectDir,
    settings: option(cfg, 'settings', 'default'),
    python: python?.path ?? own,
    pythonVersion: python?.version ?? null,
    scrapyVersion: python?.scrapy ?? null,
    ...judge(projectDir, python),
  }
}

function judge(projectDir: string, python: Interpreter | null): Pick<ProjectFolder, 'problem' | 'remedy'> {
  if (python === null) return { problem: 'no-python', remedy: pythonRemedy(process.platform) }
  if (python.scrapy === null) return { problem: 'no-scrapy', remedy: scrapyRemedy(projectDir, python) }
  return { problem: null, remedy: null }
}

/** How to get a Python. */
export function pythonRemedy(platform: NodeJS.Platform): string {
  return platform === 'darwin' ? 'brew install python' : 'sudo apt-get install python3 python3-venv'
}

/** How to get Scrapy: into the project's own environment, which the daemon then takes by itself. */
export function scrapyRemedy(projectDir: string, python: Interpreter): string {
  const hasList = existsSync(join(projectDir, 'requirements.txt'))
  const own = ownPython(projectDir)
  const folder = own === null ? join(projectDir, '.venv') : dirname(dirname(own))
  const install = `${quote(join(folder, 'bin/python'))} -m pip install scrapy${hasList ? ` -r ${quote(join(projectDir, 'requirements.txt'))}` : ''}`
  return own === null ? `${quote(python.path)} -m venv ${quote(folder)} && ${install}` : install
}

/** A word for a shell that somebody pastes it into. */
function quote(word: string): string {
  return /^[\w./@:+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}

/** The folder itself; of a file (a dropped scrapy.cfg) the one that it lies in. */
function folderOf(path: string): string | null {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) return null
  return found.isDirectory() ? path : dirname(path)
}

function findProject(folder: string): string | null {
  if (existsSync(join(folder, CFG))) return folder
  return above(folder) ?? below(folder)
}

function above(folder: string): string | null {
  let current = folder
  for (let level = 0; level < LEVELS; level += 1) {
    current = dirname(current)
    if (existsSync(join(current, CFG))) return current
  }
  return null
}

function below(folder: string): string | null {
  let level = [folder]
  for (let depth = 0; depth < LEVELS; depth += 1) {
    level = level.flatMap(foldersIn)
    const found = level.find((one) => existsSync(join(one, CFG)))
    if (found !== undefined) return found
  }
  return null
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map(({ name }) => join(folder, name))
  } catch {
    // Not for us to read: no project there.
    return []
  }
}

/** The name in `[deploy]`, else that of the folder, made usable. */
function projectName(folder: string, cfg: string): string {
  const given = option(cfg, 'deploy', 'project')
  if (given !== null && isSafeName(given)) return given
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is taken out
  const name = basename(folder).replaceAll(/[/\\\u0000-\u001f\u007f]/g, '_')
  return isSafeName(name) ? name : 'project'
}

function option(cfg: string, section: string, name: string): string | null {
  let current = ''
  for (const line of cfg.split(/\r?\n/)) {
    const head = /^\[(.+)\]/.exec(line)?.[1]
    if (head !== undefined) current = head
    const value = new RegExp(`^${name}\\s*[=:]\\s*(.+?)\\s*$`).exec(line)?.[1]
    if (value !== undefined && current === section) return value
  }
  return null
}
