import { describe, expect, it } from 'vitest'
import { ClockWatch } from '../../../src-daemon/jobs/clock-watch.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** A clock that the test sets; `pass` is time that both clocks see. */
function watch() {
  let wall = 1_000 * DAY
  let monotonic = 5 * HOUR
  const clock = new ClockWatch(
    () => wall,
    () => monotonic,
  )
  return {
    clock,
    now: () => wall,
    pass(ms: number) {
      wall += ms
      monotonic += ms
    },
    jump(ms: number) {
      wall += ms
    },
  }
}

describe('ClockWatch', () => {
  it('trusts a clock that goes on', () => {
    const { clock, now, pass } = watch()
    expect(clock.isTrusted(now() - HOUR)).toBe(true)
    pass(300 * DAY)
    expect(clock.isTrusted(now() - HOUR)).toBe(true)
    pass(60_000)
    expect(clock.isTrusted(0)).toBe(true)
  })

  it('trusts it with an empty ledger', () => {
    expect(watch().clock.isTrusted(0)).toBe(true)
  })

  it.each([2 * DAY, -2 * DAY, 30 * 365 * DAY])('does not for a day after it moved by %d ms at once', (ms) => {
    const { clock, now, pass, jump } = watch()
    clock.isTrusted(0)
    jump(ms)
    pass(60_000)
    expect(clock.isTrusted(0)).toBe(false)
    pass(23 * HOUR)
    expect(clock.isTrusted(0)).toBe(false)
    pass(2 * HOUR)
    expect(clock.isTrusted(now() - 1)).toBe(true)
  })

  it('takes small corrections for granted', () => {
    const { clock, pass, jump } = watch()
    clock.isTrusted(0)
    for (let i = 0; i < 20; i++) {
      jump(HOUR)
      pass(60_000)
      expect(clock.isTrusted(0)).toBe(true)
    }
  })

  it('does not while something stored is in the future', () => {
    const { clock, now, pass } = watch()
    const future = now() + HOUR
    expect(clock.isTrusted(now() + 30_000)).toBe(true)
    expect(clock.isTrusted(future)).toBe(false)
    pass(HOUR)
    expect(clock.isTrusted(future)).toBe(true)
  })

  it('does not for a day after a start that is more than a day behind what was stored last', () => {
    const { clock, now, pass } = watch()
    const newest = now() - 3 * DAY
    expect(clock.isTrusted(newest)).toBe(false)
    pass(25 * HOUR)
    expect(clock.isTrusted(newest)).toBe(true)
  })
})
