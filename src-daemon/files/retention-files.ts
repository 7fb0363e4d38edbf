import type { Stats } from 'node:fs'
import { lstat, readdir, rm, unlink } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { atMost } from './at-most.ts'
import { containedPath, realPathOf } from './contained-path.ts'
import { jobPath, staysInFolder } from './job-path.ts'
import { fileError, isNotThere } from './regular-file.ts'

const statsAtOnce = 16
const maxJobsAtOnce = 200

export interface PruneFilesOptions {
  readonly logsDir: string
  readonly itemsDir: string | null
  readonly jobsDir: string | null
  readonly project: string
  readonly spider: string
  /** How many jobs keep their files, beside the protected ones. */
  readonly keep: number
  /** Whether the job is pending or runs. Asked right before a job's files are removed, too. */
  readonly isProtected: (jobId: string) => boolean
  /** How many jobs lose their files in one call. */
  readonly maxJobs?: number
}

export interface PruneFilesResult {
  /** Ids of the jobs whose files were removed. */
  readonly jobs: readonly string[]
  readonly files: number
  readonly bytes: number
  /** There is more to remove: call again. */
  readonly more: boolean
}

interface StoredFile {
  readonly path: string
  readonly size: number
}

interface StoredJob {
  readonly id: string
  modifiedAt: number
  readonly files: StoredFile[]
}

/**
 * Removes what is over of one spider: the newest `keep` jobs keep log and items (`.gz` too), the others lose them and
 * their JOBDIR. Files that are no job's, links, and folders outside of the three stay. Throws DirectoryTraversalError,
 * StorageError.
 */
export async function pruneFiles(options: PruneFilesOptions): Promise<PruneFilesResult> {
  const { logsDir, itemsDir, project, spider, keep, isProtected, maxJobs = maxJobsAtOnce } = options
  const jobs = new Map<string, StoredJob>()
  await collect(jobs, logsDir, project, spider, /^(.+)\.log(?:\.gz)?$/su)
  if (itemsDir !== null) await collect(jobs, itemsDir, project, spider, /^(.+)\.jl(?:\.gz)?$/su)
  const unprotected = [...jobs.values()].filter(({ id }) => !isProtected(id))
  const excess = unprotected.toSorted((a, b) => b.modifiedAt - a.modifiedAt || (a.id < b.id ? 1 : -1)).slice(keep)
  const batch = excess.toReversed().slice(0, maxJobs)

  const removed: string[] = []
  let files = 0
  let bytes = 0
  for (const job of batch) {
    // It may have been scheduled again while the others were removed.
    if (isProtected(job.id)) continue
    for (const { path, size } of job.files) {
      if (!(await removeFile(path))) continue
      files++
      bytes += size
    }
    if (options.jobsDir !== null) await removeFolder(options.jobsDir, jobPath(options.jobsDir, project, spider, job.id))
    removed.push(job.id)
  }
  return { jobs: removed, files, bytes, more: batch.length < excess.length }
}

async function collect(
  jobs: Map<string, StoredJob>,
  dir: string,
  project: string,
  spider: string,
  pattern: RegExp,
): Promise<void> {
  const folder = dirname(jobPath(dir, project, spider, 'any'))
  if (!(await isReached(dir, folder))) return
  const found = (await readdir(folder)).flatMap((name) => {
    const id = pattern.exec(name)?.[1]
    return id === undefined || !staysInFolder(id) ? [] : [{ id, path: join(folder, name) }]
  })
  await atMost(statsAtOnce, found, async ({ id, path }) => {
    const stats = await statsOf(path)
    if (stats === null || !stats.isFile()) return
    const job = jobs.get(id) ?? { id, modifiedAt: 0, files: [] }
    job.modifiedAt = Math.max(job.modifiedAt, stats.mtimeMs)
    job.files.push({ path, size: stats.size })
    jobs.set(id, job)
  })
}

/** Whether a folder is there and no link leads from it out of `dir`. */
async function isReached(dir: string, folder: string): Promise<boolean> {
  const root = await realPathOf(resolve(dir))
  return root !== null && (await containedPath(root, folder)) !== null
}

async function statsOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path)
  } catch (error) {
    if (isNotThere(error)) return null
    throw fileError(path, error)
  }
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path)
    return true
  } catch (error) {
    if (isNotThere(error)) return false
    throw fileError(path, error)
  }
}

async function removeFolder(root: string, folder: string): Promise<void> {
  const stats = await statsOf(folder)
  if (stats === null || !stats.isDirectory() || !(await isReached(root, folder))) return
  try {
    await rm(folder, { recursive: true, force: true })
  } catch (error) {
    throw fileError(folder, error)
  }
}
