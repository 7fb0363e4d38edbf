import { describe, expect, it } from 'vitest'
import type { LogIndex } from '../../../src-daemon/api/contract/values.ts'
import { placesBefore } from '../../../src-renderer/composables/use-log-errors.ts'
import { plainText, styledRuns } from '../../../src-renderer/domain/log/ansi.ts'
import { splitMatches } from '../../../src-renderer/domain/log/highlight.ts'
import { byteLength, linePrefix, recordLevel, type LogLine } from '../../../src-renderer/domain/log/log-line.ts'
import { LogTally } from '../../../src-renderer/domain/log/log-tally.ts'

const index = (change: Partial<LogIndex> = {}): LogIndex => ({
  size: 1_000,
  indexed: 1_000,
  lines: 10,
  levels: { CRITICAL: 1, ERROR: 2, WARNING: 3, INFO: 4, DEBUG: 5 },
  first_error: null,
  map: Array.from({ length: 10 }, (_, cell) => ({ errors: cell === 4 ? 1 : 0, warnings: cell === 7 ? 2 : 0 })),
  step: 64,
  offsets: [0],
  ...change,
})
const line = (offset: number, level: LogLine['level']): LogLine => ({ offset, place: 0, text: '', level, begins: true })

describe('a line', () => {
  it('has the level of Scrapy’s format, with or without milliseconds, CRITICAL as ERROR', () => {
    expect(recordLevel('2026-11-22 22:10:40 [scrapy.core.engine] DEBUG: Crawled')).toBe('DEBUG')
    expect(recordLevel('2026-11-22 22:10:40,123 [人民日报] WARNING: x')).toBe('WARNING')
    expect(recordLevel('2026-11-22 22:10:40 [twisted] CRITICAL: ')).toBe('ERROR')
    expect(recordLevel('2026-11-22T22:10:40 ERROR something else')).toBe('ERROR')
    expect(recordLevel('2026-11-22 22:10:40 [a] TRACE: x')).toBe(null)
    expect(recordLevel('  File "x", line 3')).toBe(undefined)
    expect(recordLevel("{'level': 'ERROR'}")).toBe(undefined)
  })

  it('is taken apart into what is dimmed and what is read', () => {
    expect(linePrefix('2026-11-22 22:10:40 [a.b] INFO: hello: x')).toEqual({
      date: '2026-11-22 ',
      time: '22:10:40',
      logger: '[a.b]',
      level: 'INFO',
      rest: 'hello: x',
    })
    expect(linePrefix('Traceback')).toBe(null)
  })

  it('has as many bytes as UTF-8 gives it', () => {
    for (const text of ['', 'abc', 'é', '新华社', '😀 x', '\ud800'])
      expect(byteLength(text)).toBe(new TextEncoder().encode(text).length)
  })

  it('shows colours as classes and no escape sequence, control character or change of direction', () => {
    expect(styledRuns('\u001b[1;31mbad\u001b[0m ok')).toEqual([
      { text: 'bad', classes: 'ansi-bold ansi-red' },
      { text: ' ok', classes: '' },
    ])
    expect(plainText('\u001b]0;title\u0007a\u001b[2Jb\u001b[38;5;196mc\u0000\b\u202egpj.exe')).toBe('abcgpj.exe')
    expect(styledRuns('<img src=x onerror=alert(1)>')).toEqual([{ text: '<img src=x onerror=alert(1)>', classes: '' }])
    expect(plainText('\u001b')).toBe('')
  })

  it('is split at what was searched for', () => {
    expect(splitMatches('Error and ERROR', 'error').map(({ hit }) => hit)).toEqual([true, false, true])
    expect(splitMatches('Error and ERROR', 'ERROR').filter(({ hit }) => hit)).toEqual([{ text: 'ERROR', hit: true }])
    expect(splitMatches('abc', '')).toEqual([{ text: 'abc', hit: false }])
    expect(splitMatches('aaa', 'a').length).toBe(3)
  })
})

describe('what is known of a whole log', () => {
  it('is nothing without an index', () => {
    const tally = new LogTally()
    tally.add([line(0, 'ERROR')])
    expect(tally.counts()).toBe(null)
    expect(tally.marks(100)).toEqual([])
  })

  it('counts each line once, whether the tail or the index saw it first', () => {
    const tally = new LogTally()
    tally.add([line(900, 'INFO'), line(1_050, 'ERROR')])
    tally.setIndex(index())
    tally.add([line(1_050, 'ERROR'), line(1_100, 'WARNING'), line(1_100, 'WARNING')])
    expect(tally.counts()).toEqual({ DEBUG: 5, INFO: 4, WARNING: 4, ERROR: 4 })
    const marks = tally.marks(2_000)
    expect(marks.filter(({ kind }) => kind === 'error').map(({ at }) => at)).toEqual([0.225, 0.525])
    expect(marks.filter(({ kind }) => kind === 'warning').map(({ at }) => at)).toEqual([0.375, 0.55])
  })

  it('knows where to look for the error before a place, nearest first, and at last at the begin', () => {
    expect(placesBefore(900, index())).toEqual([300, 0])
    expect(placesBefore(200, index())).toEqual([0])
    expect(placesBefore(900, null)).toEqual([0])
  })
})
