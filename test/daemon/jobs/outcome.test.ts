import { describe, expect, it } from 'vitest'
import { counter, outcomeOf, type OutcomeContext } from '../../../src-daemon/jobs/outcome.ts'
import type { EndRecord } from '../../../src-daemon/runner/run.ts'
import { endRecord } from '../../helpers/scripted-runner.ts'

const CANCELLED: Partial<OutcomeContext> = { cancelAsked: true }
const unstartable: Partial<EndRecord> = {
  seen: 'unstartable',
  exitCode: null,
  finishReason: null,
  stats: null,
  reason: 'no interpreter',
}
const gone: Partial<EndRecord> = { seen: 'gone', exitCode: null, finishReason: null, stats: null }
const nothingButErrors = { 'log_count/ERROR': 2 }
const started = { startedAt: 1_000, endedAt: 13_400 }

function outcome(record: Partial<EndRecord>, context: Partial<OutcomeContext> = {}) {
  return outcomeOf(endRecord(record), { cancelAsked: false, cancelledBy: null, lastLoggedError: null, ...context })
}

describe('outcomeOf: the table of HTTP_API.md', () => {
  it.each<[string, Partial<EndRecord>, Partial<OutcomeContext>, string]>([
    // cancelled: a cancel was stored, and the spider did not finish by itself or was never started
    ['closed by our INT', { finishReason: 'shutdown' }, CANCELLED, 'cancelled'],
    ['killed by us', { exitCode: null, signal: 'SIGKILL', finishReason: null }, CANCELLED, 'cancelled'],
    ['never started', unstartable, CANCELLED, 'cancelled'],
    ['closed by itself with another reason meanwhile', { finishReason: 'closespider_timeout' }, CANCELLED, 'cancelled'],
    ['gone after the cancel', gone, CANCELLED, 'cancelled'],
    ['the machine went down after the cancel', { ...gone, seen: 'rebooted' }, CANCELLED, 'cancelled'],
    ['exit code of a second signal', { exitCode: 1, finishReason: 'shutdown' }, CANCELLED, 'cancelled'],
    // … but it had finished by itself
    ['finished before the INT came', { finishReason: 'finished' }, CANCELLED, 'finished'],
    [
      'finished, then hung and was killed by us',
      { exitCode: null, signal: 'SIGKILL', finishReason: 'finished' },
      CANCELLED,
      'finished',
    ],
    ['finished with a bad exit code', { exitCode: 3, finishReason: 'finished' }, CANCELLED, 'failed'],
    // failed
    ['exit status not 0', { exitCode: 1 }, {}, 'failed'],
    ['exit status not 0, although finished', { exitCode: 1, finishReason: 'finished' }, {}, 'failed'],
    ['a signal that we did not send', { exitCode: null, signal: 'SIGKILL', finishReason: null }, {}, 'failed'],
    ['SIGSEGV', { exitCode: null, signal: 'SIGSEGV', finishReason: null }, {}, 'failed'],
    ['shutdown without our cancel', { finishReason: 'shutdown' }, {}, 'failed'],
    ['could not be started', unstartable, {}, 'failed'],
    ['no response, no item, an error', { finishReason: 'finished', stats: nothingButErrors }, {}, 'failed'],
    ['no response, no item, something critical', { stats: { 'log_count/CRITICAL': 1 } }, {}, 'failed'],
    ['gone in the same boot', gone, {}, 'failed'],
    // lost
    ['the machine was restarted', { ...gone, seen: 'rebooted' }, {}, 'lost'],
    // finished: everything else
    ['finished', {}, {}, 'finished'],
    ['errors beside responses', { stats: { ...nothingButErrors, response_received_count: 1 } }, {}, 'finished'],
    ['errors beside items', { stats: { ...nothingButErrors, item_scraped_count: 1 } }, {}, 'finished'],
    ['nothing done, nothing wrong', { stats: {} }, {}, 'finished'],
    ['closed by its own limit', { finishReason: 'closespider_itemcount' }, {}, 'finished'],
    ['a runner of the operator that tells nothing', { finishReason: null, stats: null }, {}, 'finished'],
    ['only the spider told of its end', { seen: 'self', exitCode: null }, {}, 'finished'],
    ['only the spider told of its shutdown', { seen: 'self', exitCode: null, finishReason: 'shutdown' }, {}, 'failed'],
  ])('%s', (_what, record, context, expected) => {
    expect(outcome(record, context).outcome).toBe(expected)
  })
})

describe('the reason', () => {
  it.each<[Partial<EndRecord>, Partial<OutcomeContext>, string | null]>([
    [{}, {}, null],
    [{ exitCode: 1 }, { lastLoggedError: 'KeyError: price' }, 'Exit code 1: KeyError: price'],
    [{ exitCode: 2, outputTail: 'Usage\n\nerror: no such option \n' }, {}, 'Exit code 2: error: no such option'],
    [{ exitCode: 2 }, {}, 'Exit code 2'],
    [
      { exitCode: null, signal: 'SIGKILL', finishReason: null },
      {},
      'Ended by SIGKILL, not sent by us (out of memory?)',
    ],
    [{ exitCode: null, signal: 'SIGSEGV', finishReason: null }, {}, 'Ended by SIGSEGV, not sent by us'],
    [unstartable, {}, 'no interpreter'],
    [{ ...unstartable, reason: null }, {}, 'The spider could not be started'],
    [
      { stats: { 'log_count/ERROR': 1 } },
      { lastLoggedError: 'ValueError: x' },
      '1 error logged, no response and no item: ValueError: x',
    ],
    [{ stats: nothingButErrors }, {}, '2 errors logged, no response and no item'],
    [{ finishReason: 'shutdown', ...started }, CANCELLED, 'Cancelled after 12 s'],
    [{ finishReason: 'shutdown', ...started }, { ...CANCELLED, cancelledBy: 'ann' }, 'Cancelled by ann after 12 s'],
    [
      { signal: 'SIGKILL', finishReason: null, ...started },
      CANCELLED,
      'Cancelled after 12 s; it did not close in time and was killed',
    ],
    [{ signal: 'SIGKILL', finishReason: null, ...started }, { ...CANCELLED, killAsked: true }, 'Cancelled after 12 s'],
    [
      { ...unstartable, startedAt: null },
      { ...CANCELLED, cancelledBy: 'ann' },
      'Cancelled by ann before it was started',
    ],
  ])('of %j with %j', (record, context, reason) => {
    expect(outcome(record, context).reason).toBe(reason)
  })

  it('is short, whatever a spider logs', () => {
    expect(outcome({ exitCode: 1 }, { lastLoggedError: 'x'.repeat(100_000) }).reason!.length).toBeLessThan(600)
  })
})

describe('counter', () => {
  it.each([
    [3, 3],
    [2.9, 2],
    [-4, 0],
    ['5', 0],
    [null, 0],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 0],
    [1e300, Number.MAX_SAFE_INTEGER],
  ])('takes %j as %d', (value, expected) => {
    expect(counter({ a: value }, 'a')).toBe(expected)
  })

  it('takes what is not there as 0', () => {
    expect([counter(null, 'a'), counter({}, 'a')]).toEqual([0, 0])
  })
})
