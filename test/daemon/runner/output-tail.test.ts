import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
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

  it('does not wait for anybody to write where a pipe was put in place of the file', () => {
    const file = join(temporaryFolder(), 'output')
    execFileSync('mkfifo', [file])

    expect(outputTail(file)).toBeNull()
  })
})
