// @vitest-environment node
import { describe, expect, it } from 'vitest'
import { createFormat } from '../../../src-renderer/domain/format.ts'
import { i18n, showLanguage } from '../../../src-renderer/i18n.ts'
import type { Language } from '../../../src-renderer/stores/preferences.ts'

const documentElement = { lang: '' }
Object.assign(globalThis, { document: { documentElement } })

async function formats() {
  const make = async (language: Language) => {
    await showLanguage(language)
    return createFormat(language, (key, values, plural) => i18n.global.t(key, values, { plural, locale: language }))
  }
  const en = await make('en')
  const zh = await make('zh-CN')
  return { en, zh }
}
const { en, zh } = await formats()
const NOW = Date.parse('2026-11-22T14:14:02.000Z')
const ago = (seconds: number) => new Date(NOW - seconds * 1_000).toISOString()

describe('createFormat', () => {
  it.each([
    [0, '0 s', '0 秒'],
    [2.9, '2 s', '2 秒'],
    [282, '4 min 42 s', '4 分 42 秒'],
    [429, '7 min 09 s', '7 分 09 秒'],
    [7_860, '2 h 11 min', '2 小时 11 分'],
    [273_600, '3 d 4 h', '3 天 4 小时'],
  ])('says %d seconds with two units at most', (seconds, english, chinese) => {
    expect([en.duration(seconds), zh.duration(seconds)]).toEqual([english, chinese])
  })

  it.each([
    [41.4, '41 s', '41 秒'],
    [3_312, '55 min', '55 分钟'],
    [3_590, '1 h 00 min', '1 小时 00 分'],
    [7_870, '2 h 11 min', '2 小时 11 分'],
  ])('rounds %d seconds where they are only usual', (seconds, english, chinese) => {
    expect([en.about(seconds), zh.about(seconds)]).toEqual([english, chinese])
  })

  it.each([
    [20, '20 s ago', '20 秒前'],
    [1, 'now', '刚刚'],
    [180, '3 min ago', '3 分钟前'],
    [7_300, '2 h ago', '2 小时前'],
  ])('says %d seconds ago', (seconds, english, chinese) => {
    expect([en.ago(ago(seconds), NOW), zh.ago(ago(seconds), NOW)]).toEqual([english, chinese])
  })

  it('says ages with one unit, days in words', () => {
    expect([en.age(ago(86_400), NOW), en.age(ago(86_400 * 41), NOW), zh.age(ago(86_400 * 41), NOW)]).toEqual([
      '1 day',
      '41 days',
      '41 天',
    ])
  })

  it.each([[12_480, '12,480', '12,480']])('groups digits of %d', (value, english, chinese) => {
    expect([en.number(value), zh.number(value)]).toEqual([english, chinese])
  })

  it.each([
    [9_999, '9,999', '9,999'],
    [1_280_431, '1.28 M', '128 万'],
  ])('shortens %d as the language does', (value, english, chinese) => {
    expect([en.compact(value), zh.compact(value)]).toEqual([english, chinese])
  })

  it('knows percent, files, memory and latency', () => {
    expect([en.percent(0.0179), zh.percent(0.0179)]).toEqual(['1.8 %', '1.8%'])
    expect([en.fileSize(812), en.fileSize(7_800_000), en.fileSize(1_000_000_000)]).toEqual(['812 B', '7.8 MB', '1 GB'])
    expect(en.memory(333_447_168)).toBe('318 MiB')
    expect([en.latency(0.31), en.latency(2.14), en.latency(41.2), zh.latency(4)]).toEqual([
      '0.3 ms',
      '2.1 ms',
      '41 ms',
      '4 毫秒',
    ])
  })

  it('shows the clock of today and the date of other days', () => {
    expect(en.moment(new Date(NOW).toISOString(), NOW)).toMatch(/^\d\d:\d\d:\d\d$/)
    expect(en.moment(ago(86_400 * 3), NOW)).toMatch(/^Nov 19, \d\d:\d\d$/)
    expect(en.moment(ago(86_400 * 400), NOW)).toMatch(/^Oct 18, 2025$/)
    expect(en.dated(ago(86_400 * 3), NOW)).toMatch(/^Nov 19, \d\d:\d\d$/)
    expect(en.dated(ago(86_400 * 400), NOW)).toMatch(/^Oct 18, 2025, \d\d:\d\d$/)
    expect(en.full(ago(0))).toMatch(/^Nov 22, 2026, .* \(?(UTC|GMT).*\n14:14:02 UTC$/s)
  })
})
