import { reasonText } from '../api/contract/reasons.ts'
import type { JobOutcome } from '../api/contract/values.ts'
import type { EndRecord } from '../runner/run.ts'

/** What is known beside the run's own record when its outcome is decided. */
export interface OutcomeContext {
  /** A cancel was stored before the end. */
  readonly cancelAsked: boolean
  readonly cancelledBy: string | null
  /** The cancel was for KILL: that it was killed is what was asked for. */
  readonly killAsked?: boolean
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
      return { outcome: 'lost', reason: reasonText('rebooted') }
    case 'unstartable':
      return { outcome: 'failed', reason: end.reason ?? reasonText('notStarted') }
    case 'gone':
      return {
        outcome: 'failed',
        reason: withDetail(end.outputTail, {
          without: () => reasonText('gone'),
          with: (detail) => reasonText('goneWith', { detail }),
        }),
      }
    default:
  }
  // After a cancel the signal is ours: the spider had finished by itself, but hung on its way out.
  if (end.signal !== null && !context.cancelAsked) {
    const { signal } = end
    return { outcome: 'failed', reason: reasonText(signal === 'SIGKILL' ? 'memory' : 'signal', { signal }) }
  }
  const code = end.exitCode
  if (code !== null && code !== 0) {
    return {
      outcome: 'failed',
      reason: withDetail(context.lastLoggedError ?? lastLine(end.outputTail), {
        without: () => reasonText('exitCode', { code }),
        with: (detail) => reasonText('exitCodeWith', { code, detail }),
      }),
    }
  }
  if (end.finishReason === 'shutdown') {
    return { outcome: 'failed', reason: reasonText('shutdown') }
  }
  const n = counter(end.stats, 'log_count/ERROR') + counter(end.stats, 'log_count/CRITICAL')
  if (n > 0 && counter(end.stats, 'response_received_count') === 0 && counter(end.stats, 'item_scraped_count') === 0) {
    return {
      outcome: 'failed',
      reason: withDetail(context.lastLoggedError ?? lastLine(end.outputTail), {
        without: () => (n === 1 ? reasonText('oneError') : reasonText('nothing', { n })),
        with: (detail) => (n === 1 ? reasonText('oneErrorWith', { detail }) : reasonText('nothingWith', { n, detail })),
      }),
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
  const who = context.cancelledBy
  if (end.startedAt === null) return who === null ? reasonText('cancelled') : reasonText('cancelledBefore', { who })
  const seconds = Math.max(0, Math.round((end.endedAt - end.startedAt) / 1000))
  const isKilled = end.signal === 'SIGKILL' && context.killAsked !== true
  if (who === null) return reasonText(isKilled ? 'cancelledKilled' : 'cancelledAfter', { seconds })
  return reasonText(isKilled ? 'cancelledKilledBy' : 'cancelledAfterBy', { who, seconds })
}

function withDetail(
  detail: string | null,
  say: { readonly without: () => string; readonly with: (detail: string) => string },
): string {
  return detail === null ? say.without() : say.with(detail.slice(0, 500))
}

function lastLine(text: string | null): string | null {
  const lines = (text ?? '').split('\n').filter((line) => line.trim() !== '')
  return lines.at(-1)?.trim() ?? null
}
