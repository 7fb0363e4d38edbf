import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withLock } from '../../scripts/lib/lock.mjs'

let dir: string
let file: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-'))
  file = join(dir, 'set-up.lock')
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A process that takes the lock and appends to a file what it does, `rounds` times. */
function contender(rounds: number) {
  const lock = JSON.stringify(join(import.meta.dirname, '../../scripts/lib/lock.mjs'))
  const code = `
    import { appendFileSync } from 'node:fs'
    import { withLock } from ${lock}
    const diary = ${JSON.stringify(join(dir, 'diary'))}
    for (let round = 0; round < ${rounds}; round += 1) {
      await withLock(${JSON.stringify(file)}, async () => {
        appendFileSync(diary, 'in ' + process.pid + '\\n')
        await new Promise((resolve) => setTimeout(resolve, 5))
        appendFileSync(diary, 'out ' + process.pid + '\\n')
      })
    }`
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'ignore', 'inherit'] })
}

describe('withLock', () => {
  it('lets one process in at a time', async () => {
    const ends = Array.from({ length: 4 }, () => once(contender(3), 'close'))
    for (const [code] of await Promise.all(ends)) expect(code).toBe(0)
    const diary = readFileSync(join(dir, 'diary'), 'utf8').trim().split('\n')
    expect(diary).toHaveLength(24)
    for (let line = 0; line < diary.length; line += 2) {
      expect(diary[line]?.replace('in', 'out')).toBe(diary[line + 1])
    }
    expect(existsSync(file)).toBe(false)
  })

  it('takes over the lock of a process that is gone', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    await once(child, 'close')
    writeFileSync(file, `${child.pid} 1`)
    expect(await withLock(file, () => Promise.resolve('done'))).toBe('done')
  })

  it('takes over the lock of a process whose number another one has now', async () => {
    writeFileSync(file, `${process.pid} 1`)
    expect(await withLock(file, () => Promise.resolve('done'))).toBe('done')
  })

  it('releases the lock when the work fails', async () => {
    await expect(withLock(file, () => Promise.reject(new Error('no space left')))).rejects.toThrow('no space left')
    expect(existsSync(file)).toBe(false)
  })
})
