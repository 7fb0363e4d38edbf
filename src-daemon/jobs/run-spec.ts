import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { jobPath } from '../files/job-path.ts'
import type { RunSpec } from '../runner/run.ts'
import type { JobRow } from '../storage/jobs.ts'

/** Where a daemon keeps the files of its jobs. */
export interface JobFolders {
  readonly logsDir: string
  /** A local folder, a URI (`s3://…`), or null. */
  readonly itemsDir: string | null
  readonly jobsDir: string | null
  /** Where run folders are kept, below `dbs_dir`. */
  readonly runsDir: string
}

/** The code that a job runs, as the projects part resolves it at the moment of the start. */
export interface RunnableCode {
  readonly projectDir: string
  readonly settingsModule: string
  readonly python: string
  readonly spiderModule: string | null
  readonly codeVersion: string | null
}

/** A token that proves in the environment whose process it is. */
export function newToken(): string {
  return randomBytes(16).toString('hex')
}

/** The folder of one attempt at a job. */
export function runFolder(folders: JobFolders, row: Pick<JobRow, 'key' | 'attempt'>): string {
  return join(folders.runsDir, `${row.key}.${row.attempt}`)
}

/** Everything the runner is told. Throws DirectoryTraversalError for names that would leave their folder. */
export function runSpecOf(
  row: JobRow,
  code: RunnableCode,
  folders: JobFolders,
  options: { readonly nodeName: string; readonly runnerModule: string | null; readonly warm: 'on' | 'off' | 'auto' },
): RunSpec {
  const settings: Record<string, string> = { ...(JSON.parse(row.settings) as Record<string, string>) }
  // The daemon's own come last, as with Scrapyd: log and items must be where it serves them from.
  settings['LOG_FILE'] = jobPath(folders.logsDir, row.project, row.spider, `${row.id}.log`)
  if (folders.jobsDir !== null) settings['JOBDIR'] = jobPath(folders.jobsDir, row.project, row.spider, row.id)
  return {
    key: row.key,
    attempt: row.attempt,
    token: row.token ?? '',
    jobId: row.id,
    project: row.project,
    spider: row.spider,
    nodeName: options.nodeName,
    python: code.python,
    projectDir: code.projectDir,
    settingsModule: code.settingsModule,
    spiderModule: code.spiderModule,
    args: JSON.parse(row.args) as Record<string, string>,
    settings,
    itemsUri: folders.itemsDir === null ? null : itemsUri(folders.itemsDir, row),
    runnerModule: options.runnerModule,
    runDir: runFolder(folders, row),
    warm: options.warm,
    codeVersion: code.codeVersion,
  }
}

/** Whether `items_dir` is a folder of this machine (Scrapyd's rule: no scheme, or `file`). */
export function isLocalItemsDir(itemsDir: string): boolean {
  return !/^[a-z][a-z0-9+.-]+:\/\//i.test(itemsDir)
}

function itemsUri(itemsDir: string, row: JobRow): string {
  const name = `${row.id}.jl`
  // Scrapy fills `%(name)s` into feed URIs: the percent signs that stand for themselves are doubled.
  return isLocalItemsDir(itemsDir)
    ? pathToFileURL(jobPath(itemsDir, row.project, row.spider, name)).href.replaceAll('%', '%%')
    : `${itemsDir.replace(/\/+$/, '')}/${[row.project, row.spider, name].map(encodeURIComponent).join('/').replaceAll('%', '%%')}`
}
