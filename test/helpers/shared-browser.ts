import { chromium, type Browser } from 'playwright-core'
import { afterAll } from 'vitest'
import { chromiumArgs, chromiumPath } from './setup-chromium.ts'

let launched: Promise<Browser> | null = null

/** One browser for all tests of a file, closed after them: starting one costs as much as a test. */
export function sharedBrowser(): Promise<Browser> {
  launched ??= chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArgs] })
  return launched
}

afterAll(async () => {
  await (await launched)?.close()
})
