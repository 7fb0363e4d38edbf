import { findChromium } from '../../scripts/lib/chromium.ts'

/** The browser of the tests, as `npm test` found or installed it; see {@link chromiumArgs} for how to start it. */
export function chromiumPath(): string {
  const path = findChromium()
  if (path === null) throw new Error('No Chromium here: run the tests by `npm run test:e2e`, which installs it.')
  return path
}

/** Quiet, without a sandbox (tests run as root in containers) and without a GPU. */
export const chromiumArgs: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
