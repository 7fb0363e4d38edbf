import type { EndRecord } from '../runner/run.ts'
import type { JobRow } from '../storage/jobs.ts'
import type { Ending } from './ledger.ts'
import type { DecidedOutcome } from './outcome.ts'
import { countersOf } from './rates.ts'

/** What the ledger keeps of a run that ended. */
export function endingOf(
  row: JobRow,
  record: EndRecord,
  { outcome, reason }: DecidedOutcome,
  stats: Readonly<Record<string, unknown>> | null,
): Ending {
  const startedAt = row.started_at ?? whole(record.startedAt)
  const counters = stats === null ? null : countersOf(stats)
  return {
    outcome,
    reason,
    // A clock that was set back must not make a job end before it began.
    ended_at: Math.max(Math.round(record.endedAt), startedAt ?? row.created_at),
    started_at: startedAt,
    pid: row.pid ?? record.pid,
    exit_code: record.exitCode,
    signal: record.signal,
    finish_reason: record.finishReason,
    pages: counters?.pages ?? null,
    items: counters?.items ?? null,
    errors: counters?.errors ?? null,
    cpu_seconds: record.cpuSeconds,
    max_rss_bytes: whole(record.maxRssBytes),
    output_tail: record.outputTail,
  }
}

/** The end of a run that never began. */
export function unstartable(reason: string): EndRecord {
  return {
    seen: 'unstartable',
    exitCode: null,
    signal: null,
    startedAt: null,
    endedAt: Date.now(),
    pid: null,
    cpuSeconds: null,
    maxRssBytes: null,
    finishReason: null,
    stats: null,
    reason,
    outputTail: null,
  }
}

/** The columns are STRICT integers: a fraction would be refused. */
function whole(value: number | null): number | null {
  return value === null ? null : Math.round(value)
}
