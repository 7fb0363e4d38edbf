import { describe, expect, it } from 'vitest'
import { momentOf } from '../../../src-daemon/jobs/moment.ts'
import { InvalidParameterError } from '../../../src-daemon/errors.ts'

const NOW = Date.parse('2026-07-08T10:00:00Z')

describe('momentOf', () => {
  it.each([
    ['-30s', NOW - 30_000],
    ['-5m', NOW - 300_000],
    ['-24h', NOW - 86_400_000],
    ['-7d', NOW - 7 * 86_400_000],
    ['-2w', NOW - 14 * 86_400_000],
    ['2026-07-08T09:00:00Z', NOW - 3_600_000],
    ['2026-07-08T11:00:00+02:00', NOW - 3_600_000],
    ['2026-07-08', Date.parse('2026-07-08')],
  ])('reads %s', (text, expected) => {
    expect(momentOf('from', text, NOW)).toBe(expected)
  })

  it.each(['', 'yesterday', '24h', '-1y', '2026', '2026-13-45', '-99999999999d'])('refuses %j by name', (text) => {
    expect(() => momentOf('from', text, NOW)).toThrow(InvalidParameterError)
    expect(() => momentOf('from', text, NOW)).toThrow(/^from is invalid/)
  })
})
