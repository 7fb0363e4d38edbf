import { readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { reasonText } from '../api/contract/reasons.ts'
import { ConfigError } from '../errors.ts'
import type { IniEntry } from './ini-file.ts'
import { parseIni } from './ini-file.ts'
import { interpolate } from './interpolation.ts'
import { readTextFile } from './text-file.ts'

const FILE_NAME = 'scrapy.cfg'
const LEVELS = 2
/** Folders that hold other people's code. Hidden folders (`.venv`, `.git`) are skipped anyway. */
const SKIPPED = new Set(['node_modules', 'venv', '__pycache__'])

/** An entry of `[settings]`: a project's name and its settings module, with the line it stands in. */
export interface SettingsEntry {
  readonly name: string
  readonly module: string
  readonly line: number
}

/**
 * The `scrapy.cfg` of a project's folder: in the folder itself, else up to two levels above, else up to two levels below
 * (nearest first, then by name). The absolute path of the file, or null.
 */
export function findScrapyCfg(path: string): string | null {
  const folder = resolve(path)
  const above = parents(folder).slice(0, LEVELS + 1)
  return firstFile(above) ?? findBelow(folder)
}

/** The nearest `scrapy.cfg` in a folder or in any folder above it, as Scrapy and Scrapyd look for it. */
export function closestScrapyCfg(folder: string): string | null {
  return firstFile(parents(resolve(folder)))
}

/** The entries of `[settings]` in the order of the file. Throws ConfigError where the file cannot be used. */
export function settingsEntries(cfgFile: string): readonly SettingsEntry[] {
  const file = readTextFile(cfgFile)
  if (file.found === 'problem') throw new ConfigError([file.problem])
  if (file.found === 'nothing') {
    throw new ConfigError([{ source: cfgFile, line: null, option: null, message: reasonText('missing') }])
  }
  const ini = parseIni(file.text, cfgFile, 'configparser')
  if (ini.problems.length > 0) throw new ConfigError(ini.problems)
  const settings = ini.entries.filter((entry) => entry.section === 'settings')
  const raw = new Map(
    [...ini.entries.filter((entry) => entry.section === 'DEFAULT'), ...settings].map((entry) => [
      entry.name.toLowerCase(),
      entry.value,
    ]),
  )
  return settings
    .map((entry) => ({ name: entry.name, module: interpolated(entry, raw, cfgFile), line: entry.line }))
    .filter((entry) => entry.module !== '')
}

/** `[settings]` of a `scrapy.cfg`: settings module by project name. Throws ConfigError where the file cannot be used. */
export function listSettings(cfgFile: string): Record<string, string> {
  const settings = Object.create(null) as Record<string, string>
  for (const { name, module } of settingsEntries(cfgFile)) settings[name] = module
  return settings
}

/**
 * The settings module of a project: the `[settings]` entry of its own name (without regard to case, as Scrapy looks it up),
 * else `default`, else the only entry. Throws ConfigError where none of them is there.
 */
export function readSettingsModule(cfgFile: string, projectName: string): string {
  const entries = settingsEntries(cfgFile)
  const named = (name: string) => entries.find((entry) => entry.name.toLowerCase() === name.toLowerCase())
  const entry = named(projectName) ?? named('default') ?? (entries.length === 1 ? entries[0] : undefined)
  if (entry !== undefined) return entry.module
  const message =
    entries.length === 0
      ? reasonText('noSettings', { line: 'default = PACKAGE.settings' })
      : reasonText('noEntry', { project: projectName, entries: entries.map(({ name }) => `'${name}'`).join(', ') })
  throw new ConfigError([{ source: cfgFile, line: null, option: '[settings]', message }])
}

function interpolated(entry: IniEntry, raw: ReadonlyMap<string, string>, source: string): string {
  const result = interpolate(entry.value, (name) => raw.get(name))
  if ('text' in result) return result.text
  throw new ConfigError([{ source, line: entry.line, option: `[settings] ${entry.name}`, message: result.problem }])
}

function parents(folder: string): string[] {
  const parent = dirname(folder)
  return parent === folder ? [folder] : [folder, ...parents(parent)]
}

function firstFile(folders: readonly string[]): string | null {
  return folders.map((folder) => join(folder, FILE_NAME)).find(isFile) ?? null
}

function findBelow(folder: string): string | null {
  let level = [folder]
  for (let depth = 1; depth <= LEVELS; depth++) {
    level = level.flatMap(subfolders)
    const found = firstFile(level)
    if (found !== null) return found
  }
  return null
}

function subfolders(folder: string): string[] {
  let names: string[]
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith('.') && !SKIPPED.has(entry.name))
      .filter((entry) => entry.isDirectory() || entry.isSymbolicLink())
      .map((entry) => entry.name)
  } catch {
    // A folder that cannot be listed holds nothing that could be run either.
    return []
  }
  return names.toSorted().map((name) => join(folder, name))
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
  } catch {
    // Not allowed to look, or a loop of links: there is no file to be used.
    return false
  }
}
