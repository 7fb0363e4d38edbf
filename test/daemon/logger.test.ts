import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src-daemon/logger.ts'

function open(debug: boolean) {
  const lines: string[] = []
  return { lines, log: createLogger((line) => lines.push(line), debug) }
}

describe('createLogger', () => {
  it('writes a line with time and level for each message, causes by their words', () => {
    const { lines, log } = open(false)
    log.info('one')
    log.warn('two', new Error('why'))
    log.error('three', 'text')
    log.debug('four')

    expect(lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, ''))).toEqual([
      'INFO one\n',
      'WARNING two: why\n',
      'ERROR three: text\n',
    ])
  })

  it('shows stacks and what is for developers with debug only', () => {
    const { lines, log } = open(true)
    log.debug('four')
    log.error('five', new Error('why'))

    expect(lines[0]).toMatch(/DEBUG four\n$/)
    expect(lines[1]).toMatch(/why\n\s+at /)
  })
})
