import type { JobOutcome } from '../api/contract/values.ts'
import type { EndRecord } from '../runner/run.ts'

/** What is known beside the run's own record when its outcome is decided. */
export interface OutcomeContext {
  /** A cancel was stored before the end. */
  readonly cancelAsked: boolean
  readonly cancelledBy: string | null
  /** The last error that the log shows, as one line; null when there is none or it cannot be read. */
  readonly lastLoggedError: string | null
}

export interface DecidedOutcome {
  readonly outcome: JobOutcome
  /** In words, for an operator; null where there is nothing to explain. */
  readonly reason: string | null
}

/** The outcomes table of HTTP_API.md, row by row; the first that fits decides. */
export function outcomeOf(end: EndRecord, context: OutcomeContext): DecidedOutcome {
  if (context.cancelAsked && end.finishReason !== 'finished') {
    return { outcome: 'cancelled', reason: cancelReason(end, context) }
  }
  switch (end.seen) {
    case 'rebooted':
      return { outcome: 'lost', reason: 'The machine was restarted while the spider ran' }
    case 'unstartable':
      return { outcome: 'failed', reason: end.reason ?? 'The spider could not be started' }
    case 'gone':
      return {
        outcome: 'failed',
        reason: withDetail('Killed, status unknown: spider and supervisor are gone without a record', end.outputTail),
      }
    default:
  }
  // After a cancel the signal is ours: the spider had finished by itself, but hung on its way out.
  if (end.signal !== null && !context.cancelAsked) {
    const hint = end.signal === 'SIGKILL' ? ' (out of memory?)' : ''
    return { outcome: 'failed', reason: `Ended by ${end.signal}, not sent by us${hint}` }
  }
  if (end.exitCode !== null && end.exitCode !== 0) {
    return {
      outcome: 'failed',
      reason: withDetail(`Exit code ${end.exitCode}`, context.lastLoggedError ?? lastLine(end.outputTail)),
    }
  }
  if (end.finishReason === 'shutdown') {
    return { outcome: 'failed', reason: 'Stopped by a signal that was not sent by us (finish_reason: shutdown)' }
  }
  const errors = counter(end.stats, 'log_count/ERROR') + counter(end.stats, 'log_count/CRITICAL')
  if (
    errors > 0 &&
    counter(end.stats, 'response_received_count') === 0 &&
    counter(end.stats, 'item_scraped_count') === 0
  ) {
    return {
      outcome: 'failed',
      reason: withDetail(
        `${errors} ${errors === 1 ? 'error' : 'errors'} logged, no response and no item`,
        context.lastLoggedError ?? lastLine(end.outputTail),
      ),
    }
  }
  return { outcome: 'finished', reason: null }
}

/** A count among Scrapy's stats; 0 when it is not there or no count (spiders may set any stat to anything). */
export function counter(stats: Readonly<Record<string, unknown>> | null, name: string): number {
  const value = stats?.[name]
  return typeof value === 'number' && Number.isFinite(value)
    ? Math.trunc(Math.min(Math.max(value, 0), Number.MAX_SAFE_INTEGER))
    : 0
}

function cancelReason(end: EndRecord, context: OutcomeContext): string {
  const who = context.cancelledBy === null ? 'Cancelled' : `Cancelled by ${context.cancelledBy}`
  if (end.startedAt === null) return `${who} before it was started`
  const seconds = Math.max(0, Math.round((end.endedAt - end.startedAt) / 1000))
  return `${who} after ${seconds} s${end.signal === 'SIGKILL' ? '; it did not close in time and was killed' : ''}`
}

function withDetail(what: string, detail: string | null): string {
  return detail === null ? what : `${what}: ${detail.slice(0, 500)}`
}

function lastLine(text: string | null): string | null {
  const lines = (text ?? '').split('\n').filter((line) => line.trim() !== '')
  return lines.at(-1)?.trim() ?? null
}
