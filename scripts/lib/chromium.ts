import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from './lock.mjs'
import { canInstallPackages, inPath, installPackages } from './packages.ts'
import { root } from './root.ts'
import { cacheDir, SetUpError } from './set-up.mjs'

const macApps = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/** The browser of the tests: `CHROMIUM_PATH`, else one in PATH, else null. */
export function findChromium(): string | null {
  const chosen = process.env['CHROMIUM_PATH']
  if (chosen) return existsSync(chosen) ? chosen : null
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
  return names.map(inPath).find((path) => path !== null) ?? macApps.find((path) => existsSync(path)) ?? null
}

/** Whether a test asks for the browser (it imports the helper that starts it). */
export function testsNeedChromium(): boolean {
  const folder = join(root, 'test')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).some(
    (file) =>
      file.endsWith('.test.ts') &&
      readFileSync(join(folder, file), 'utf8').match(/setup-chromium|console-browser|console-stage|desktop-app/) !==
        null,
  )
}

/**
 * The browser of the tests; installed where it is missing and that can be done.
 * @throws SetUpError with what to do
 */
export async function ensureChromium(): Promise<string> {
  const found = findChromium()
  if (found !== null) return found
  const chosen = process.env['CHROMIUM_PATH']
  if (chosen) throw new SetUpError(`CHROMIUM_PATH is ${chosen}, which does not exist.`)
  // The fonts: without them Chinese shows as boxes, and pages have another layout than on our machines.
  const packages = ['chromium', 'fonts-noto-cjk', 'fonts-inter', 'fonts-jetbrains-mono']
  if (canInstallPackages()) {
    const installed = await withLock(join(cacheDir(root), 'packages.lock'), async () => {
      if (findChromium() === null) await installPackages('Installing Chromium', packages)
      return findChromium()
    })
    if (installed !== null) return installed
  }
  throw new SetUpError(
    [
      'The browser tests need Chromium. On Debian:',
      `  sudo apt-get install ${packages.join(' ')}`,
      'Elsewhere install Chromium or Google Chrome, or set CHROMIUM_PATH to its program.',
    ].join('\n'),
  )
}
