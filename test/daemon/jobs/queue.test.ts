import { describe, expect, it } from 'vitest'
import { nextJob } from '../../../src-daemon/jobs/queue.ts'
import type { PendingGroup } from '../../../src-daemon/storage/jobs.ts'

const head = (priority: number, project: string, n: number): PendingGroup => ({
  n,
  key: `${project}${n}`,
  priority,
  project,
  spider: 's',
  pinned_node: null,
  requested_version: null,
})

describe('nextJob', () => {
  it.each<[string, PendingGroup[], Record<string, number>, string | null]>([
    ['nothing waits', [], {}, null],
    ['one waits', [head(0, 'a', 5)], { a: 9 }, 'a5'],
    ['priority counts over the whole node', [head(2, 'busy', 9), head(1, 'idle', 1)], { busy: 50 }, 'busy9'],
    ['fair: the project that runs least', [head(0, 'a', 1), head(0, 'b', 2)], { a: 1 }, 'b2'],
    ['age among equals', [head(0, 'a', 3), head(0, 'b', 2), head(0, 'c', 4)], {}, 'b2'],
    ['age among the fair', [head(0, 'a', 1), head(0, 'b', 7), head(0, 'c', 6)], { a: 2, b: 1, c: 1 }, 'c6'],
  ])('%s', (_what, heads, running, expected) => {
    expect(nextJob(heads, (project) => running[project] ?? 0)?.key ?? null).toBe(expected)
  })

  it('leaves out what cannot run now, down to lower priorities', () => {
    const heads = [head(5, 'a', 1), head(5, 'b', 2), head(1, 'c', 3)]
    const chosen = nextJob(
      heads,
      () => 0,
      ({ project }) => project === 'c',
    )

    expect(chosen?.key).toBe('c3')
  })

  it('does not look at lower priorities when it has one', () => {
    function* heads() {
      yield head(5, 'a', 1)
      yield head(4, 'b', 2)
      throw new Error('looked too far')
    }

    expect(nextJob(heads(), () => 0)?.key).toBe('a1')
  })
})
