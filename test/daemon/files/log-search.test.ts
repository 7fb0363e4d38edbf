import { randomInt } from 'node:crypto'
import { closeSync, fstatSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LogSearchResult } from '../../../src-daemon/api/ports.ts'
import { continuation, type LevelName, levelNames, levelOf } from '../../../src-daemon/files/log-line.ts'
import type { LogQuery } from '../../../src-daemon/files/log-query.ts'
import { LogSearch } from '../../../src-daemon/files/log-search.ts'
import { record, traceback } from './scrapy-log.ts'
import { tempFolder } from './temp-folder.ts'

async function logFile(text: string): Promise<string> {
  const path = join(await tempFolder(), 'j.log')
  writeFileSync(path, text)
  return path
}

async function search(path: string, query: Partial<LogQuery>, untilFull = false): Promise<LogSearchResult> {
  const fd = openSync(path, 'r')
  const start = { offset: 0, line: 0, level: continuation }
  const whole = { q: '', levels: [], from: 0, limit: 1_000, ...query }
  try {
    return await new LogSearch(fd, fstatSync(fd).size, whole, start).run(untilFull, async () => undefined)
  } finally {
    closeSync(fd)
  }
}

/** The same, in the simplest way. */
function simpleSearch(text: string, q: string, levels: readonly LevelName[]) {
  const anyCase = q === q.toLowerCase()
  const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n')
  const found: { offset: number; line: number; level: string | null }[] = []
  let offset = 0
  let level: LevelName | undefined
  for (const [line, content] of lines.entries()) {
    const bytes = Buffer.from(content)
    const code = levelOf(bytes, 0, bytes.length)
    if (code !== continuation) level = levelNames[code]
    const isWanted = levels.length === 0 || (level !== undefined && levels.includes(level))
    if (isWanted && (anyCase ? content.toLowerCase() : content).includes(q)) {
      found.push({ offset, line, level: level ?? null })
    }
    offset += bytes.length + 1
  }
  return found
}

const log = [
  'printed before logging began\n',
  record('INFO', 'Spider opened'),
  record('ERROR', 'Spider error processing <GET https://example.com/新闻>'),
  traceback,
  record('WARNING', '标题缺失: Überschrift fehlt', '财联社'),
  record('DEBUG', 'Привет, Мир'),
].join('')

