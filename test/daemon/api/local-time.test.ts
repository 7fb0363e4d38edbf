import { expect, it } from 'vitest'
import { localMinutes, localSeconds, pythonDuration } from '../../../src-daemon/api/local-time.ts'

it.each([
  [0, '0:00:00'],
  [999, '0:00:00'],
  [65_000, '0:01:05'],
  [36_000_000, '10:00:00'],
  [86_400_000, '1 day, 0:00:00'],
  [2 * 86_400_000 + 3_661_000, '2 days, 1:01:01'],
  [-5_000, '0:00:00'],
])('writes %i ms as Python does', (milliseconds, text) => {
  expect(pythonDuration(milliseconds)).toBe(text)
})

it('writes local time', () => {
  const at = new Date(2026, 6, 8, 9, 5, 3).getTime()
  expect(localMinutes(at)).toBe('2026-07-08 09:05')
  expect(localSeconds(at)).toBe('2026-07-08 09:05:03')
})
