import { execFileSync } from 'node:child_process'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { outputTail } from '../../../src-daemon/runner/output-tail.ts'
import { temporaryFolder } from '../../helpers/runs.ts'

describe('outputTail', () => {
  it('is the end of what was printed, from the begin of a line', () => {
    const file = join(temporaryFolder(), 'output')
    writeFileSync(file, Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`).join(''))

    const tail = outputTail(file)

    expect(tail).toMatch(/^line \d+\n[^]*\nline 999$/)
    expect(tail!.length).toBeLessThanOrEqual(2_000)
  })

  it('is null where nothing was printed, or there is no file', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'output'), ' \n')

    expect(outputTail(join(folder, 'output'))).toBeNull()
    expect(outputTail(join(folder, 'none'))).toBeNull()
  })

  it('neither waits for a pipe nor follows a link that was put in place of the file', () => {
    const folder = temporaryFolder()
    execFileSync('mkfifo', [join(folder, 'pipe')])
    writeFileSync(join(folder, 'elsewhere'), 'a secret')
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'))

    expect(outputTail(join(folder, 'pipe'))).toBeNull()
    expect(outputTail(join(folder, 'link'))).toBeNull()
    expect(outputTail(folder)).toBeNull()
  })
})
