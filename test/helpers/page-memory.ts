import type { Page } from 'playwright-core'

/** Everything that a page holds in its memory and its storage, as text. */
export async function memoryOf(page: Page): Promise<string> {
  const cdp = await page.context().newCDPSession(page)
  const pieces: string[] = []
  cdp.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => pieces.push(chunk))
  await cdp.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false, captureNumericValue: true })
  const storage = await page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie, location.href])')
  return pieces.join('') + String(storage)
}
