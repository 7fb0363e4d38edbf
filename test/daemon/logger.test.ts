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

  it('lets nothing from elsewhere look like a line of its own, or act on a terminal', () => {
    const lines: string[] = []
    const log = createLogger((line) => lines.push(line), false)
    log.warn('node a\n2026-01-01T00:00:00.000Z ERROR forged\u001b[2J', new Error('first\r\nsecond\tline'))
    expect(lines[0]!.slice(25)).toBe(
      'WARNING node a\n    2026-01-01T00:00:00.000Z ERROR forged?[2J: first\n    second\tline\n',
    )
  })
})
