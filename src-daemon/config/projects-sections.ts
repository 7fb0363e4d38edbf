import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { ConfigProblem } from '../errors.ts'
import { ConfigError } from '../errors.ts'
import type { ProjectConfig, SpiderModules, WarmRunner } from './config.ts'
import { nearestName } from './nearest-name.ts'
import { parseCommand, parseValue } from './option-value.ts'
import { continuation } from './option-values.ts'
import type { Assignment, Origin } from './origin.ts'
import { problemAt, warningAt } from './origin.ts'
import { projectNameProblem } from './project-name.ts'
import { findScrapyCfg, readSettingsModule, settingsEntries } from './scrapy-cfg.ts'

/** Projects or interpreters by name, with what was found on the way. */
export interface Named<T> {
  readonly values: ReadonlyMap<string, T>
  readonly origins: ReadonlyMap<string, Origin>
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly string[]
}

const WARM_RUNNER = ['on', 'off', 'auto'] as const satisfies readonly WarmRunner[]
const SPIDER_MODULES = ['own', 'all'] as const satisfies readonly SpiderModules[]
const TAKES = 'it takes a folder that holds scrapy.cfg, itself or within two levels up or down'

/** `[projects]`. Relative paths start from `codePath` (`local_crawler_code_path`), else from the file's folder. */
export function readProjects(assignments: readonly Assignment[], codePath: string | null): Named<ProjectConfig> {
  const found = emptyNamed<ProjectConfig>()
  for (const assignment of lastOf(assignments, 'projects')) {
    const { name, value, base } = assignment
    const path = resolve(codePath ?? base, value)
    const problem = projectNameProblem(name) ?? continuation(assignment)?.problem ?? null
    if (problem !== null) found.problems.push(problemAt(assignment, problem))
    else if (value === '') found.warnings.push(warningAt(assignment, 'has no path; the project is left out'))
    else {
      const folder = projectFolderProblem(path)
      if (folder !== null) found.problems.push(problemAt(assignment, `${folder}; ${TAKES}`))
      else found.warnings.push(...settingsWarnings(assignment, path))
      found.values.set(name, { name, path, source: 'config' })
      found.origins.set(name, assignment.origin)
    }
  }
  return found
}

/** What Scrapyd does where no `[projects]` is written: the projects of the `[settings]` of a `scrapy.cfg`. */
export function projectsOfScrapyCfg(cfgFile: string): Named<ProjectConfig> {
  const found = emptyNamed<ProjectConfig>()
  try {
    for (const { name, line } of settingsEntries(cfgFile)) {
      const origin = { kind: 'file', file: cfgFile, line } as const
      const problem = projectNameProblem(name)
      if (problem !== null) {
        found.problems.push({ source: cfgFile, line, option: `[settings] ${name}`, message: problem })
      } else {
        found.values.set(name, { name, path: dirname(cfgFile), source: 'scrapy.cfg' })
        found.origins.set(name, origin)
      }
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    found.problems.push(...error.problems)
  }
  return found
}

/** `[python]`: interpreters by project. They may be made later (by a pull), so a missing one is no more than a warning. */
export function readInterpreters(assignments: readonly Assignment[], projects: readonly string[]): Named<string> {
  const found = emptyNamed<string>()
  for (const assignment of lastOf(assignments, 'python')) {
    const { name, value, base } = assignment
    if (value === '') continue
    const problem = projectNameProblem(name) ?? continuation(assignment)?.problem ?? null
    const command = problem === null ? parseCommand(value, base) : { problem }
    if ('problem' in command) {
      found.problems.push(problemAt(assignment, command.problem))
      continue
    }
    const interpreter = interpreterProblem(command.value)
    if (interpreter?.isFatal === true) found.problems.push(problemAt(assignment, interpreter.text))
    else if (interpreter !== null) found.warnings.push(warningAt(assignment, interpreter.text))
    found.warnings.push(...strangerWarnings(assignment, projects))
    found.values.set(name, command.value)
    found.origins.set(name, assignment.origin)
  }
  return found
}

/** `[warm_runner]`: how spiders of single projects start. */
export function readWarmRunners(assignments: readonly Assignment[], projects: readonly string[]): Named<WarmRunner> {
  return readChoices(assignments, projects, 'warm_runner', WARM_RUNNER)
}

/** `[spider_modules]`: what the jobs of single projects import. */
export function readSpiderModules(
  assignments: readonly Assignment[],
  projects: readonly string[],
): Named<SpiderModules> {
  return readChoices(assignments, projects, 'spider_modules', SPIDER_MODULES)
}

function readChoices<T extends string>(
  assignments: readonly Assignment[],
  projects: readonly string[],
  section: string,
  choices: readonly T[],
): Named<T> {
  const found = emptyNamed<T>()
  for (const assignment of lastOf(assignments, section)) {
    const { name, value, base } = assignment
    if (value === '') continue
    const parsed = parseValue({ kind: 'choice', of: choices }, value, base)
    const wrong = 'problem' in parsed ? parsed.problem : null
    const problem = projectNameProblem(name) ?? continuation(assignment)?.problem ?? wrong
    if (problem !== null) {
      found.problems.push(problemAt(assignment, problem))
      continue
    }
    found.warnings.push(...strangerWarnings(assignment, projects))
    found.values.set(name, value.toLowerCase() as T)
    found.origins.set(name, assignment.origin)
  }
  return found
}

/** A project that nobody knows yet: it may be added at run time, or be a slip. */
function strangerWarnings(assignment: Assignment, projects: readonly string[]): readonly string[] {
  const { name } = assignment
  if (projects.includes(name)) return []
  const nearest = projects.length === 0 ? '' : `; the nearest known one is '${nearestName(name, projects)}'`
  return [warningAt(assignment, `there is no such project in [projects]${nearest}`)]
}

/** What is wrong with an interpreter that is given as a path; null for command names, which are looked up in PATH. */
export function interpreterProblem(command: string): { text: string; isFatal: boolean } | null {
  if (!command.includes('/')) return null
  const entry = entryAt(command)
  if (entry === 'file') return null
  if (entry === 'nothing') return { text: `'${command}' does not exist (yet)`, isFatal: false }
  return { text: `'${command}' is a folder; it takes the interpreter in it, such as bin/python`, isFatal: true }
}

function projectFolderProblem(path: string): string | null {
  const entry = entryAt(path)
  if (entry === 'nothing') return `'${path}' does not exist`
  if (entry === 'file') return `'${path}' is a file`
  return findScrapyCfg(path) === null ? `'${path}' holds no scrapy.cfg` : null
}

/** The daemon can start with it, and a pull may put it right. */
function settingsWarnings(assignment: Assignment, path: string): string[] {
  const cfgFile = findScrapyCfg(path)
  if (cfgFile === null) return []
  try {
    readSettingsModule(cfgFile, assignment.name)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return [warningAt(assignment, `its spiders cannot run: ${error.message}`)]
  }
}

function entryAt(path: string): 'file' | 'folder' | 'nothing' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file'
  } catch {
    // Not there, behind a file, not allowed, too long: in each case there is nothing to be used.
    return 'nothing'
  }
}

function lastOf(assignments: readonly Assignment[], section: string): readonly Assignment[] {
  const last = new Map<string, Assignment>()
  for (const assignment of assignments) if (assignment.section === section) last.set(assignment.name, assignment)
  return [...last.values()].filter(({ isBroken }) => !isBroken)
}

function emptyNamed<T>() {
  return {
    values: new Map<string, T>(),
    origins: new Map<string, Origin>(),
    problems: [] as ConfigProblem[],
    warnings: [] as string[],
  }
}
