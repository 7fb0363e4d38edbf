import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { trimLog } from '../../src-main/local-daemon.ts'
import { LogFollower, logEnd } from '../../src-main/local-log.ts'
import { until } from '../helpers/until.ts'

let folder: string
let path: string
let follower: LogFollower | null = null
/** What a page would show. */
let shown: string
let told: number

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-log-'))
  path = join(folder, 'daemon.log')
  shown = ''
  told = 0
})
afterEach(() => {
  follower?.stop()
  follower = null
  rmSync(folder, { recursive: true, force: true })
})

function follow(): void {
  const onText = (text: string, isAnew: boolean) => {
    shown = isAnew ? text : shown + text
    told += 1
  }
  follower = new LogFollower({ path, onText })
  follower.start()
}

describe('the end of a log', () => {
  it('is whole lines, and all that is read of a log that is larger than memory', () => {
    expect(logEnd(path)).toBe('')
    writeFileSync(path, 'one\ntwo\nthree\n')
    expect(logEnd(path)).toBe('one\ntwo\nthree\n')
    expect(logEnd(path, 8)).toBe('three\n')
    truncateSync(path, 5 * 1024 ** 3)
    appendFileSync(path, '\nlast\n')
    expect(logEnd(path)).toBe('last\n')
  })
})

describe('a log that has grown', () => {
  it('is begun anew under the hands of the daemon, with what was there beside it', () => {
    const daemon = openSync(path, 'a')
    try {
      writeSync(daemon, 'short\n')
      trimLog({ log: path })
      expect(logEnd(path)).toBe('short\n')
      writeSync(daemon, `${'x'.repeat(1023)}\n`.repeat(4 * 1024))
      trimLog({ log: path })
      writeSync(daemon, 'new\n')
      expect(readFileSync(path, 'utf8')).toBe('new\n')
      expect(statSync(`${path}.1`).size).toBe(4 * 1024 * 1024 + 6)
    } finally {
      closeSync(daemon)
    }
  })
})

describe('LogFollower', () => {
  it('tells the end, then what is written, also where a character comes in two pieces', async () => {
    writeFileSync(path, 'begun\n')
    follow()
    expect(shown).toBe('begun\n')
    const bytes = Buffer.from('新闻\n')
    appendFileSync(path, bytes.subarray(0, 4))
    await until('the first piece is told', () => told === 2)
    appendFileSync(path, bytes.subarray(4))
    await until('the rest is told', () => shown === 'begun\n新闻\n')
  })

  it('waits for a log that is not there yet, and goes on with the one that takes its place', async () => {
    follow()
    expect(shown).toBe('')
    writeFileSync(path, 'first\n')
    await until('it is there', () => shown === 'first\n')
    renameSync(path, `${path}.1`)
    writeFileSync(path, 'another, and longer\n')
    await until('it is begun anew', () => shown === 'another, and longer\n')
    writeFileSync(path, 'short\n')
    await until('it was emptied', () => shown === 'short\n')
  })

  it('tells the end alone of what was written faster than it looks', async () => {
    writeFileSync(path, 'begun\n')
    follow()
    appendFileSync(path, `${'x'.repeat(99)}\n`.repeat(2_000))
    await until('it has caught up', () => told > 1)
    expect(shown.length).toBeLessThanOrEqual(64 * 1024)
    expect(shown).toMatch(/^x{99}\n(x{99}\n)*$/)
  })
})
