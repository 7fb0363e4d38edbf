import { describe, expect, it } from 'vitest'
import {
  apiFilter,
  isNarrowed,
  matchesFilter,
  nextSort,
  readFilter,
  writeFilter,
} from '../../../src-renderer/domain/jobs-filter.ts'
import { sampleJob } from '../../helpers/sample-cluster.ts'

describe('the filter of the jobs page', () => {
  it('goes into the address and comes back, and leaves what else is there', () => {
    const address = {
      state: 'finished',
      outcome: ['failed', 'lost'],
      project: 'newspapers',
      spider: ['人民日报', 'bbc_world'],
      node: 'crawl-01',
      q: 'since=2026',
      from: '-24h',
      sort: '-duration',
    }
    expect(writeFilter(readFilter(address), { run: 'newspapers', q: 'old' })).toEqual({ ...address, run: 'newspapers' })
    expect(writeFilter(readFilter({}), {})).toEqual({})
    expect(isNarrowed(readFilter({ run: 'x', sort: 'created' }))).toBe(false)
  })

  it('forgets what it does not know', () => {
    expect(readFilter({ state: 'sleeping', outcome: ['x', 'lost'], from: "';--", sort: 'x', q: null })).toEqual({
      ...readFilter({}),
      outcome: ['lost'],
    })
  })

  it('asks the daemon for what an operator means', () => {
    expect(apiFilter(readFilter({ state: 'running' }))).toEqual({ state: ['assigned', 'starting', 'running'] })
    expect(apiFilter(readFilter({ state: 'finished', outcome: 'failed' }))).toEqual({ outcome: ['failed'] })
    expect(apiFilter(readFilter({ state: 'pending', outcome: 'failed' }))).toEqual({ state: ['pending'] })
    expect(apiFilter(readFilter({ q: '' }))).toEqual({})
  })

  it('tells whether a job that changed belongs to it', () => {
    const now = Date.parse('2026-11-22T12:00:00Z')
    const job = sampleJob({
      project: 'newspapers',
      spider: 'bbc_world',
      node: 'hq-01',
      state: 'finished',
      outcome: 'failed',
      args: { since: '2026' },
      started_at: '2026-11-21T11:00:00.000Z',
      ended_at: '2026-11-21T11:30:00.000Z',
    })
    const fits = (query: Record<string, string | string[]>) => matchesFilter(job, apiFilter(readFilter(query)), now)
    expect(fits({})).toBe(true)
    expect(fits({ outcome: ['lost', 'failed'], project: 'newspapers', node: 'hq-01', q: 'SINCE' })).toBe(true)
    expect(fits({ state: 'running' })).toBe(false)
    expect(fits({ from: '-24h' })).toBe(false)
    expect(fits({ from: '-2d', to: '2026-11-22' })).toBe(true)
    expect(fits({ to: '2026-11-20' })).toBe(false)
    expect(fits({ node: 'other' })).toBe(false)
    expect(fits({ q: 'nothing of it' })).toBe(false)
  })

  it('sorts down, up, and not at all', () => {
    expect(nextSort('default', 'started')).toBe('-started')
    expect(nextSort('-started', 'started')).toBe('started')
    expect(nextSort('started', 'started')).toBe('default')
  })
})
