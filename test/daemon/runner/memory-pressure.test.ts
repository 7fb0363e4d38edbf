import { expect, it } from 'vitest'
import { isMemoryScarce } from '../../../src-daemon/runner/memory-pressure.ts'

const GIB = 1024 ** 3

it.each([
  ['a large machine with much left', 8 * GIB, 64 * GIB, false],
  ['a large machine with a tenth of a GiB left', 0.1 * GIB, 64 * GIB, true],
  ['a small machine with most of it left', 0.4 * GIB, 0.5 * GIB, false],
  ['a small machine with little left', 0.04 * GIB, 0.5 * GIB, true],
  ['a machine with half a GiB left', 0.5 * GIB, 64 * GIB, false],
])('memory of %s', (_, available, total, isScarce) => {
  expect(isMemoryScarce(available, total)).toBe(isScarce)
})

it('is asked of this machine without being told', () => {
  expect(isMemoryScarce()).toBeTypeOf('boolean')
})
