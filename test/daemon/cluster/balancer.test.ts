import { describe, expect, it } from 'vitest'
import { placeJob, type Candidate } from '../../../src-daemon/cluster/balancer.ts'

function node(name: string, more: Partial<Candidate> = {}): Candidate {
  return {
    id: name,
    name,
    online: true,
    problem: null,
    paused: false,
    used: 0,
    capacity: 4,
    hasProject: true,
    hasSpider: true,
    behind: null,
    refuses: null,
    ...more,
  }
}

const place = (nodes: readonly Candidate[], pinned: string | null = null) => placeJob('news', 'herald', pinned, nodes)

describe('placeJob', () => {
  it.each([
    ['the least loaded', [node('a', { used: 3 }), node('b', { used: 1 }), node('c', { used: 2 })], 'b'],
    ['by the share of its slots', [node('a', { used: 2, capacity: 4 }), node('b', { used: 3, capacity: 10 })], 'b'],
    [
      'with the most free slots where the shares are equal',
      [node('a', { capacity: 2 }), node('b', { capacity: 8 })],
      'b',
    ],
    ['by name where all is equal', [node('c'), node('a'), node('b')], 'a'],
    ['that is free, though others are idle and away', [node('a', { online: false }), node('b', { used: 3 })], 'b'],
    ['that is not paused', [node('a', { paused: true }), node('b', { used: 3 })], 'b'],
    ['that did not refuse it', [node('a', { refuses: 'full' }), node('b', { used: 3 })], 'b'],
    ['that has the project', [node('a', { hasProject: false }), node('b', { used: 3 })], 'b'],
    ['that has the spider', [node('a', { hasSpider: false }), node('b', { used: 3 })], 'b'],
    ['whose events are followed', [node('a', { behind: 'not yet' }), node('b', { used: 3 })], 'b'],
  ])('takes the node %s', (_, nodes, name) => {
    expect(place(nodes)).toMatchObject({ node: { name }, reason: null })
  })

  it('takes the pinned node, however loaded', () => {
    expect(place([node('a'), node('b', { used: 3 })], 'b').node?.name).toBe('b')
  })

  it.each([
    ['there is none', [], null, 'no node takes jobs'],
    ['the pinned one is gone', [node('a')], 'b', 'the node b is not in this cluster'],
    ['none has the project', [node('a', { hasProject: false })], null, 'no node has news'],
    ['the pinned one lacks it', [node('a'), node('b', { hasProject: false })], 'b', 'b does not have news'],
    ['none has the spider', [node('a', { hasSpider: false })], null, "no node's news has the spider herald"],
    ['one is offline', [node('a', { online: false })], null, 'a, the only node that has news, is offline'],
    [
      'all are offline',
      [node('a', { online: false }), node('b', { online: false })],
      null,
      'all 2 nodes that have news are offline',
    ],
    ['one is paused', [node('a', { paused: true })], null, 'a is paused'],
    ['all are paused', [node('a', { paused: true }), node('b', { paused: true })], null, 'a, b are paused'],
    ['one is full', [node('a', { used: 4 }), node('b', { online: false })], null, 'no free slot on a (4 of 4)'],
    [
      'all are full',
      [node('a', { used: 4 }), node('b', { used: 9 })],
      null,
      'no free slot on the 2 nodes that have news',
    ],
    [
      'each has a reason of its own',
      [
        node('a', { online: false }),
        node('b', { online: false, problem: 'its password is wrong' }),
        node('c', { paused: true }),
        node('d', { refuses: 'its disk is full' }),
        node('e', { behind: 'not followed yet' }),
      ],
      null,
      'a: is offline; b: its password is wrong; c: is paused; d: its disk is full; e: not followed yet',
    ],
  ])('says why a job waits: %s', (_, nodes, pinned, reason) => {
    expect(place(nodes, pinned)).toEqual({ node: null, reason: `Waits: ${reason}` })
  })

  it('gives nothing to a node without slots', () => {
    expect(place([node('a', { capacity: 0 })])).toEqual({ node: null, reason: 'Waits: no free slot on a (0 of 0)' })
  })
})
