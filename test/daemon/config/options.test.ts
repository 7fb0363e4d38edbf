import { describe, expect, it } from 'vitest'
import { nearestName } from '../../../src-daemon/config/nearest-name.ts'
import { maxProc } from '../../../src-daemon/config/max-proc.ts'
import type { Option } from '../../../src-daemon/config/options.ts'
import { describeType, OPTIONS, SECTIONS } from '../../../src-daemon/config/options.ts'
import { parseValue } from '../../../src-daemon/config/option-value.ts'

const options: readonly Option[] = OPTIONS

describe('the table of options', () => {
  it('names every option once, in a known section, with a default that is valid and a line of documentation', () => {
    const names = options.map((option) => option.name)
    expect(new Set(names).size).toBe(names.length)
    for (const option of options) {
      expect(SECTIONS.map(({ name }) => name)).toContain(option.section)
      expect(option.doc).toMatch(/\.$/)
      expect(describeType(option.type)).not.toBe('')
    }
    const defaults = options.filter((option) => option.default !== '')
    for (const option of defaults) expect(parseValue(option.type, option.default, '/')).toHaveProperty('value')
  })
})

describe('nearestName', () => {
  it.each([
    ['http_prot', 'http_port'],
    ['Http-Port', 'http_port'],
    ['max_procs', 'max_proc'],
    ['log_dir', 'logs_dir'],
    ['slavehosts', 'slave_hosts'],
  ])('finds %s near %s', (unknown, expected) => {
    expect(
      nearestName(
        unknown,
        options.map(({ name }) => name),
      ),
    ).toBe(expected)
  })
})

describe('maxProc', () => {
  it.each([
    [0, 4, 2, 8],
    [3, 4, 2, 3],
    [0, 1, 0, 1],
  ])('max_proc %i, %i per CPU, %i CPUs: %i', (configured, maxProcPerCpu, cpus, expected) => {
    expect(maxProc({ maxProc: configured, maxProcPerCpu }, cpus)).toBe(expected)
  })
})
