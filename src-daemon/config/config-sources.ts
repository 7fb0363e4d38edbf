import { readdirSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { ConfigError } from '../errors.ts'
import type { IniDialect } from './ini-file.ts'
import { closestScrapyCfg } from './scrapy-cfg.ts'

/** A file that may hold configuration. */
export interface ConfigSource {
  readonly path: string
  readonly dialect: IniDialect
  /** The folder that relative paths in it start from. */
  readonly base: string
  /** The sections that are read; null = all that we know. */
  readonly sections: readonly string[] | null
  /** Whether it was asked for by name. */
  readonly isRequired: boolean
}

/** Where to look for files. */
export interface ConfigPlaces {
  /** `--config FILE`: then the only file. */
  readonly configFile: string | null
  readonly cwd: string
  readonly homeDir: string
  readonly etcDir: string
}

const SCRAPYD_FILES = new Set(['scrapyd.conf', '.scrapyd.conf'])

/** The files to read, later ones over earlier ones. Scrapyd's order is that of its `config.py`. */
export function configSources({ configFile, cwd, homeDir, etcDir }: ConfigPlaces): readonly ConfigSource[] {
  if (configFile !== null) {
    const path = resolve(cwd, configFile)
    const dialect = SCRAPYD_FILES.has(basename(path)) ? 'configparser' : 'service'
    return [{ path, dialect, base: dirname(path), sections: null, isRequired: true }]
  }
  const scrapyd = (path: string): ConfigSource => ({
    path,
    dialect: 'configparser',
    base: cwd,
    sections: null,
    isRequired: false,
  })
  const service = (path: string): ConfigSource => ({
    path,
    dialect: 'service',
    base: dirname(path),
    sections: null,
    isRequired: false,
  })
  const scrapyCfg = closestScrapyCfg(cwd)
  return [
    scrapyd(join(etcDir, 'scrapyd', 'scrapyd.conf')),
    ...filesIn(join(etcDir, 'scrapyd', 'conf.d')).map(scrapyd),
    scrapyd(join(cwd, 'scrapyd.conf')),
    scrapyd(join(homeDir, '.scrapyd.conf')),
    ...(scrapyCfg === null ? [] : [{ ...scrapyd(scrapyCfg), sections: ['scrapyd', 'services'] }]),
    service(join(etcDir, 'scrapyd_service', 'scrapyd_service.conf')),
    ...filesIn(join(etcDir, 'scrapyd_service', 'conf.d')).map(service),
    service(join(cwd, 'conf', 'scrapyd_service.conf')),
    service(join(homeDir, '.scrapyd_service.conf')),
  ]
}

/** As the shell's `*`: hidden files are left out. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => join(folder, entry.name))
      .toSorted()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    const message = `cannot be listed: ${(error as Error).message}`
    throw new ConfigError([{ source: folder, line: null, option: null, message }])
  }
}
