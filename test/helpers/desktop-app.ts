import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { vi } from 'vitest'
import { ensureConsole } from '../../scripts/lib/console-build.ts'
import { ensureDesktop } from '../../scripts/lib/desktop-build.ts'
import type { IpcAnswer, IpcArguments, IpcCall, IpcReplies } from '../../src-main/ipc-contract.ts'
import { dropOnto, type Person } from './desktop-person.ts'
import { consoleShown, routeShown } from './desktop-scenarios.ts'
import { DESKTOP_START, newDesktopPage } from './desktop-page.ts'
import { memoryOf } from './page-memory.ts'
import { sharedBrowser } from './shared-browser.ts'
import type * as ElectronStandIn from './electron-stand-in.ts'
import { until } from './until.ts'

type StandIn = typeof ElectronStandIn

/**
 * The desktop app without Electron's binary: the real main entry with its real handlers in this process, the real built
 * preload and console in Chromium. What it cannot show: isolation and sandbox, `app:`, asar, real windows, tray and menus.
 */
export class DesktopApp implements Person {
  readonly electron: StandIn
  readonly userData: string
  readonly #browser: Browser
  #page: Page | null = null
  /** What the page's policy refused, and errors nobody caught. */
  readonly complaints: string[] = []

  private constructor(electron: StandIn, userData: string, browser: Browser) {
    this.electron = electron
    this.userData = userData
    this.#browser = browser
  }

  /** Starts the app; `userData` of an earlier one for its next start. */
  static async start(
    userData = mkdtempSync(join(tmpdir(), 'scrapyd-service-desktop-')),
    argv: readonly string[] = [],
    earlyLink: string | null = null,
  ): Promise<DesktopApp> {
    if (!(await ensureConsole()) || !(await ensureDesktop())) throw new Error('the app could not be built')
    const browser = await sharedBrowser()
    vi.resetModules()
    const electron = (await import('electron')) as unknown as StandIn
    const app = new DesktopApp(electron, userData, browser)
    electron.computer.userData = userData
    electron.computer.earlyLink = earlyLink
    const opened = new Promise<void>((resolve, reject) => {
      electron.windows.onOpen = (window) => void app.#show(window).then(resolve, reject)
    })
    const before = process.argv
    process.argv = [...before, ...argv]
    try {
      await import('../../src-main/main.ts')
      await opened
    } finally {
      process.argv = before
    }
    return app
  }

  get page(): Page {
    if (this.#page === null) throw new Error('no window is open')
    return this.#page
  }

  get contents() {
    const [window] = this.electron.windows.list
    if (window === undefined) throw new Error('no window is open')
    return window.webContents
  }

  /** A call, as a page that knows the contract makes it. */
  async invoke<C extends IpcCall>(call: C, ...args: IpcArguments<C>): Promise<IpcReplies[C]> {
    const answer = (await this.electron.callMain(this.contents, 'scrapyd-service', [call, args])) as IpcAnswer<C>
    if (answer.ok) return answer.value
    throw Object.assign(new Error(answer.error.message), answer.error)
  }

  /** Waits until the console shows a page of the open cluster: before that its router hears of no other one. */
  consoleShown(): Promise<void> {
    return consoleShown(this.page)
  }

  /** Shows a route of the console. */
  async goTo(path: string): Promise<void> {
    await this.page.evaluate(`location.hash = ${JSON.stringify(path)}`)
  }

  /** Waits until a route is shown. */
  shows(path: string): Promise<void> {
    return routeShown(this.page, path)
  }

  opens(path: string): Promise<void> {
    this.electron.answers.openFile = path
    return Promise.resolve()
  }

  savesTo(path: string): Promise<void> {
    this.electron.answers.saveFile = path
    return Promise.resolve()
  }

  async drops(path: string, target: Locator): Promise<void> {
    await this.page.evaluate(`window.standInPaths = { [${JSON.stringify(basename(path))}]: ${JSON.stringify(path)} }`)
    await dropOnto(this.page, path, target)
  }

  /** Everything that the page holds in its memory and its storage, as text. */
  memory(): Promise<string> {
    return memoryOf(this.page)
  }

  /** Closes the window; the app goes on, as on macOS. */
  async closeWindow(): Promise<void> {
    const { page } = this
    this.electron.windows.list[0]?.close()
    await page.close()
    this.#page = null
  }

  /** Waits until there is a window again. */
  windowShown(): Promise<Page> {
    return until('a window is shown', () => this.#page)
  }

  /** Quits as a person does, and waits until everything has ended. */
  async quit(): Promise<void> {
    this.electron.app.quit()
    await until('the app has quit', () => this.electron.shown.hasQuit)
    // Its windows; the browser is for the next app as well.
    await Promise.all(this.#browser.contexts().map((context) => context.close()))
  }

  /** Ends what a failed test left. */
  async remove(): Promise<void> {
    if (!this.electron.shown.hasQuit) {
      this.electron.answers.message = 2
      await this.invoke('local.setBackground', false)
      await this.quit()
    }
    rmSync(this.userData, { recursive: true, force: true })
  }

  async #show(window: StandIn['BrowserWindow']['prototype']): Promise<void> {
    const page = await newDesktopPage(this.#browser, this.electron, window)
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text())
    })
    this.#page = page
    await page.goto(DESKTOP_START)
  }
}
