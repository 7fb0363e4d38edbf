import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { mainDir } from '../../scripts/lib/desktop-build.ts'
import { root } from '../../scripts/lib/root.ts'
import { serveAsset, START_URL } from '../../src-main/app-protocol.ts'
import type * as ElectronStandIn from './electron-stand-in.ts'

type StandIn = typeof ElectronStandIn

/** Chromium shows pages of https only as a secure context; `app:` is one in Electron. */
const ORIGIN = 'https://console.test'

/** Where the app's window begins. */
export const DESKTOP_START = START_URL.replace('app://console', ORIGIN)

/** A page in Chromium that is what a window of the app would hold: the built console and preload, and main behind them. */
export async function newDesktopPage(
  browser: Browser,
  electron: StandIn,
  { webContents }: StandIn['BrowserWindow']['prototype'],
): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    reducedMotion: 'reduce',
  })
  const page = await context.newPage()
  await page.route('**/*', async (route) => {
    const url = route.request().url().replace(ORIGIN, 'app://console')
    const answer = await serveAsset(join(root, 'dist/console'), { url, method: route.request().method() })
    const body = Buffer.from(await answer.arrayBuffer())
    await route.fulfill({ status: answer.status, headers: Object.fromEntries(answer.headers), body })
  })
  // Bound calls come in order: a page says that it is new before it says anything else.
  await page.exposeBinding('standInToMain', (_source, channel: string, args: unknown[]) => {
    if (channel === 'loaded') return void webContents.emit('did-navigate', {})
    return electron.callMain(webContents, channel, args)
  })
  webContents.onSend = (message) => {
    // A page that is just being loaded anew has nobody who listens.
    page.evaluate((value) => (window as never as PageSide).standInFromMain?.(value), message).catch(() => undefined)
  }
  await page.addInitScript({ content: preloadScript() })
  return page
}

interface PageSide {
  standInFromMain?: (message: unknown) => void
}

/** The built preload as it is, with the module `electron` that a sandboxed preload gets. */
function preloadScript(): string {
  const preload = readFileSync(join(mainDir, 'preload.cjs'), 'utf8')
  return `(() => {
    const listeners = []
    window.standInToMain('loaded', [])
    window.standInFromMain = (message) => { for (const listener of listeners) listener({}, message) }
    const modules = {
      contextBridge: { exposeInMainWorld: (name, api) => Object.defineProperty(window, name, { value: Object.freeze(api) }) },
      ipcRenderer: {
        invoke: (channel, ...args) => window.standInToMain(channel, args),
        on: (_channel, listener) => listeners.push(listener),
      },
      // Pages of a browser are not told where a file lies.
      webUtils: { getPathForFile: (file) => (window.standInPaths ?? {})[file.name] ?? '' },
    }
    ;((require) => {
      ${preload}
    })(() => modules)
  })()`
}
