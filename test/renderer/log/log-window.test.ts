import { describe, expect, it } from 'vitest'
import { countNewlines, lineStarts, LogWindow } from '../../../src-renderer/domain/log/log-window.ts'

const encoder = new TextEncoder()
const info = (text: string) => `2026-11-22 22:10:40 [scrapy.core.engine] INFO: ${text}`
const debug = (text: string) => `2026-11-22 22:10:40 [scrapy.core.engine] DEBUG: ${text}`
const error = (text: string) => `2026-11-22 22:10:40 [scrapy.core.scraper] ERROR: ${text}`

function add(view: LogWindow, text: string): void {
  view.append(text, encoder.encode(text).length)
}

describe('a window on a log', () => {
  it('joins pieces that are cut anywhere to whole lines, with the offsets that they have in the file', () => {
    const whole = `${info('一')}\n${error('bad 😀')}\nTraceback (most recent call last):\n  File "x"\n${debug('go on')}\n`
    for (let size = 1; size < 40; size += 3) {
      const view = new LogWindow(0)
      const characters = [...whole]
      for (let at = 0; at < characters.length; at += size) add(view, characters.slice(at, at + size).join(''))
      expect(view.lines.map(({ text }) => text)).toEqual(whole.trimEnd().split('\n'))
      expect(view.lines.map(({ level }) => level)).toEqual(['INFO', 'ERROR', 'ERROR', 'ERROR', 'DEBUG'])
      expect(view.lines.map(({ offset }) => offset)).toEqual(lineStarts(encoder.encode(whole)))
      expect(view.lines.map(({ place }) => place)).toEqual([0, 1, 2, 3, 4])
      expect(view.end).toBe(encoder.encode(whole).length)
    }
  })

  it('shows a line that is still being written, once', () => {
    const view = new LogWindow(100)
    add(view, 'half')
    expect(view.lines.map(({ text }) => text)).toEqual(['half'])
    add(view, ' and half\nnext')
    expect(view.lines.map(({ text, offset }) => [text, offset])).toEqual([
      ['half and half', 100],
      ['next', 114],
    ])
  })

  it('grows at its begin without a gap, and gives lines the level of the record they belong to', () => {
    const before = `${info('a')}\n${error('b')}\n`
    const start = encoder.encode(before).length
    const view = new LogWindow(start)
    add(view, `  File "x", line 1\nValueError: y\n${debug('c')}\n`)
    expect(view.lines.map(({ level }) => level)).toEqual([null, null, 'DEBUG'])
    view.prependBytes(encoder.encode(before))
    expect(view.start).toBe(0)
    expect(view.firstPlace).toBe(-2)
    expect(view.lines.map(({ level }) => level)).toEqual(['INFO', 'ERROR', 'ERROR', 'ERROR', 'DEBUG'])
    expect(view.lines.map(({ offset }) => offset)).toEqual([
      0,
      ...lineStarts(encoder.encode(before)).slice(1),
      start,
      start + 19,
      start + 33,
    ])
  })

  it('is trimmed at either end and goes on from there', () => {
    const text = Array.from({ length: 100 }, (_, index) => debug(String(index))).join('\n') + '\n'
    const bytes = encoder.encode(text)
    const view = new LogWindow(0)
    view.appendBytes(bytes)
    expect(view.trimHead(40)).toBe(60)
    expect(view.lines[0]).toMatchObject({ place: 60, text: debug('60') })
    expect(view.start).toBe(view.lines[0]?.offset)
    view.trimTail(10)
    expect(view.lines.at(-1)?.text).toBe(debug('69'))
    view.appendBytes(bytes.subarray(view.end))
    expect(view.lines.map(({ text: line }) => line)).toEqual(text.trimEnd().split('\n').slice(60))
    view.prependBytes(bytes.subarray(0, view.start))
    expect(view.lines.map(({ place }) => place)).toEqual(Array.from({ length: 100 }, (_, index) => index))
  })

  it('passes by lines of hidden levels and keeps the count of lines right', () => {
    const view = new LogWindow(0, new Set(['DEBUG' as const]))
    add(view, `${debug('1')}\n${info('2')}\n${debug('3')}\n  more of 3\n${error('4')}\n`)
    expect(view.lines.map(({ place }) => place)).toEqual([1, 4])
    expect(view.nextPlace).toBe(5)
  })

  it('keeps offsets right behind a line of many kilobytes', () => {
    const view = new LogWindow(0)
    const long = 'x'.repeat(50_000)
    add(view, long.slice(0, 30_000))
    add(view, `${long.slice(30_000)}\nend\n`)
    expect(view.lines[0]?.text.length).toBe(16_384)
    expect(view.lines[1]).toMatchObject({ text: 'end', offset: 50_001 })
    expect(view.end).toBe(50_005)
  })

  it('takes a traceback that no record announces for an error', () => {
    const view = new LogWindow(0)
    add(view, `${info('started')}\nTraceback (most recent call last):\nImportError: x\n${info('end')}\n`)
    expect(view.lines.map(({ level }) => level)).toEqual(['INFO', 'ERROR', 'ERROR', 'INFO'])
  })

  it('counts lines', () => {
    expect(countNewlines(encoder.encode('a\nb\nc'))).toBe(2)
    expect(countNewlines(new Uint8Array())).toBe(0)
  })
})
