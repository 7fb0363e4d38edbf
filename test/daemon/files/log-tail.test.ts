import { spawn } from 'node:child_process'
import { appendFile, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Tail, TailPiece } from '../../../src-daemon/api/ports.ts'
import { JobNotFoundError } from '../../../src-daemon/errors.ts'
import { LocalLogTails } from '../../../src-daemon/files/log-tail.ts'
import { until as eventually } from '../../helpers/until.ts'
import { record } from './scrapy-log.ts'
import { tempFolder } from './temp-folder.ts'

/** Jobs with a log each, whose end the test decides. */
class Jobs {
  readonly logs = new Map<string, string | null>()
  readonly finished = new Set<string>()
  #listener: (key: string) => void = () => undefined
  readonly tails = new LocalLogTails({
    locate: (key) => {
      const log = this.logs.get(key)
      return log === undefined ? null : { log, items: null, output: null }
    },
    isFinished: (key) => this.finished.has(key),
    onFinished: (listener) => {
      this.#listener = listener
      return () => {
        this.#listener = () => undefined
      }
    },
  })

  finish(key: string): void {
    this.finished.add(key)
    this.#listener(key)
  }
}

/** Reads a tail as a console does: a piece at offset 0 after others begins anew. */
class Reader {
  readonly pieces: TailPiece[] = []
  bytes = 0
  begin = 0
  text = ''
  isFull = false
  faults: string[] = []
  tail: Tail | null = null

  readonly sink = (piece: TailPiece): boolean => {
    if (this.tail === null) this.faults.push('a piece before the tail')
    if (Buffer.byteLength(piece.text) > 4 * piece.length || piece.length > 65_536) this.faults.push('size')
    if (this.pieces.length === 0) {
      this.begin = piece.offset
    } else if (piece.offset === 0 && this.begin + this.bytes !== 0) {
      this.begin = 0
      this.bytes = 0
      this.text = ''
    } else if (piece.offset !== this.begin + this.bytes) {
      this.faults.push(`gap at ${piece.offset}, had ${this.begin + this.bytes}`)
    }
    this.pieces.push(piece)
    this.bytes += piece.length
    this.text += piece.text
    return !this.isFull
  }

  get last(): string | undefined {
    return this.pieces.at(-1)?.state
  }
}

async function setUp(text: string | null = '') {
  const folder = await tempFolder()
  const path = join(folder, 'p', 's', 'j.log')
  if (text !== null) {
    await mkdir(join(folder, 'p', 's'), { recursive: true })
    await writeFile(path, text)
  }
  const jobs = new Jobs()
  onTestFinished(() => jobs.tails.stop())
  jobs.logs.set('k', path)
  async function open(offset = 0, reader = new Reader()): Promise<Reader> {
    reader.tail = await jobs.tails.open('k', offset, reader.sink)
    return reader
  }
  return { folder, path, jobs, open }
}

function until(check: () => void): Promise<void> {
  return vi.waitFor(check, { interval: 5 })
}

