import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { Ledger, type JobRequest } from '../../src-daemon/jobs/ledger.ts'
import type { Logger } from '../../src-daemon/logger.ts'
import { openDatabase, type OpenDatabase } from '../../src-daemon/storage/database.ts'
import { EventStore } from '../../src-daemon/storage/events.ts'
import { JobLists } from '../../src-daemon/storage/job-lists.ts'
import { JobStore, type FileUrl, type JobRow, type NewJobRow } from '../../src-daemon/storage/jobs.ts'
import { newKey } from '../../src-daemon/storage/key.ts'
import { MetaStore } from '../../src-daemon/storage/meta.ts'
import { RequestStore } from '../../src-daemon/storage/requests.ts'
import { RevocationStore } from '../../src-daemon/storage/revocations.ts'
import { StatsStore } from '../../src-daemon/storage/stats.ts'
import { Writer } from '../../src-daemon/storage/writer.ts'

/** Calls what cleans up at the right end: of the test, or `afterAll` for what many tests share. */
type AtEnd = (clean: () => void) => void

/** A folder for one test. */
export function temporaryFolder(atEnd: AtEnd = onTestFinished): string {
  const folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-ledger-'))
  atEnd(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A logger that keeps what it is told. */
export function keepingLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const keep = (message: string, cause?: unknown) =>
    void lines.push(
      cause === undefined ? message : `${message}: ${cause instanceof Error ? cause.message : String(cause)}`,
    )
  return { lines, info: keep, warn: keep, error: keep, debug: keep }
}

/** A real database in a folder of its own, with all its stores and a ledger. */
export type LedgerParts = ReturnType<typeof openLedger>

/** Where files lie in these tests: all are there. */
export const anyUrl: FileUrl = (kind, project, spider, id) =>
  kind === 'log' ? `/logs/${project}/${spider}/${id}.log` : null

/** Opens `dir` (a new folder unless told); closed at the test's end. */
export function openLedger(
  options: {
    readonly dir?: string
    readonly nodeName?: string | null
    readonly now?: () => number
    readonly atEnd?: AtEnd
  } = {},
) {
  const { atEnd = onTestFinished, nodeName = 'n1', now } = options
  const dir = options.dir ?? temporaryFolder(atEnd)
  const database = openDatabase(dir)
  let isOpen = true
  const close = () => {
    if (isOpen) database.close()
    isOpen = false
  }
  atEnd(close)
  return { dir, close, ...partsOf(database, nodeName, now) }
}

function partsOf(database: OpenDatabase, nodeName: string | null, now: (() => number) | undefined) {
  const { db } = database
  const writer = new Writer(db)
  const jobs = new JobStore(db)
  const lists = new JobLists(db, anyUrl)
  const events = new EventStore(db)
  const requests = new RequestStore(db)
  const stats = new StatsStore(db)
  const meta = new MetaStore(db)
  const revocations = new RevocationStore(db)
  const problems: [string, unknown][] = []
  const onProblem = (message: string, cause: unknown) => void problems.push([message, cause])
  const ledger = new Ledger({
    writer,
    jobs,
    events,
    requests,
    stats,
    nodeName,
    onProblem,
    ...(now === undefined ? {} : { now }),
  })
  return { problems, database, db, writer, jobs, lists, events, requests, stats, meta, revocations, ledger }
}

/** A request with what most tests leave alone. */
export function jobRequest(request: Partial<JobRequest> = {}): JobRequest {
  return {
    id: null,
    project: 'news',
    spider: 'herald',
    args: {},
    settings: {},
    priority: 0,
    version: null,
    pinnedNode: null,
    scheduledBy: null,
    idempotencyKey: null,
    ...request,
  }
}

/** A row for `JobStore.insert` in any state, with what that state must have. */
export function newRow(row: Partial<NewJobRow> & Pick<NewJobRow, 'state'>): NewJobRow {
  const created = row.created_at ?? Date.now()
  const started = {
    started_at: created + 10,
    pid: 42,
    node_id: 'local',
    node: 'n1',
    runner: 'cold',
    attempt: 1,
  } as const
  return {
    key: newKey(created),
    id: `job-${newKey(created).slice(-8)}`,
    project: 'news',
    spider: 'herald',
    priority: 0,
    args: '{}',
    settings: '{}',
    created_at: created,
    ...(row.state === 'running' || row.state === 'finished' ? started : {}),
    ...(row.state === 'finished' ? { outcome: 'finished', ended_at: created + 1_000, exit_code: 0 } : {}),
    ...row,
  }
}

/** Makes a job fail to be stored from now on, as a full disk does; returns the way to free space. */
export function fillDisk({ db }: Pick<LedgerParts, 'db'>): () => void {
  db.pragma(`max_page_count = ${db.pragma('page_count', { simple: true }) as number}`)
  return () => db.pragma('max_page_count = 1073741823')
}

/** The row once it fulfils a condition. */
export function rowThat(
  { jobs }: Pick<LedgerParts, 'jobs'>,
  key: string,
  condition: (row: JobRow) => boolean,
): Promise<JobRow> {
  return vi.waitFor(
    () => {
      const row = jobs.get(key)
      if (row === null || !condition(row)) throw new Error(`job ${key} is ${JSON.stringify(row)}`)
      return row
    },
    { interval: 1 },
  )
}

/** The row once it is in that state. */
export function rowIn(parts: Pick<LedgerParts, 'jobs'>, key: string, state: Job['state']): Promise<JobRow> {
  return rowThat(parts, key, (row) => row.state === state)
}
