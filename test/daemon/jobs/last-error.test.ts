import { execFileSync } from 'node:child_process'
import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { lastLoggedError } from '../../../src-daemon/jobs/last-error.ts'
import { temporaryFolder } from '../../helpers/ledger-parts.ts'

function log(...lines: string[]): string {
  const file = join(temporaryFolder(), 'a.log')
  writeFileSync(file, lines.join('\n'))
  return file
}

const at = '2026-07-08 10:00:00'

describe('lastLoggedError', () => {
  it('is the exception that ends the traceback of the last error', async () => {
    const file = log(
      `${at} [scrapy.core.scraper] ERROR: Spider error processing <GET http://a>`,
      'Traceback (most recent call last):',
      '  File "a.py", line 1, in parse',
      '    raise KeyError("first")',
      "KeyError: 'first'",
      `${at} [scrapy.core.scraper] ERROR: Spider error processing <GET http://b>`,
      'Traceback (most recent call last):',
      '  File "a.py", line 1, in parse',
      "shop.errors.PriceMissing: 'second'",
      `${at} [scrapy.core.engine] INFO: Closing spider (finished)`,
      'INFO words',
    )

    expect(await lastLoggedError(file, 0)).toBe("shop.errors.PriceMissing: 'second'")
  })

  it('is the record itself where there is no traceback', async () => {
    expect(await lastLoggedError(log(`${at} [herald] CRITICAL: 沒有版面`, `${at} [a] DEBUG: x`), 0)).toBe('沒有版面')
  })

  it.each([
    ['has no error', [`${at} [scrapy.core.engine] INFO: Spider opened`]],
    ['is empty', []],
  ])('is null when the log %s', async (_what, lines) => {
    expect(await lastLoggedError(log(...lines), 0)).toBeNull()
  })

  it('is null without a log, or with a folder in its place', async () => {
    expect(await lastLoggedError('/nowhere/a.log', 0)).toBeNull()
    expect(await lastLoggedError(temporaryFolder(), 0)).toBeNull()
  })

  it('is null when this run has written nothing to the log of an earlier one', async () => {
    const file = log(`${at} [herald] ERROR: of yesterday`)
    utimesSync(file, 1_000, 1_000)

    expect(await lastLoggedError(file, 900_000)).toBe('of yesterday')
    expect(await lastLoggedError(file, 1_005_000)).toBeNull()
  })

  it('looks at the end of a long log only, and is short', async () => {
    const line = `${at} [a] DEBUG: ${'x'.repeat(990)}`
    const many = Array.from({ length: 200 }, () => line)
    const old = `${at} [herald] ERROR: long ago`

    expect(await lastLoggedError(log(old, ...many), 0)).toBeNull()
    expect((await lastLoggedError(log(...many, `${at} [a] ERROR: ${'y'.repeat(5_000)}`), 0))!.length).toBe(500)
  })

  it('does not wait for anybody to write where a pipe was put in place of the log', async () => {
    const file = join(temporaryFolder(), 'a.log')
    execFileSync('mkfifo', [file])

    expect(await lastLoggedError(file, 0)).toBeNull()
  })
})
