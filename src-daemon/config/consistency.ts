import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { ConfigProblem } from '../errors.ts'
import type { Config } from './config.ts'
import { isLoopback } from './loopback.ts'
import type { ReadOptions } from './option-values.ts'
import type { OptionKey } from './options.ts'
import type { Assignment } from './origin.ts'
import { DEFAULT_ORIGIN, problemAt, warningAt } from './origin.ts'
import { interpreterProblem } from './projects-sections.ts'

type Findings = { readonly problems: readonly ConfigProblem[]; readonly warnings: readonly string[] }

/** What only shows when options are looked at together, or on this machine. */
export function checkConsistency(
  { cluster, scrapyd }: Pick<Config, 'cluster' | 'scrapyd'>,
  { assignments }: Pick<ReadOptions, 'assignments'>,
): Findings {
  const problems: ConfigProblem[] = []
  const warnings: string[] = []
  const at = (key: OptionKey) => assignments.get(key) ?? defaultAssignment(key)
  const problem = (key: OptionKey, message: string) => problems.push(problemAt(at(key), message))
  const warning = (key: OptionKey, message: string) => warnings.push(warningAt(at(key), message))

  const folders = [
    ['scrapyd.logs_dir', scrapyd.logsDir],
    ['scrapyd.dbs_dir', scrapyd.dbsDir],
    ['scrapyd.items_dir', scrapyd.itemsDir],
    ['scrapyd.jobs_dir', scrapyd.jobsDir],
  ] as const
  const owners = new Map<string, OptionKey>()
  for (const [key, path] of folders) {
    if (path === null || /^[a-z][a-z0-9+.-]*:\/\//i.test(path)) continue
    const owner = owners.get(realPath(path))
    if (owner === undefined) owners.set(realPath(path), key)
    else {
      const [guilty, other] = assignments.has(key) ? [key, owner] : [owner, key]
      problem(guilty, `'${path}' is the folder of ${other.split('.')[1]} too; each *_dir takes a folder of its own`)
    }
  }

  if (scrapyd.username !== null && scrapyd.password === null)
    problem('scrapyd.username', `is set, but password is not; it takes both or none`)
  if (scrapyd.username === null && scrapyd.password !== null)
    problem('scrapyd.password', `is set, but username is not; it takes both or none`)
  const isOpen = scrapyd.username === null && scrapyd.password === null
  if (isOpen && scrapyd.listensOnTcp && !isLoopback(scrapyd.bindAddress)) {
    const reach = `other machines can reach ${scrapyd.bindAddress}, and no username and password are set`
    if (scrapyd.allowUnauthenticated) {
      warning('scrapyd.allow_unauthenticated', `${reach}: everybody there can run code on this machine`)
    } else {
      problem('scrapyd.bind_address', `${reach}; set both, or a loopback address, or allow_unauthenticated = on`)
    }
  }

  if (cluster.identity === 'slave' && cluster.slaveHosts.length > 0) {
    warning('cluster.slave_hosts', 'is ignored on a slave; set identity = master on the master')
  }
  const python = interpreterProblem(scrapyd.python)
  if (python?.isFatal === true) problem('scrapyd.python', python.text)
  else if (python !== null) warning('scrapyd.python', python.text)
  return { problems, warnings }
}

function defaultAssignment(key: OptionKey): Assignment {
  const [section = '', name = ''] = key.split('.')
  return { section, name, value: '', origin: DEFAULT_ORIGIN, base: '', continuedAt: null }
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
