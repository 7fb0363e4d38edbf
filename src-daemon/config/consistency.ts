import { realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { ConfigProblem } from '../errors.ts'
import type { Config, ScrapydConfig } from './config.ts'
import { isLoopback } from './loopback.ts'
import type { ReadOptions } from './option-values.ts'
import type { OptionKey } from './options.ts'
import type { Assignment } from './origin.ts'
import { DEFAULT_ORIGIN, problemAt, warningAt } from './origin.ts'
import { interpreterProblem } from './projects-sections.ts'

export interface Findings {
  readonly problems: readonly ConfigProblem[]
  readonly warnings: readonly string[]
}

/** Collects findings about options, at the places that set them. */
class Report implements Findings {
  readonly problems: ConfigProblem[] = []
  readonly warnings: string[] = []
  readonly #options: Pick<ReadOptions, 'assignments' | 'bad'>

  constructor(options: Pick<ReadOptions, 'assignments' | 'bad'>) {
    this.#options = options
  }

  problem(key: OptionKey, message: string): void {
    this.problems.push(problemAt(this.#assignment(key), message))
  }

  warning(key: OptionKey, message: string): void {
    this.warnings.push(warningAt(this.#assignment(key), message))
  }

  isSet(key: OptionKey): boolean {
    return this.#options.assignments.has(key)
  }

  /** A default stands in for a bad value: nothing can be concluded from it. */
  isBad(...keys: OptionKey[]): boolean {
    return keys.some((key) => this.#options.bad.has(key))
  }

  #assignment(key: OptionKey): Assignment {
    return this.#options.assignments.get(key) ?? defaultAssignment(key)
  }
}

/** What only shows when options are looked at together, or on this machine. */
export function checkConsistency(
  { cluster, scrapyd }: Pick<Config, 'cluster' | 'scrapyd'>,
  options: Pick<ReadOptions, 'assignments' | 'bad'>,
): Findings {
  const report = new Report(options)
  checkFolders(scrapyd, report)
  checkAccess(scrapyd, report)
  if (!report.isBad('cluster.identity') && cluster.identity === 'slave' && cluster.slaveHosts.length > 0) {
    report.warning('cluster.slave_hosts', 'is ignored on a slave; set identity = master on the master')
  }
  const python = interpreterProblem(scrapyd.python)
  if (python?.isFatal === true) report.problem('scrapyd.python', python.text)
  else if (python !== null) report.warning('scrapyd.python', python.text)
  return report
}

/** Files of one kind must never be taken for those of another: retention deletes by folder. */
function checkFolders(scrapyd: ScrapydConfig, report: Report): void {
  const folders = [
    ['scrapyd.logs_dir', scrapyd.logsDir],
    ['scrapyd.dbs_dir', scrapyd.dbsDir],
    ['scrapyd.items_dir', scrapyd.itemsDir],
    ['scrapyd.jobs_dir', scrapyd.jobsDir],
  ] as const
  const owners = new Map<string, OptionKey>()
  for (const [key, path] of folders) {
    if (path === null || !isAbsolute(path) || report.isBad(key)) continue
    const owner = owners.get(realPath(path))
    if (owner === undefined) owners.set(realPath(path), key)
    else {
      const [guilty, other] = report.isSet(key) ? [key, owner] : [owner, key]
      report.problem(guilty, `'${path}' is the folder of ${other.split('.')[1]} too; each *_dir takes one of its own`)
    }
  }
}

/** Whoever can schedule spiders runs code here, so other machines are let in by password only. */
function checkAccess(scrapyd: ScrapydConfig, report: Report): void {
  if (report.isBad('scrapyd.username', 'scrapyd.password')) return
  const { username, password, bindAddress } = scrapyd
  if (username !== null && password === null) report.problem('scrapyd.username', 'is set without password; set both')
  if (username === null && password !== null) report.problem('scrapyd.password', 'is set without username; set both')
  if (username !== null || password !== null || !scrapyd.listensOnTcp || isLoopback(bindAddress)) return
  const reach = `other machines can reach ${bindAddress}, and no username and password are set`
  if (scrapyd.allowUnauthenticated) {
    report.warning('scrapyd.allow_unauthenticated', `${reach}: everybody there can run code on this machine`)
  } else if (!report.isBad('scrapyd.allow_unauthenticated')) {
    report.problem('scrapyd.bind_address', `${reach}; set both, or a loopback address, or allow_unauthenticated = on`)
  }
}

function defaultAssignment(key: OptionKey): Assignment {
  const [section = '', name = ''] = key.split('.')
  return { section, name, value: '', origin: DEFAULT_ORIGIN, base: '', continuedAt: null, isBroken: false }
}

/** Links resolved as far as the path exists: two names of one folder are one folder. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(realPath(parent), basename(path))
  }
}
