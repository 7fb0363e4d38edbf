import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { FileNotFoundError, JobNotFoundError } from '../errors.ts'
import type { JobFiles } from '../files/local-file-tree.ts'
import { jobPath } from '../files/job-path.ts'
import { jobUrl } from '../files/job-url.ts'
import { isLocalItemsDir, runFolder, type JobFolders } from '../jobs/run-spec.ts'
import { OUTPUT_FILE } from '../runner/run.ts'
import type { FileUrl, JobRow } from '../storage/jobs.ts'

/** A folder that changed so shortly before it was read may change again without showing it by its time. */
const UNSURE_MS = 100
/** A list of 100 000 jobs, page by page, must not look at every folder for every page. Shorter than any run of a spider. */
const FRESH_MS = 25
const MOST_FOLDERS = 10_000

/** Names of files, by spider. */
type SpidersNames = Map<string, ReadonlySet<string>>

/** Where the files of this node's jobs lie, and whether they are still there. */
export class LocalFiles {
  readonly #folders: JobFolders
  readonly #itemsDir: string | null
  readonly #names = new Map<string, FolderNames>()
  /** What was found in the last FRESH_MS, by project and spider: a page of a list asks a thousand times. */
  readonly #fresh = { log: new Map<string, SpidersNames>(), items: new Map<string, SpidersNames>() }
  #isAnyFresh = false

  constructor(folders: JobFolders) {
    this.#folders = folders
    this.#itemsDir = folders.itemsDir !== null && isLocalItemsDir(folders.itemsDir) ? folders.itemsDir : null
  }

  /** null when items are not stored on this machine. */
  get itemsDir(): string | null {
    return this.#itemsDir
  }

  /**
   * The URL of a log or items file, null when it is gone. Lists of 100 000 jobs ask this per row: a folder is looked at
   * once in a while, and read again only when it has changed.
   */
  readonly url: FileUrl = (kind, project, spider, id) => {
    const root = kind === 'log' ? this.#folders.logsDir : this.#itemsDir
    if (root === null) return null
    const names = this.#fresh[kind].get(project)?.get(spider) ?? this.#look(kind, root, project, spider)
    if (names.size === 0 || !names.has(`${id}.${kind === 'log' ? 'log' : 'jl'}`)) return null
    return jobUrl(kind, project, spider, id)
  }

  #look(kind: 'log' | 'items', root: string, project: string, spider: string): ReadonlySet<string> {
    const names = this.#namesIn(`${root}/${project}/${spider}`)
    if (!this.#isAnyFresh) {
      this.#isAnyFresh = true
      setTimeout(() => this.#forgetFresh(), FRESH_MS).unref()
    }
    const spiders = this.#fresh[kind].get(project) ?? new Map<string, ReadonlySet<string>>()
    spiders.set(spider, names)
    this.#fresh[kind].set(project, spiders)
    return names
  }

  #forgetFresh(): void {
    this.#isAnyFresh = false
    this.#fresh.log.clear()
    this.#fresh.items.clear()
  }

  #namesIn(folder: string): ReadonlySet<string> {
    const known = this.#names.get(folder)
    const changedAt = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0
    if (known !== undefined && known.changedAt === changedAt && known.readAt - changedAt > UNSURE_MS) return known.names
    let names: ReadonlySet<string> = NONE
    try {
      if (changedAt !== 0) names = new Set(readdirSync(folder))
    } catch {
      // Gone since: nothing in it.
    }
    if (this.#names.size >= MOST_FOLDERS) this.#names.clear()
    this.#names.set(folder, { changedAt, readAt: Date.now(), names })
    return names
  }

  /** The files of a job of this node, as far as they exist. */
  of(row: JobRow): JobFiles {
    const there = (path: string | null) => (path !== null && existsSync(path) ? path : null)
    const log = this.logPath(row)
    return {
      // A running job's log is about to exist: a tail waits for it.
      log: row.state === 'running' || row.state === 'starting' ? log : there(log),
      items: this.#itemsDir === null ? null : there(pathOf(this.#itemsDir, row, 'jl')),
      output: there(join(runFolder(this.#folders, row), OUTPUT_FILE)),
    }
  }

  logPath(row: Pick<JobRow, 'project' | 'spider' | 'id'>): string | null {
    return pathOf(this.#folders.logsDir, row, 'log')
  }

  /** Path of a job's log that exists. Throws JobNotFoundError, FileNotFoundError. */
  requireLog(row: JobRow | null, key: string): string {
    if (row === null) throw new JobNotFoundError(key)
    const path = this.logPath(row)
    if (path === null || !isFile(path)) {
      throw new FileNotFoundError(
        row.started_at === null
          ? `job '${row.id}' has no log: it was not started`
          : `the log of job '${row.id}' is gone (jobs_to_keep removes old ones)`,
      )
    }
    return path
  }

  /** Path of a job's items that exist. Throws JobNotFoundError, FileNotFoundError. */
  requireItems(row: JobRow | null, key: string): string {
    if (row === null) throw new JobNotFoundError(key)
    if (this.#itemsDir === null) throw new FileNotFoundError('items are not stored here: items_dir is not set')
    const path = pathOf(this.#itemsDir, row, 'jl')
    if (path === null || !isFile(path)) throw new FileNotFoundError(`job '${row.id}' has no items file`)
    return path
  }
}

interface FolderNames {
  /** Time of the folder itself (ms); 0 = it was not there. */
  readonly changedAt: number
  readonly readAt: number
  readonly names: ReadonlySet<string>
}

const NONE: ReadonlySet<string> = new Set()

function pathOf(root: string, row: Pick<JobRow, 'project' | 'spider' | 'id'>, extension: string): string | null {
  try {
    return jobPath(root, row.project, row.spider, `${row.id}.${extension}`)
  } catch {
    // A mirrored job of another node may have a name that cannot be a file here.
    return null
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
