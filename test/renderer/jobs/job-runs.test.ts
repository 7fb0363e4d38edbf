import { describe, expect, it } from 'vitest'
import { cellText, itemColumns } from '../../../src-renderer/domain/item-table.ts'
import { firstBad, jobMoments, responseCodes } from '../../../src-renderer/domain/job-runs.ts'
import { sampleJob } from '../../helpers/sample-cluster.ts'

const at = (hour: number) => `2026-11-22T${String(hour).padStart(2, '0')}:00:00.000Z`
const run = (hour: number, outcome: 'finished' | 'failed' | 'cancelled', version: string) =>
  sampleJob({ key: `k${hour}`, created_at: at(hour), state: 'finished', outcome, version })

describe('the runs of a spider', () => {
  it('tell where it went from good to bad', () => {
    const runs = [
      run(1, 'finished', 'a'),
      run(2, 'finished', 'b'),
      run(3, 'failed', 'c'),
      run(4, 'cancelled', 'c'),
      run(5, 'failed', 'd'),
    ]
    const found = firstBad(runs[4]!, runs.toReversed())
    expect(found).toMatchObject({ good: { version: 'b' }, bad: { version: 'c' }, failures: 2 })
    expect(firstBad(runs[2]!, runs)?.failures).toBe(1)
    expect(firstBad(run(0, 'failed', 'x'), runs)).toBe(null)
  })

  it('tell what happened to a job, and nothing that is not known', () => {
    const waiting = sampleJob({
      state: 'pending',
      outcome: null,
      started_at: null,
      ended_at: null,
      cancel_requested_at: null,
    })
    expect(jobMoments(waiting).map(({ kind }) => kind)).toEqual(['scheduled'])
    const ended = sampleJob({
      created_at: at(1),
      started_at: at(2),
      ended_at: at(3),
      pid: 7,
      node: 'hq-01',
      cancel_requested_at: null,
    })
    expect(jobMoments(ended).map(({ kind }) => kind)).toEqual(['scheduled', 'waited', 'sent', 'running', 'ended'])
  })

  it('have responses by code, most frequent first', () => {
    const stats = {
      'downloader/response_status_count/404': 3,
      'downloader/response_status_count/200': 90,
      'downloader/response_count': 93,
      item_scraped_count: 5,
    }
    expect(responseCodes(stats)).toEqual([
      { code: '200', count: 90 },
      { code: '404', count: 3 },
    ])
    expect(responseCodes(null)).toEqual([])
  })
})

describe('a table of items', () => {
  it('has the fields in the order in which they come, and shows nested values as JSON', () => {
    const items = [{ title: 'a', tags: ['x'] }, { title: 'b', url: 'u' }, 'no object']
    expect(itemColumns(items)).toEqual(['title', 'tags', 'url', 'value'])
    expect(cellText(items[0], 'tags')).toBe('["x"]')
    expect(cellText(items[2], 'value')).toBe('no object')
    expect(cellText(items[1], 'tags')).toBe('')
    expect(cellText({ title: '<script>alert(1)</script>' }, 'title')).toBe('<script>alert(1)</script>')
    expect(cellText({ body: 'x'.repeat(9_000) }, 'body').length).toBe(301)
  })
})
