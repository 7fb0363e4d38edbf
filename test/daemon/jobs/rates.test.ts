import { describe, expect, it } from 'vitest'
import { ratePoint } from '../../../src-daemon/api/contract/values.ts'
import { Rates } from '../../../src-daemon/jobs/rates.ts'

const T = Date.parse('2026-07-08T10:00:00Z')
const at = (seconds: number, pages: number, more: Record<string, number> = {}) => ({
  at: T + seconds * 1_000,
  stats: { response_received_count: pages, ...more },
})

describe('Rates', () => {
  it('gives a point of rates per minute at most every 10 s', () => {
    const rates = new Rates()

    expect(rates.add('k', at(0, 10)).point).toBeNull()
    expect(rates.add('k', at(5, 20)).point).toBeNull()
    const { live, point } = rates.add(
      'k',
      at(12, 30, { item_scraped_count: 6, 'log_count/ERROR': 1, 'log_count/CRITICAL': 1 }),
    )
    expect(live).toEqual({ pages: 30, items: 6, errors: 2 })
    expect(ratePoint.parse(point)).toEqual({ at: '2026-07-08T10:00:12.000Z', pages: 100, items: 30, errors: 10 })
    expect(rates.points('k')).toEqual([point])
  })

  it('keeps half an hour', () => {
    const rates = new Rates()
    for (let i = 0; i <= 400; i++) rates.add('k', at(i * 10, i))

    expect(rates.points('k')).toHaveLength(180)
    expect(rates.points('k').at(-1)!.at).toBe(new Date(T + 4_000_000).toISOString())
  })

  it('knows the last stats, and forgets a job', () => {
    const rates = new Rates()
    rates.add('k', at(0, 1))
    rates.add('k', at(1, 2))
    expect(rates.stats('k')).toEqual({ response_received_count: 2 })
    expect(rates.live('k')).toEqual({ pages: 2, items: 0, errors: 0 })

    rates.forget('k')
    expect([rates.stats('k'), rates.live('k'), rates.points('k')]).toEqual([null, null, []])
  })

  it('gives no point while the clock goes back', () => {
    const rates = new Rates()
    rates.add('k', at(100, 1))
    expect(rates.add('k', at(0, 5)).point).toBeNull()
  })
})
