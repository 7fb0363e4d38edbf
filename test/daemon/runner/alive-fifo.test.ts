import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { AliveFifo } from '../../../src-daemon/runner/alive-fifo.ts'
import { temporaryFolder } from '../../helpers/runs.ts'

const module = join(import.meta.dirname, '../../../src-daemon/runner/alive-fifo.ts')

it('is held as long as anybody has it open', () => {
  const path = join(temporaryFolder(), 'alive')
  expect(AliveFifo.isHeld(path)).toBe(false)
  execFileSync('mkfifo', [path])
  expect(AliveFifo.isHeld(path)).toBe(false)
  const holder = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  expect(AliveFifo.isHeld(path)).toBe(true)
  closeSync(holder)
  expect(AliveFifo.isHeld(path)).toBe(false)
})

it('does not take a want of descriptors for the end of a run', () => {
  const folder = temporaryFolder()
  const path = join(folder, 'alive')
  execFileSync('mkfifo', [path])
  const script = join(folder, 'script.ts')
  writeFileSync(
    script,
    `import { openSync } from 'node:fs'
import { AliveFifo } from ${JSON.stringify(module)}
try {
  for (;;) openSync('/dev/null', 'r')
} catch (error) {
  console.log(error.code, AliveFifo.isHeld(process.argv[2]))
}
`,
  )
  const limited = ['-c', 'ulimit -n 128 && exec "$0" --no-warnings "$1" "$2"', process.execPath, script, path]

  expect(execFileSync('/bin/sh', limited, { encoding: 'utf8' })).toBe('EMFILE true\n')
})
