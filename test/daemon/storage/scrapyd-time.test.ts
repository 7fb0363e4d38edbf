import { describe, expect, it } from 'vitest'
import { scrapydTime } from '../../../src-daemon/storage/scrapyd-time.ts'

describe('scrapydTime', () => {
  it('is local time with microseconds, as SQLite and Python give it', () => {
    for (let i = 0; i < 3_000; i++) {
      const at = Date.parse('2025-12-31T23:59:00Z') + i * 12_345_678 + (i % 1_000)
      const date = new Date(at)
      const text = scrapydTime(at)

      expect(text).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}000$/)
      expect(new Date(text.slice(0, 23).replace(' ', 'T')).getMinutes()).toBe(date.getMinutes())
      expect(text.slice(17)).toBe(
        `${String(date.getSeconds()).padStart(2, '0')}.${String(date.getMilliseconds()).padStart(3, '0')}000`,
      )
      expect(text.slice(0, 10)).toBe(
        `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`,
      )
    }
  })
})