describe('LocalLogTails', () => {
  it('sends what is there, then what comes, and the end', async () => {
    const { path, jobs, open } = await setUp(record('INFO', '打开'))
    const reader = await open()
    expect(reader.tail?.size).toBe(Buffer.byteLength(record('INFO', '打开')))
    await until(() => expect(reader.text).toBe(record('INFO', '打开')))
    for (let i = 0; i < 5; i++) {
      await appendFile(path, record('INFO', `line ${i}`))
      await until(() => expect(reader.text).toContain(`line ${i}`))
    }
    await appendFile(path, 'last words')
    jobs.finish('k')
    await until(() => expect(reader.last).toBe('end'))
    expect(reader.text.endsWith('last words')).toBe(true)
    expect(reader.faults).toEqual([])
  })

  it('is told by the system, not by the clock', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const { path, open } = await setUp('a\n')
    const reader = await open()
    await eventually('the tail tells it', () => reader.text === 'a\n')
    for (let i = 0; i < 10; i++) {
      await appendFile(path, `${i}\n`)
      await eventually('the tail tells it', () => reader.text.endsWith(`${i}\n`))
    }
  })

  it('waits for a log whose folder is not there yet', async () => {
    const { path, jobs, open } = await setUp(null)
    const reader = await open()
    expect(reader.tail?.size).toBe(0)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, 'begun\n')
    await until(() => expect(reader.text).toBe('begun\n'))
    jobs.finish('k')
    await until(() => expect(reader.last).toBe('end'))
  })

  it('waits for a job that has no log yet, and follows it once woken', async () => {
    const { path, jobs, open } = await setUp('begun\n')
    jobs.logs.set('k', null)
    const reader = await open()
    jobs.logs.set('k', path)
    jobs.tails.wake('k')
    await until(() => expect(reader.text).toBe('begun\n'))
  })

  it('asks by itself where the log lies, when nobody wakes it', async () => {
    const { path, jobs, open } = await setUp('begun\n')
    jobs.logs.set('k', null)
    const reader = await open()
    jobs.logs.set('k', path)
    await until(() => expect(reader.text).toBe('begun\n'))
    jobs.finished.add('k')
    await until(() => expect(reader.last).toBe('end'))
  })

  it('ends when a job ends that never began a log', async () => {
    const { jobs, open } = await setUp(null)
    const missing = await open()
    jobs.logs.set('k', null)
    const none = await open()
    jobs.finish('k')
    await until(() => expect([missing.last, none.last]).toEqual(['end', 'end']))
    expect(missing.bytes + none.bytes).toBe(0)
  })

  it('says of a finished job whose log was removed that it is gone', async () => {
    const { jobs, open } = await setUp(null)
    jobs.finish('k')
    const removed = await open()
    await until(() => expect(removed.last).toBe('gone'))
    jobs.logs.set('k', null)
    const forgotten = await open(-100)
    await until(() => expect(forgotten.last).toBe('gone'))
    expect(forgotten.faults).toEqual([])
  })

  it('does not know other jobs, nor follows links', async () => {
    const { folder, path, jobs, open } = await setUp('secret')
    await expect(jobs.tails.open('other', 0, () => true)).rejects.toThrow(JobNotFoundError)
    await symlink(path, join(folder, 'link.log'))
    jobs.logs.set('k', join(folder, 'link.log'))
    jobs.finish('k')
    const reader = await open()
    await until(() => expect(reader.last).toBe('gone'))
    expect(reader.text).toBe('')
  })

  it.each([
    [7, 'line 2\nline 3\n'],
    [10, 'e 2\nline 3\n'],
    [21, ''],
    [99, 'line 1\nline 2\nline 3\n'],
    [-7, 'line 3\n'],
    [-9, 'line 3\n'],
    [-14, 'line 2\nline 3\n'],
    [-2, 'line 3\n'],
    [-999, 'line 1\nline 2\nline 3\n'],
  ])('begins at %i with %j', async (offset, text) => {
    const { jobs, open } = await setUp('line 1\nline 2\nline 3\n')
    jobs.finish('k')
    const reader = await open(offset)
    await until(() => expect(reader.last).toBe('end'))
    expect(reader.text).toBe(text)
  })

  it('begins at a character when no line begins near', async () => {
    const { jobs, open } = await setUp('长'.repeat(100_000))
    jobs.finish('k')
    const reader = await open(-70_000)
    await until(() => expect(reader.last).toBe('end'))
    expect(reader.text).toMatch(/^长+$/)
    expect(reader.begin + reader.bytes).toBe(300_000)
  })

  it('cuts pieces at characters, and holds back what is not whole yet', async () => {
    const text = 'a长🕷é'.repeat(40_000)
    const { path, jobs, open } = await setUp('')
    const reader = await open()
    const bytes = Buffer.from(text)
    for (let at = 0; at < bytes.length; at += 33_333) await appendFile(path, bytes.subarray(at, at + 33_333))
    await appendFile(path, Buffer.from('长').subarray(0, 2))
    jobs.finish('k')
    await until(() => expect(reader.last).toBe('end'))
    expect(reader.text).toBe(`${text}\uFFFD`)
    expect(reader.bytes).toBe(bytes.length + 2)
    expect(reader.pieces.every((piece) => piece.length <= 65_536)).toBe(true)
    expect(reader.faults).toEqual([])
  })

  it('waits for a reader that is full, while others go on', async () => {
    const text = record('DEBUG', 'x'.repeat(60)).repeat(10_000)
    const { jobs, open } = await setUp(text)
    const slow = new Reader()
    slow.isFull = true
    await open(0, slow)
    const fast = await open()
    jobs.finish('k')
    await until(() => expect(fast.last).toBe('end'))
    expect(slow.pieces).toHaveLength(1)
    for (let seen = 1; slow.last !== 'end'; seen++) {
      slow.tail?.resume()
      await until(() => expect(slow.pieces.length).toBe(seen + 1))
    }
    expect(slow.text).toBe(text)
    expect([...slow.faults, ...fast.faults]).toEqual([])
  })

  it('begins anew when the log is cut, or written anew by a job of the same id', async () => {
    const { path, jobs, open } = await setUp('one\ntwo\n')
    const reader = await open()
    await until(() => expect(reader.text).toBe('one\ntwo\n'))
    await truncate(path, 0)
    await appendFile(path, '1\n')
    await until(() => expect(reader.text).toBe('1\n'))
    await writeFile(path, 'longer than it was before\n')
    await until(() => expect(reader.text).toBe('longer than it was before\n'))
    jobs.finish('k')
    await until(() => expect(reader.last).toBe('end'))
    expect(reader.faults).toEqual([])
  })

  it('sends the rest of a log that is moved away, then the new one', async () => {
    const { path, open } = await setUp('one\n')
    const reader = await open()
    await until(() => expect(reader.text).toBe('one\n'))
    await appendFile(path, 'rest of one\n')
    await rename(path, `${path}.1`)
    await writeFile(path, 'two\n')
    await until(() => expect(reader.text).toBe('two\n'))
    expect(reader.pieces.map(({ text }) => text).join('')).toContain('rest of one\n')
    expect(reader.faults).toEqual([])
  })

  it('does not show the log of a later run of the same id as that of a job that has ended', async () => {
    const { path, jobs, open } = await setUp('x'.repeat(200_000))
    jobs.finish('k')
    const slow = new Reader()
    slow.isFull = true
    await open(0, slow)
    const fast = await open()
    await until(() => expect([fast.last, slow.last]).toEqual(['end', 'live']))
    await writeFile(path, 'the next run\n')
    while (slow.last === 'live') {
      const seen = slow.pieces.length
      slow.tail?.resume()
      await until(() => expect(slow.pieces.length).toBe(seen + 1))
    }
    expect(slow.last).toBe('gone')
    expect(slow.text).toMatch(/^x+$/)
  })

  it('says that the log was removed, and goes on with one that is made again', async () => {
    const { path, jobs, open } = await setUp('one\n')
    const reader = await open()
    await until(() => expect(reader.text).toBe('one\n'))
    await rm(path)
    await until(() => expect(reader.last).toBe('gone'))
    await writeFile(path, 'two\n')
    await until(() => expect(reader.text).toBe('two\n'))
    await rm(join(path, '..'), { recursive: true })
    await until(() => expect(reader.last).toBe('gone'))
    const count = reader.pieces.length
    await mkdir(join(path, '..'))
    await writeFile(path, 'three\n')
    await until(() => expect(reader.text).toBe('three\n'))
    expect(reader.pieces.length).toBe(count + 1)
    jobs.finish('k')
    await until(() => expect(reader.last).toBe('end'))
    expect(reader.faults).toEqual([])
  })

  it('sends nothing more after a job ended whose log was removed before', async () => {
    const { path, jobs, open } = await setUp('one\n')
    const reader = await open()
    await until(() => expect(reader.text).toBe('one\n'))
    await rm(path)
    await until(() => expect(reader.last).toBe('gone'))
    const other = await open()
    jobs.finish('k')
    await until(() => expect(other.last).toBe('end'))
    expect(reader.last).toBe('gone')
  })

  it('serves 500 readers of one log that four processes write', async () => {
    const { path, jobs, open } = await setUp('')
    const readers = await Promise.all(Array.from({ length: 500 }, () => open()))
    const script = `
      const { appendFileSync } = require('node:fs')
      for (let i = 0; i < 500; i++) appendFileSync(process.argv[1], 'writer ' + process.argv[2] + ' line ' + i + ' 行\\n')
    `
    const codes = await Promise.all(
      ['a', 'b', 'c', 'd'].map(
        (name) =>
          new Promise((resolve) => {
            spawn(process.execPath, ['-e', script, path, name], { stdio: 'inherit' }).on('exit', resolve)
          }),
      ),
    )
    expect(codes).toEqual([0, 0, 0, 0])
    const late = await open()
    jobs.finish('k')
    await until(() => expect([...readers, late].filter(({ last }) => last !== 'end')).toHaveLength(0))
    const [first] = readers
    expect(new Set(first?.text.trimEnd().split('\n')).size).toBe(2_000)
    expect([...readers, late].filter(({ text }) => text !== first?.text)).toHaveLength(0)
    expect(readers.flatMap(({ faults }) => faults)).toEqual([])
  })

  it('sends nothing after it was closed', async () => {
    const { path, jobs, open } = await setUp('one\n')
    const closed = await open()
    const other = await open()
    closed.tail?.close()
    await appendFile(path, 'two\n')
    await until(() => expect(other.text).toBe('one\ntwo\n'))
    expect(closed.text).not.toContain('two')
    jobs.tails.stop()
    await appendFile(path, 'three\n')
    jobs.finish('k')
    expect(other.text).toBe('one\ntwo\n')
    closed.tail?.close()
    closed.tail?.resume()
  })
})
