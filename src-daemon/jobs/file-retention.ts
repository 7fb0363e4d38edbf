import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pruneFiles } from '../files/retention-files.ts'
import { OUTPUT_FILE, type Runner } from '../runner/run.ts'
import type { JobRow, JobStore } from '../storage/jobs.ts'
import type { EndedJob } from '../storage/retention.ts'
import type { Sweep } from './ledger-retention.ts'
import { isLocalItemsDir, runFolder, type JobFolders } from './run-spec.ts'

/** `<key>.<attempt>` below `runsDir`. */
const RUN_FOLDER = /^([0-9a-z]{20,40})\.(\d+)$/

export interface FileRetentionParts {
  readonly jobs: JobStore
  readonly runner: Pick<Runner, 'discard'>
  readonly folders: JobFolders
  /** Log and item files a spider. */
  readonly jobsToKeep: number
}

/** Removes files of jobs that nobody wants any more; never those of a job that waits or runs. */
export class FileRetention {
  readonly #parts: FileRetentionParts

  constructor(parts: FileRetentionParts) {
    this.#parts = parts
  }

  /** Log, items and JOBDIR of a spider's jobs beyond the newest `jobs_to_keep`. */
  async spider(project: string, spider: string, sweep: Sweep): Promise<void> {
    const { jobs, folders, jobsToKeep } = this.#parts
    const { logsDir, itemsDir, jobsDir } = folders
    for (let more = true; more && !sweep.isStopped();) {
      ;({ more } = await pruneFiles({
        logsDir,
        itemsDir: itemsDir !== null && isLocalItemsDir(itemsDir) ? itemsDir : null,
        jobsDir,
        project,
        spider,
        keep: sweep.isIdle() ? jobsToKeep : 2 * jobsToKeep,
        isProtected: (id) => jobs.unfinished(project, id).length > 0,
      }))
    }
  }

  /** What is left of the runs of jobs that are no longer in the ledger. */
  async removed(jobs: readonly EndedJob[]): Promise<void> {
    for (const job of jobs) await this.#parts.runner.discard(runFolder(this.#parts.folders, job), false)
  }

  /**
   * Looks through all run folders: those of unknown jobs go, finished jobs keep what they printed (the newest `jobs_to_keep`
   * of each spider do). A crash may have left any of these behind.
   */
  async runs(sweep: Sweep): Promise<void> {
    const { jobs, runner, folders, jobsToKeep } = this.#parts
    const printed = new Map<string, { readonly row: JobRow; readonly path: string }[]>()
    for (const name of await namesIn(folders.runsDir)) {
      const match = RUN_FOLDER.exec(name)
      if (match === null) continue
      if (sweep.isStopped()) return
      const path = join(folders.runsDir, name)
      const row = jobs.get(match[1]!)
      if (row !== null && row.state !== 'finished') continue
      // Of a known job only the last attempt may have something to say.
      const isKept = row !== null && row.output_tail !== null && Number(match[2]) === row.attempt
      if (!isKept) await runner.discard(path, false)
      else {
        const spider = `${row.project}/${row.spider}`
        printed.set(spider, [...(printed.get(spider) ?? []), { row, path }])
        if ((await namesIn(path)).some((file) => file !== OUTPUT_FILE)) await runner.discard(path, true)
      }
    }
    const keep = sweep.isIdle() ? jobsToKeep : 2 * jobsToKeep
    for (const runs of printed.values()) {
      const over = runs.toSorted((a, b) => b.row.ended_at! - a.row.ended_at!).slice(keep)
      for (const { path } of over) await runner.discard(path, false)
    }
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch {
    // Not made yet, or removed meanwhile.
    return []
  }
}
