import { describe, expect, it } from 'vitest'
import { momentOf as daemonMomentOf } from '../../../src-daemon/jobs/moment.ts'
import { isBackwards, isMoment, momentOf, relativeMs } from '../../../src-renderer/domain/moment.ts'

const now = Date.parse('2026-11-22T12:00:00Z')

describe('a moment of an address', () => {
  it.each(['-24h', '-90m', '-0s', '2026-11-22', '2026-11-22T10:00:00Z', '2026-11-22T10:00:00.5+08:00'])(
    'is what the daemon takes for one: %s',
    (text) => {
      expect(isMoment(text)).toBe(true)
      expect(momentOf(text, now)).toBe(daemonMomentOf('from', text, now))
    },
  )

  it.each(['', '24h', '-24y', '-', '2026', '2026-13-40', '2026-11-22T99:00', 'now', "';--", '2026-11-22 or later'])(
    'is not what the daemon refuses: %s',
    (text) => {
      expect(isMoment(text)).toBe(false)
      expect(() => daemonMomentOf('from', text, now)).toThrow(/neither ISO 8601/)
    },
  )

  it('reaches back as far as a date can', () => {
    expect(isMoment('-999999999w')).toBe(true)
    expect(new Date(momentOf('-999999999w', now)).getTime()).toBeLessThan(0)
    expect(relativeMs('-2d')).toBe(172_800_000)
  })
})

it('a range is backwards when its end comes first, whichever way both are written', () => {
  expect(isBackwards({ from: '-24h', to: '2026-11-21T11:00:00Z' }, now)).toBe(true)
  expect(isBackwards({ from: '-24h', to: '2026-11-21T13:00:00Z' }, now)).toBe(false)
  expect(isBackwards({ from: '-1h', to: '-2h' }, now)).toBe(true)
  expect(isBackwards({ from: '', to: '2000-01-01' }, now)).toBe(false)
  expect(isBackwards({ from: '2030-01-01', to: '' }, now)).toBe(false)
})
