import { describe, expect, it } from 'vitest'
import { type MirroredJob, mirrorChanges } from '../../../src-daemon/cluster/scrapyd-mirror.ts'
import { jobsReply, type ScrapydJobs } from '../../../src-daemon/cluster/scrapyd-replies.ts'

const named = (id: string) => ({ id, project: 'p', spider: 's' })
const waits = (id: string, more: object = {}) => ({ ...named(id), ...more })
const runs = (id: string, start: string) => ({
  ...named(id),
  pid: 7,
  start_time: start,
  log_url: `/logs/p/s/${id}.log`,
})
const ended = (id: string, start: string) => ({ ...named(id), start_time: start, end_time: `${start}9`, log_url: null })

function listing(parts: { pending?: object[]; running?: object[]; finished?: object[] }): ScrapydJobs {
  return jobsReply.parse({ status: 'ok', pending: [], running: [], finished: [], ...parts })
}

function row(key: string, id: string, more: Partial<MirroredJob> = {}): MirroredJob {
  return { key, project: 'p', id, state: 'pending', run: null, isConfirmed: true, ...more }
}

const changes = (listed: Parameters<typeof listing>[0], known: MirroredJob[]) => mirrorChanges(listing(listed), known)
const short = (listed: Parameters<typeof listing>[0], known: MirroredJob[]) =>
  changes(listed, known).upserts.map(({ key, id, state, run }) => `${key ?? 'new'} ${id} ${state} ${run ?? '-'}`)

describe('mirrorChanges', () => {
  it('has nothing to say when nothing changed', () => {
    const known = [
      row('k1', 'a'),
      row('k2', 'b', { state: 'running', run: '2026-01-01 1' }),
      row('k3', 'c', { state: 'finished', run: '2026-01-01 0' }),
    ]
    const listed = {
      pending: [waits('a')],
      running: [runs('b', '2026-01-01 1')],
      finished: [ended('c', '2026-01-01 0')],
    }
    expect(changes(listed, known)).toEqual({ upserts: [], missing: [] })
  })

  it('takes over the jobs of others', () => {
    const listed = {
      pending: [waits('a', { version: 'v1', settings: { X: '1' }, args: { y: '2' } })],
      running: [runs('b', '1')],
      finished: [ended('c', '0')],
    }
    expect(short(listed, [])).toEqual(['new c finished 0', 'new b running 1', 'new a pending -'])
    expect(changes(listed, []).upserts[2]).toMatchObject({ version: 'v1', settings: { X: '1' }, args: { y: '2' } })
    expect(changes(listed, []).upserts[1]).toMatchObject({ pid: 7, start: '1', end: null, hasLog: true })
    expect(changes(listed, []).upserts[0]).toMatchObject({ pid: null, start: '0', end: '09', hasLog: false })
  })

  it('confirms a job that was given without an answer, once', () => {
    expect(short({ pending: [waits('a')] }, [row('k', 'a', { isConfirmed: false })])).toEqual(['k a pending -'])
    expect(short({ pending: [waits('a')] }, [row('k', 'a')])).toEqual([])
  })

  it('follows a job from the queue to its end, also when the steps between were not seen', () => {
    expect(short({ running: [runs('a', '1')] }, [row('k', 'a')])).toEqual(['k a running 1'])
    expect(short({ finished: [ended('a', '1')] }, [row('k', 'a', { state: 'running', run: '1' })])).toEqual([
      'k a finished 1',
    ])
    expect(short({ finished: [ended('a', '1')] }, [row('k', 'a', { isConfirmed: false })])).toEqual(['k a finished 1'])
  })

  it('does not take an earlier run of the same id for the new one', () => {
    const known = [row('old', 'daily', { state: 'finished', run: '1' }), row('now', 'daily', { isConfirmed: false })]
    expect(changes({ finished: [ended('daily', '1')] }, known)).toEqual({ upserts: [], missing: [known[1]] })
    expect(short({ finished: [ended('daily', '2'), ended('daily', '1')] }, known)).toEqual(['now daily finished 2'])
    expect(short({ pending: [waits('daily')], finished: [ended('daily', '1')] }, known)).toEqual([
      'now daily pending -',
    ])
  })

  it('tells a run of somebody else with the same id from ours', () => {
    const known = [row('k', 'a', { state: 'running', run: '1' })]
    expect(short({ running: [runs('a', '1'), runs('a', '2')], pending: [waits('a')] }, known)).toEqual([
      'new a running 2',
      'new a pending -',
    ])
  })

  it('gives an id in two projects two jobs', () => {
    const other = { ...runs('a', '1'), project: 'q' }
    expect(changes({ running: [runs('a', '1'), other] }, [row('k', 'a')]).upserts.map(({ key }) => key)).toEqual(
      [null, 'k'].toReversed(),
    )
  })

  it('names what has not ended and is not there', () => {
    const known = [
      row('k1', 'a'),
      row('k2', 'b', { state: 'running', run: '1' }),
      row('k3', 'c', { state: 'finished', run: '0' }),
      row('k4', 'd', { state: 'running', run: '1' }),
    ]
    const { upserts, missing } = changes({ pending: [waits('d')] }, known)
    expect(missing.map(({ key }) => key).toSorted()).toEqual(['k1', 'k2', 'k4'])
    expect(upserts).toMatchObject([{ key: null, id: 'd', state: 'pending' }])
  })

  it('leaves an end as it is', () => {
    const known = [row('k', 'a', { state: 'finished', run: '1' })]
    expect(changes({ running: [runs('a', '1')] }, known)).toEqual({ upserts: [], missing: [] })
  })

  it('takes back what was given up: the very run at any time, what was never seen only a moment later', () => {
    const lost = { state: 'finished', isLost: true } as const
    const seen = row('seen', 'a', { ...lost, run: '1' })
    expect(short({ running: [runs('a', '1')] }, [seen])).toEqual(['seen a running 1'])
    expect(short({ finished: [ended('a', '1')] }, [seen])).toEqual(['seen a finished 1'])
    expect(short({ running: [runs('a', '2')] }, [seen])).toEqual(['new a running 2'])
    const late = row('late', 'a', { ...lost, mayBeLate: true })
    expect(short({ running: [runs('a', '1')] }, [late])).toEqual(['late a running 1'])
    expect(short({ pending: [waits('a')] }, [late])).toEqual(['late a pending -'])
    expect(changes({}, [late, seen])).toEqual({ upserts: [], missing: [] })
    // One that waits for its start comes first; one that was given up long ago is another.
    expect(short({ running: [runs('a', '1')] }, [late, row('now', 'a')])).toEqual(['now a running 1'])
    expect(short({ running: [runs('a', '1')] }, [row('old', 'a', lost)])).toEqual(['new a running 1'])
  })
})
