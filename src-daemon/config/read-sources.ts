import type { ConfigProblem } from '../errors.ts'
import type { ConfigSource } from './config-sources.ts'
import type { IniEntry } from './ini-file.ts'
import { parseIni } from './ini-file.ts'
import { interpolate } from './interpolation.ts'
import { OPTIONS, SECTIONS } from './options.ts'
import type { Assignment } from './origin.ts'
import { readTextFile } from './text-file.ts'

/** A `[section]` header as it stands in a file. */
export interface FoundSection {
  readonly name: string
  readonly file: string
  readonly line: number
}

/** Everything that the files say, in their order; what is wrong with their form. */
export interface SourceContents {
  readonly files: readonly string[]
  readonly sections: readonly FoundSection[]
  readonly assignments: readonly Assignment[]
  readonly problems: readonly ConfigProblem[]
}

interface ReadEntry extends IniEntry {
  readonly source: ConfigSource
  /** The name to go by: ConfigParser has option names in lower case. */
  readonly key: string
}

/** Names of projects keep their case in every file. */
const NAMES_OF_PROJECTS = new Set(['projects', 'python', 'warm_runner', 'spider_modules'])
const PYTHON_DEFAULT_SECTION = 'DEFAULT'

/** Reads the files that exist. */
export function readSources(sources: readonly ConfigSource[]): SourceContents {
  const files: string[] = []
  const sections: FoundSection[] = []
  const entries: ReadEntry[] = []
  const problems: ConfigProblem[] = []
  for (const source of sources) {
    const file = readTextFile(source.path)
    if (file.found === 'nothing') {
      if (!source.isRequired) continue
      problems.push({ source: source.path, line: null, option: null, message: 'does not exist' })
      continue
    }
    files.push(source.path)
    if (file.found === 'problem') {
      problems.push(file.problem)
      continue
    }
    const ini = parseIni(file.text, source.path, source.dialect)
    problems.push(...ini.problems)
    for (const { name, line } of ini.sections) {
      const section = sectionName(name)
      if (isRead(source, section)) sections.push({ name: section, file: source.path, line })
    }
    for (const entry of ini.entries) {
      const section = sectionName(entry.section)
      const folds = source.dialect === 'configparser' && !NAMES_OF_PROJECTS.has(section)
      const key = folds ? entry.name.toLowerCase() : entry.name
      if (isRead(source, section) || section === PYTHON_DEFAULT_SECTION)
        entries.push({ ...entry, section, key, source })
    }
  }
  const configparser = interpolateAll(entries.filter((entry) => entry.source.dialect === 'configparser'))
  const service = entries.filter((entry) => entry.source.dialect === 'service').map((entry) => assignment(entry))
  return {
    files,
    sections,
    assignments: [...configparser.assignments, ...service],
    problems: [...problems, ...configparser.problems],
  }
}

/** `slave - services` is `slave-services`. */
function sectionName(written: string): string {
  return written.trim().replaceAll(/\s*-\s*/g, '-')
}

/** ConfigParser's `[DEFAULT]` is not a section of its own. */
function isRead(source: ConfigSource, section: string): boolean {
  if (source.dialect === 'configparser' && section === PYTHON_DEFAULT_SECTION) return false
  return source.sections === null || source.sections.includes(section)
}

/**
 * Scrapyd reads its files into one ConfigParser, so `%(name)s` finds the last value of any file, and Scrapyd's defaults.
 * Values that a later file overrides are dropped here: Python never looks at them.
 */
function interpolateAll(entries: readonly ReadEntry[]): { assignments: Assignment[]; problems: ConfigProblem[] } {
  const bySection = new Map<string, Map<string, ReadEntry>>()
  for (const entry of entries) {
    const section = bySection.get(entry.section) ?? new Map<string, ReadEntry>()
    // Taken out first, so that the order is that of the last files.
    section.delete(entry.key)
    bySection.set(entry.section, section.set(entry.key, entry))
  }
  const known = new Set<string>(SECTIONS.map(({ name }) => name))
  const assignments: Assignment[] = []
  const problems: ConfigProblem[] = []
  for (const [section, last] of bySection) {
    if (!known.has(section)) continue
    const values = new Map([
      ...[...(bySection.get(PYTHON_DEFAULT_SECTION)?.values() ?? [])].map((entry) => [entry.key, entry.value] as const),
      ...OPTIONS.filter((option) => option.section === section).map((option) => [option.name, option.default] as const),
      ...[...last.values()].map((entry) => [entry.name.toLowerCase(), entry.value] as const),
    ])
    for (const entry of last.values()) {
      const result = interpolate(entry.value, (name) => values.get(name))
      if ('text' in result) assignments.push(assignment(entry, result.text))
      else {
        const option = `[${entry.section}] ${entry.key}`
        problems.push({ source: entry.source.path, line: entry.line, option, message: result.problem })
        assignments.push({ ...assignment(entry), isBroken: true })
      }
    }
  }
  return { assignments, problems }
}

function assignment(entry: ReadEntry, value = entry.value): Assignment {
  return {
    section: entry.section,
    name: entry.key,
    value,
    origin: { kind: 'file', file: entry.source.path, line: entry.line },
    base: entry.source.base,
    continuedAt: entry.continuedAt,
    isBroken: entry.isBroken,
  }
}
