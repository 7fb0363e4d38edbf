import type { JobsPage, JobsPageRow } from '../api/ports.ts'
import type { JobLists } from '../storage/job-lists.ts'
import type { FileUrl } from '../storage/jobs.ts'

/** Rows of the plain `/jobs` page, out of the ledger: on a master the whole cluster's. */
export class LedgerJobsPage implements JobsPage {
  readonly #lists: JobLists
  readonly #fileUrl: FileUrl
  readonly #finishedToKeep: number

  constructor(lists: JobLists, fileUrl: FileUrl, finishedToKeep: number) {
    this.#lists = lists
    this.#fileUrl = fileUrl
    this.#finishedToKeep = finishedToKeep
  }

  async *rows(state: 'pending' | 'running' | 'finished'): AsyncGenerator<JobsPageRow, void, void> {
    const limit = state === 'finished' ? this.#finishedToKeep : Number.MAX_SAFE_INTEGER
    for await (const row of this.#lists.rows(state, limit)) {
      const url = (kind: 'log' | 'items') =>
        row.started_at === null ? null : this.#fileUrl(kind, row.project, row.spider, row.id, row.node_id)
      yield {
        project: row.project,
        spider: row.spider,
        job: row.id,
        pid: state === 'running' ? row.pid : null,
        startedAt: row.started_at,
        endedAt: row.ended_at,
        logUrl: url('log'),
        itemsUrl: url('items'),
      }
    }
  }
}