describe('LogSearch', () => {
  it('finds lines with offset, number, level and text', async () => {
    const path = await logFile(log)
    expect(await search(path, { q: '没有标题' })).toEqual({
      matches: [
        {
          offset: Buffer.byteLength(log.slice(0, log.indexOf('    raise'))),
          line: 5,
          level: 'ERROR',
          text: "    raise ValueError('没有标题')",
        },
        {
          offset: Buffer.byteLength(log.slice(0, log.indexOf('ValueError: '))),
          line: 6,
          level: 'ERROR',
          text: 'ValueError: 没有标题',
        },
      ],
      total: 2,
      next: null,
      size: Buffer.byteLength(log),
    })
  })

  it.each([
    ['spider', 3],
    ['Spider', 2],
    ['SPIDER', 0],
    ['überschrift', 1],
    ['привет', 1],
    ['Привет', 1],
    ['ПРИВЕТ', 0],
    ['valueerror: 没有', 1],
    ['a\nb', 0],
    ['', 9],
  ])('%j matches %i lines (no capitals: any case)', async (q, count) => {
    expect((await search(await logFile(log), { q })).total).toBe(count)
  })

  it("filters by level, a traceback's lines with its record", async () => {
    const path = await logFile(log)
    const errors = await search(path, { levels: ['ERROR'] })
    expect(errors.matches.map(({ line }) => line)).toEqual([2, 3, 4, 5, 6])
    const some = await search(path, { levels: ['INFO', 'WARNING'], q: 'e' })
    expect(some.matches.map(({ level }) => level)).toEqual(['INFO', 'WARNING'])
  })

  it('goes on with next, and counts from there', async () => {
    const path = await logFile(record('INFO', 'tick').repeat(10))
    const first = await search(path, { q: 'tick', limit: 4 })
    const size = Buffer.byteLength(record('INFO', 'tick'))
    expect(first).toMatchObject({ total: 10, next: 4 * size })
    const second = await search(path, { q: 'tick', limit: 4, from: first.next ?? 0 })
    expect(second).toMatchObject({ total: 6, next: 8 * size })
    expect(second.matches[0]).toMatchObject({ offset: 4 * size, line: 4 })
    const third = await search(path, { q: 'tick', limit: 4, from: second.next ?? 0 })
    expect(third).toMatchObject({ total: 2, next: null })
    expect(await search(path, { q: 'tick', from: third.size })).toMatchObject({ total: 0 })
  })

  it('takes an offset inside a line for that line', async () => {
    const path = await logFile('first match\nsecond match\nthird match')
    const lines = async (from: number) => (await search(path, { q: 'match', from })).matches.map(({ line }) => line)
    expect(await lines(3)).toEqual([0, 1, 2])
    expect(await lines(11)).toEqual([0, 1, 2])
    expect(await lines(12)).toEqual([1, 2])
    expect(await lines(30)).toEqual([2])
    expect(await lines(36)).toEqual([])
  })

  it('cuts long lines around the match, never inside a character', async () => {
    const line = `${'長'.repeat(5_000)}needle${'🕷'.repeat(5_000)}`
    const path = await logFile(`short needle\n${line}\n${'🕷'.repeat(2_000)}`)
    const { matches } = await search(path, { q: 'needle' })
    expect(matches.map(({ text }) => text.length <= 2_000)).toEqual([true, true])
    expect(matches[1]?.text).toMatch(/^…長+needle(🕷)+…$/u)
    const all = await search(path, {})
    expect(all.matches[2]?.text).toMatch(/^(🕷)+…$/u)
    expect(all.matches[2]?.text.length).toBeLessThanOrEqual(2_000)
  })

  it('ends an answer before it grows too large', async () => {
    const path = await logFile(`${'x'.repeat(3_000)}\n`.repeat(3_000))
    const { matches, next, total } = await search(path, { limit: 10_000 })
    expect(matches.length).toBe(1_000)
    expect(next).toBe(1_000 * 3_001)
    expect(total).toBe(3_000)
  })

  it('finds a match once in a line that is longer than its buffer, wherever it lies', async () => {
    const mib = 1 << 20
    const line = [
      record('ERROR', 'x'.repeat(2 * mib - 60)).trimEnd(),
      '新needle新',
      'y'.repeat(3 * mib),
      'needle',
      'y'.repeat(2 * mib),
      'LAST\n',
    ].join('')
    const path = await logFile(`first\n${line}second needle\n${'z'.repeat(5 * mib)}`)
    const inLong = { offset: 6, line: 1, level: 'ERROR' }
    const behind = { offset: 6 + Buffer.byteLength(line), line: 2, level: 'ERROR' }
    expect((await search(path, { q: 'needle' })).matches).toMatchObject([inLong, behind])
    expect((await search(path, { q: '新needle新' })).matches).toMatchObject([inLong])
    expect((await search(path, { q: 'needleYY'.toLowerCase() })).matches).toMatchObject([inLong])
    expect((await search(path, { q: 'LAST' })).matches[0]).toMatchObject({ offset: 6, line: 1, level: 'ERROR' })
    expect(await search(path, {})).toMatchObject({ total: 4 })
    expect(await search(path, { levels: ['ERROR'] })).toMatchObject({ total: 3 })
    expect(await search(path, { q: 'приветик' })).toMatchObject({ total: 0 })
  })

  it('agrees with the simple way on a log of many buffers', async () => {
    const words = ['engine', 'Überfall', '新闻', 'ERROR', 'NEEDLE', 'needle', '🕷🕷', '', 'é'.repeat(300), 'привет МИР']
    const parts: string[] = []
    for (let i = 0; i < 60_000; i++) {
      const message = `${words[randomInt(words.length)]} ${i} ${words[randomInt(words.length)]}`
      const level = levelNames[randomInt(levelNames.length)] ?? 'INFO'
      parts.push(randomInt(4) === 0 ? `${message}\n` : record(level, message))
    }
    const text = parts.join('')
    const path = await logFile(text)
    const queries: [string, LevelName[]][] = [
      ['needle', []],
      ['NEEDLE', []],
      ['新闻', ['ERROR']],
      ['überfall', []],
      ['мир', ['DEBUG', 'CRITICAL']],
      ['🕷', []],
      ['', ['WARNING']],
      ['77', ['INFO', 'ERROR']],
    ]
    for (const [q, levels] of queries) {
      const expected = simpleSearch(text, q, levels)
      const found: { offset: number; line: number | null; level: string | null }[] = []
      for (let from: number | null = 0; from !== null;) {
        const page: LogSearchResult = await search(path, { q, levels, from, limit: 9_000 })
        expect(page.total).toBe(expected.length - found.length)
        found.push(...page.matches.map(({ offset, line, level }) => ({ offset, line, level })))
        from = page.next
      }
      expect(found.length).toBe(expected.length)
      expect(found).toEqual(expected)
    }
  })
})
