import { describe, expect, it } from 'vitest'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Job, Node } from '../../src-daemon/api/contract/values.ts'
import { NoticeFinder } from '../../src-main/notices.ts'
import { ENGLISH } from '../../src-main/words.ts'
import { sampleCluster, sampleJob } from '../helpers/sample-cluster.ts'

const ALL = { failed: true, nodes: true }
const [sample] = sampleCluster().nodes
let seq = 0

function node(id: string, state: Node['state'], error: string | null = null): Extract<FeedEvent, { type: 'node' }> {
  if (sample === undefined) throw new Error('the sample has no node')
  return { type: 'node', seq: ++seq, at: '', node: { ...sample, id, name: `name of ${id}`, state, last_error: error } }
}
const job = (change: Partial<Job>): FeedEvent => ({ type: 'job', seq: ++seq, at: '', job: sampleJob(change) })
const titles = (finder: NoticeFinder, events: readonly FeedEvent[], rule = ALL) =>
  finder.find(events, rule).map(({ title }) => title)

describe('NoticeFinder', () => {
  it('tells of a node that is lost, with the reason, once', () => {
    const finder = new NoticeFinder(ENGLISH)
    finder.know([{ id: 'a b', state: 'online' }])
    expect(finder.find([node('a b', 'online'), node('a b', 'offline', 'connection refused')], ALL)).toEqual([
      { title: 'name of a b is offline', body: 'connection refused', path: '/nodes/a%20b' },
    ])
    expect(titles(finder, [node('a b', 'offline')])).toEqual([])
  })

  it('tells of a node that is back, also of one that was away before the app came', () => {
    const finder = new NoticeFinder(ENGLISH)
    finder.know([{ id: 'a', state: 'offline' }])
    // Something else of it has changed, or it was tried again.
    expect(titles(finder, [node('a', 'offline')])).toEqual([])
    expect(titles(finder, [node('a', 'online')])).toEqual(['name of a is back'])
    expect(titles(finder, [node('a', 'online')])).toEqual([])
  })

  it('takes a node that it has not heard of for no news', () => {
    const finder = new NoticeFinder(ENGLISH)
    expect(titles(finder, [node('away', 'offline'), node('here', 'online')])).toEqual([])
    expect(titles(finder, [node('away', 'online'), node('here', 'offline')])).toEqual([
      'name of away is back',
      'name of here is offline',
    ])
  })

  it('keeps what events said when the list comes later, and what was known when the master starts anew', () => {
    const finder = new NoticeFinder(ENGLISH)
    expect(titles(finder, [node('a', 'offline')])).toEqual([])
    finder.know([{ id: 'a', state: 'online' }])
    expect(titles(finder, [node('a', 'unknown'), node('a', 'offline')])).toEqual([])
    expect(titles(finder, [node('a', 'unknown'), node('a', 'online')])).toEqual(['name of a is back'])
  })

  it('tells of a job that failed, once, with the way to it', () => {
    const finder = new NoticeFinder(ENGLISH)
    const failed = { key: 'k1', project: 'news', spider: 'ticker', outcome: 'failed' } as const
    const found = finder.find(
      [job({ key: 'k0', outcome: 'finished' }), job({ ...failed, reason: 'exit status 1' })],
      ALL,
    )
    expect(found).toEqual([{ title: 'ticker failed (news)', body: 'exit status 1', path: '/jobs/k1' }])
    expect(titles(finder, [job(failed)])).toEqual([])
    expect(finder.find([job({ ...failed, key: 'k2', reason: null })], ALL)[0]?.body).toBe('No reason was recorded')
  })

  it('remembers what it told of the last jobs, not of all that ever were', () => {
    const finder = new NoticeFinder(ENGLISH)
    const fail = (key: number) => titles(finder, [job({ key: String(key), outcome: 'failed' })]).length
    for (let key = 0; key <= 1_000; key += 1) expect(fail(key)).toBe(1)
    expect([fail(1_000), fail(1), fail(0)]).toEqual([0, 0, 1])
  })

  it('tells the last three of many, and only what is wanted', () => {
    const finder = new NoticeFinder(ENGLISH)
    finder.know([{ id: 'a', state: 'online' }])
    const many = ['1', '2', '3', '4', '5'].map((key) => job({ key, spider: key, project: 'p', outcome: 'failed' }))
    expect(titles(finder, many)).toEqual(['3 failed (p)', '4 failed (p)', '5 failed (p)'])
    const both = [job({ key: '6', outcome: 'failed' }), node('a', 'offline')]
    expect(titles(finder, both, { failed: false, nodes: true })).toEqual(['name of a is offline'])
    // What was not wanted is no news later.
    expect(titles(finder, [job({ key: '6', outcome: 'failed' })])).toEqual([])
  })
})
