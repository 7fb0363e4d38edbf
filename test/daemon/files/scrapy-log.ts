import { closeSync, openSync, writeSync } from 'node:fs'

/** One record in Scrapy's format. */
export function record(level: string, message: string, logger = 'scrapy.core.engine'): string {
  return `2026-11-22 22:10:40 [${logger}] ${level}: ${message}\n`
}

/** A traceback as Scrapy logs it, Chinese included. */
export const traceback = [
  'Traceback (most recent call last):',
  '  File "/srv/newspapers/spiders/cls.py", line 12, in parse',
  "    raise ValueError('没有标题')",
  'ValueError: 没有标题',
  '',
].join('\n')

/** Writes a log of at least `bytes` bytes; says what is in it. */
export function writeBigLog(path: string, bytes: number): { size: number; lines: number; errors: number } {
  const fd = openSync(path, 'w')
  let size = 0
  let lines = 0
  let errors = 0
  for (let n = 0; size < bytes;) {
    const parts: string[] = []
    for (const last = n + 5_000; n < last; n++) {
      if (n % 1_000 === 999) {
        parts.push(
          record('ERROR', `Spider error processing <GET https://example.com/${n}>`, 'scrapy.core.scraper'),
          traceback,
        )
        lines += 5
        errors++
      } else {
        parts.push(record('DEBUG', `Crawled (200) <GET https://example.com/新闻/${n}> (referer: None)`))
        lines++
      }
    }
    size += writeSync(fd, parts.join(''))
  }
  closeSync(fd)
  return { size, lines, errors }
}
