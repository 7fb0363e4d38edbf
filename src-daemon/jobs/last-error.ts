import { openRegularFile } from '../files/regular-file.ts'

const TAIL = 65_536
const RECORD = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[[^\]]+\] (ERROR|CRITICAL): (.*)$/
const ANY_RECORD = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[[^\]]+\] [A-Z]+: /

/**
 * The last error of a Scrapy log as one line: the exception that ends its traceback, else the record's own text.
 * null when there is none in the file's last 64 KiB, nothing was written since `since` (ms), or the file cannot be read
 * (a reason is a help, never a must).
 */
export async function lastLoggedError(file: string, since: number): Promise<string | null> {
  let text: string
  try {
    const { handle, stats } = await openRegularFile(file)
    try {
      const { size, mtimeMs } = stats
      // File systems may keep whole seconds only.
      if (mtimeMs < since - 1_000) return null
      const buffer = Buffer.alloc(Math.min(size, TAIL))
      await handle.read(buffer, 0, buffer.length, size - buffer.length)
      text = buffer.toString('utf8')
    } finally {
      await handle.close()
    }
  } catch {
    return null
  }
  const lines = text.split('\n')
  const at = lines.findLastIndex((line) => RECORD.test(line))
  if (at === -1) return null
  const next = lines.findIndex((line, index) => index > at && ANY_RECORD.test(line))
  const follow = lines.slice(at + 1, next === -1 ? undefined : next).filter((line) => line.trim() !== '')
  const exception = follow.findLast((line) => /^[\w.]+(Error|Exception|Exit|Interrupt|Warning)?\b.*:?/.test(line))
  return (exception ?? RECORD.exec(lines[at]!)?.[2] ?? '').trim().slice(0, 500) || null
}
