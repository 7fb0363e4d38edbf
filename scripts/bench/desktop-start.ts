import { mkdtempSync, rmSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'
import { DESKTOP_START, newDesktopPage } from '../../test/helpers/desktop-page.ts'
import type * as ElectronStandIn from '../../test/helpers/electron-stand-in.ts'
import { chromiumArgs, chromiumPath } from '../../test/helpers/setup-chromium.ts'
import { mainDir } from '../lib/desktop-build.ts'
import { root } from '../lib/root.ts'

// One start of the desktop app without Electron's binary: the built main bundle under Node, its page in Chromium. Prints, as
// JSON, the milliseconds from the bundle's first line to the window's request for its page, and from there to the first view.
const standIn = pathToFileURL(join(root, 'test/helpers/electron-stand-in.ts')).href
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'electron' ? { url: standIn, shortCircuit: true } : next(specifier, context),
})
const electron = (await import(standIn)) as typeof ElectronStandIn
const userData = mkdtempSync(join(tmpdir(), 'scrapyd-service-desktop-bench-'))
electron.computer.userData = userData
const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArgs] })
try {
  const opened = new Promise<ElectronStandIn.BrowserWindow>((resolve) => {
    electron.windows.onOpen = resolve
  })
  const begun = performance.now()
  await import(pathToFileURL(join(mainDir, 'main.js')).href)
  const window = await opened
  const main = performance.now() - begun
  const page = await newDesktopPage(browser, electron, window)
  const asked = performance.now()
  await page.goto(DESKTOP_START)
  await page.getByRole('heading').first().waitFor()
  const view = performance.now() - asked
  process.stdout.write(`${JSON.stringify({ main, view })}\n`)
} finally {
  await browser.close()
  rmSync(userData, { recursive: true, force: true })
  process.exit()
}
