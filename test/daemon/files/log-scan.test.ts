import { describe, expect, it } from 'vitest'
import { levelNames, levelOf, otherLevel } from '../../../src-daemon/files/log-line.ts'
import { LogScan, type LogScanResult } from '../../../src-daemon/files/log-scan.ts'
import { record, traceback } from './scrapy-log.ts'

function levelOfText(line: string): string {
  const bytes = Buffer.from(line)
  const code = levelOf(bytes, 0, bytes.length)
  return code === otherLevel ? 'other' : (levelNames[code] ?? 'continuation')
}

function scan(text: string, pieceSize = Number.POSITIVE_INFINITY): LogScanResult {
  const bytes = Buffer.from(text)
  const scan = new LogScan()
  for (let at = 0; at < bytes.length; at += pieceSize) {
    const piece = Uint8Array.from(bytes.subarray(at, Math.min(at + pieceSize, bytes.length)))
    scan.feed(piece, piece.length)
  }
  return scan.result(bytes.length)
}

describe('levelOf', () => {
  it.each([
    ['2026-11-22 22:10:40 [scrapy.core.engine] INFO: Spider opened', 'INFO'],
    ['2026-11-22 22:10:40 [scrapy.core.scraper] ERROR: Spider error', 'ERROR'],
    ['2026-11-22 22:10:40 [财联社] WARNING: 标题缺失', 'WARNING'],
    ['2026-11-22 22:10:40 [a] b [c] DEBUG: x', 'DEBUG'],
    ['2026-11-22 22:10:40,123 [twisted] CRITICAL: Unhandled error in Deferred:', 'CRITICAL'],
    ['2026-11-22 22:10:40 [x] TRACE: no ERROR: here', 'other'],
    ['2026-11-22 22:10:40 [x] INFO: see [y] ERROR: there', 'INFO'],
    ['2026-11-22 22:10:40,123 - mylog - ERROR - went wrong', 'ERROR'],
    ['2026-11-22T22:10:40 WARNING mylog: hm', 'WARNING'],
    ['2026-11-22 22:10:40 nothing known', 'other'],
    ['2026-11-22 22:10:40 MY_ERROR: no level', 'other'],
    ['Traceback (most recent call last):', 'continuation'],
    ['ValueError: 2026-11-22 22:10:40 [x] ERROR: y', 'continuation'],
    ['{"date": "2026-11-22"}', 'continuation'],
    ['', 'continuation'],
  ])('%s: %s', (line, level) => expect(levelOfText(line)).toBe(level))
})

describe('LogScan', () => {
  const text = [
    'printed before logging began\n',
    record('INFO', 'Spider opened'),
    record('WARNING', '标题缺失', '财联社'),
    record('ERROR', 'Spider error processing'),
    traceback,
    record('DEBUG', 'x'.repeat(3_000)),
    record('CRITICAL', 'done for'),
  ].join('')

  it('counts lines and levels, and finds the first error', () => {
    const result = scan(text)
    const offset = Buffer.byteLength(text.slice(0, text.indexOf('2026-11-22 22:10:40 [scrapy.core.engine] ERROR')))
    expect(result).toMatchObject({
      indexed: Buffer.byteLength(text),
      lines: 10,
      levels: { CRITICAL: 1, ERROR: 1, WARNING: 1, INFO: 1, DEBUG: 1 },
      first_error: { line: 3, offset },
      step: 64,
    })
    expect(Array.from(result.offsets)).toEqual([0])
  })

  it.each([1, 2, 3, 7, 64, 1_000])('says the same when the file comes in pieces of %i bytes', (size) => {
    expect(scan(text, size)).toEqual(scan(text))
  })

  it('counts a last line without its end', () => {
    expect(scan(`${record('INFO', 'a')}2026-11-22 22:10:40 [x] ERROR: cut he`)).toMatchObject({
      lines: 2,
      levels: { ERROR: 1 },
      first_error: { line: 1 },
    })
    expect(scan('')).toMatchObject({ lines: 0, indexed: 0, first_error: null })
  })

  it('maps errors and warnings over the file', () => {
    const debug = record('DEBUG', 'x'.repeat(100))
    const lines = Array.from({ length: 20_000 }, (_, i) => {
      if (i === 10_000) return record('ERROR', 'x'.repeat(100))
      return i % 1_000 === 550 ? record('WARNING', 'x'.repeat(98)) : debug
    })
    const { map } = scan(lines.join(''))
    expect(map).toHaveLength(200)
    expect(map.findIndex(({ errors }) => errors > 0)).toBe(100)
    expect(map.reduce((sum, cell) => sum + cell.errors, 0)).toBe(1)
    expect(map.reduce((sum, cell) => sum + cell.warnings, 0)).toBe(20)
    expect(map.flatMap(({ warnings }, i) => (warnings > 0 ? [i] : []))).toEqual(
      Array.from({ length: 20 }, (_, i) => i * 10 + 5),
    )
  })

  it('keeps the offset of every step-th line, and doubles the step in time', () => {
    const scan = new LogScan()
    const piece = Buffer.from('ab\n'.repeat(100_000))
    for (let i = 0; i < 50; i++) scan.feed(piece, piece.length)
    const { step, offsets, lines } = scan.result(scan.position)
    expect(lines).toBe(5_000_000)
    expect(step).toBe(256)
    expect(offsets.length).toBe(Math.ceil(lines / step))
    expect(offsets.every((offset, i) => offset === i * step * 3)).toBe(true)
  })

  it('finds the point to begin reading at', () => {
    const scan = new LogScan()
    const bytes = Buffer.from(record('ERROR', 'first') + 'more\n'.repeat(200))
    scan.feed(bytes, bytes.length)
    const start = Buffer.byteLength(record('ERROR', 'first'))
    expect(scan.pointBefore(0)).toEqual({ offset: 0, line: 0, level: 5 })
    expect(scan.pointBefore(start + 63 * 5 - 1)).toMatchObject({ line: 0 })
    expect(scan.pointBefore(start + 63 * 5)).toEqual({ offset: start + 63 * 5, line: 64, level: 1 })
    expect(scan.pointBefore(1e9)).toMatchObject({ line: 192 })
  })
})
