import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ScrapydClock } from '../../../src-daemon/cluster/scrapyd-clock.ts'

const utc = (text: string) => Date.parse(text)

describe('ScrapydClock', () => {
  const zone = process.env['TZ']
  beforeEach(() => {
    process.env['TZ'] = 'Europe/Berlin'
  })
  afterEach(() => {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  })

  it('takes the zone to be ours until it knows better', () => {
    const clock = new ScrapydClock()
    expect(clock.isKnown).toBe(false)
    expect(clock.toUtc('2026-07-01 12:00:00.123456')).toBe(utc('2026-07-01T10:00:00.123Z'))
    expect(clock.toUtc('2026-01-01 12:00:00')).toBe(utc('2026-01-01T11:00:00Z'))
  })

  it.each([
    ['+05:30', '2026-07-01 15:30:03.5', '2026-07-01T10:00:03.500Z'],
    ['-07:00', '2026-07-01 03:00:03.5', '2026-07-01T10:00:03.500Z'],
    ['+14:00', '2026-07-02 00:00:03.5', '2026-07-01T10:00:03.500Z'],
    ['UTC', '2026-07-01 10:00:03.5', '2026-07-01T10:00:03.500Z'],
  ])('learns %s from a start between two polls', (_zone, text, expected) => {
    const clock = new ScrapydClock()
    clock.learnBetween(text, utc('2026-07-01T10:00:00Z'), utc('2026-07-01T10:00:05Z'))
    expect(clock.isKnown).toBe(true)
    expect(clock.toUtc(text)).toBe(utc(expected))
  })

  it.each(['2026-07-01 15:30:00.0', '2026-07-01 15:30:05.999'])('learns it also at the edge (%s)', (text) => {
    const clock = new ScrapydClock()
    clock.learnBetween(text, utc('2026-07-01T10:00:00Z'), utc('2026-07-01T10:00:05Z'))
    expect(clock.toUtc('2026-07-01 15:30:00')).toBe(utc('2026-07-01T10:00:00Z'))
  })

  it('learns nothing from polls that lie too far apart', () => {
    const clock = new ScrapydClock()
    clock.learnBetween('2026-07-01 15:30:03', utc('2026-07-01T09:45:00Z'), utc('2026-07-01T10:00:05Z'))
    expect(clock.isKnown).toBe(false)
  })

  it('keeps summer time where the zone is ours', () => {
    const clock = new ScrapydClock()
    clock.learnBetween('2026-07-01 12:00:03', utc('2026-07-01T10:00:00Z'), utc('2026-07-01T10:00:05Z'))
    expect(clock.isKnown).toBe(true)
    expect(clock.toUtc('2026-01-01 12:00:00')).toBe(utc('2026-01-01T11:00:00Z'))
  })

  it('learns from the last change of a log, unless that does not fit', () => {
    const clock = new ScrapydClock()
    clock.learnNear('2026-07-01 15:37:03', utc('2026-07-01T10:00:00Z'))
    expect(clock.isKnown).toBe(false)
    clock.learnNear('2026-07-01 15:30:03', utc('2026-07-01T10:00:00Z'))
    expect(clock.toUtc('2026-07-01 15:30:03')).toBe(utc('2026-07-01T10:00:03Z'))
  })

  it.each(['', 'now', '2026-07-01', '2026-07-01T10:00:00Z'])('reads nothing into %j', (text) => {
    expect(new ScrapydClock().toUtc(text)).toBeNull()
  })
})
