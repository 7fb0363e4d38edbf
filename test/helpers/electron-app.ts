import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { _electron, type ElectronApplication, type Locator, type Page } from 'playwright-core'
import { root } from '../../scripts/lib/root.ts'
import { isAlive, localFolders, recordedPid } from '../../src-main/local-daemon.ts'
import { dropOnto, type Person } from './desktop-person.ts'
import { testPython } from './setup-python.ts'

/** The desktop app in Electron itself. What a person does in the system's dialogs is put in the place of these, in main. */
export class ElectronApp implements Person {
  readonly main: ElectronApplication
  readonly page: Page
  readonly userData: string
  #hasQuit = false

  private constructor(main: ElectronApplication, page: Page, userData: string) {
    this.main = main
    this.page = page
    this.userData = userData
  }

  /** Starts the app; `userData` of an earlier one for its next start. */
  static async start(userData: string): Promise<ElectronApp> {
    const executablePath = process.env['ELECTRON_PATH']
    // Left out, playwright would ask the package `electron`, which downloads its program.
    if (executablePath === undefined)
      throw new Error('Run these tests by `npm run test:electron`, which finds Electron.')
    const main = await _electron.launch({
      executablePath,
      args: [root, `--user-data-dir=${userData}`, '--lang=en-GB'],
      env: environment(),
      locale: 'en-GB',
      chromiumSandbox: canSandbox(),
    })
    try {
      const told = await main.evaluate(({ app }) => app.getPath('userData'))
      if (told !== userData) throw new Error(`the app keeps its data in ${told}, not in the folder of the test`)
      const page = await main.firstWindow()
      // A window is there before it has a page.
      await page.waitForURL((url) => url.protocol === 'app:')
      return new ElectronApp(main, page, userData)
    } catch (error) {
      main.process().kill('SIGKILL')
      throw error
    }
  }

  opens(path: string): Promise<void> {
    return this.main.evaluate(({ dialog }, chosen) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] })
    }, path)
  }

  savesTo(path: string): Promise<void> {
    return this.main.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath })
    }, path)
  }

  drops(path: string, target: Locator): Promise<void> {
    return dropOnto(this.page, path, target)
  }

  /** The button that the person presses in questions from now on; what is asked is kept. */
  presses(button: number): Promise<void> {
    return this.main.evaluate(({ dialog }, response) => {
      const asked: string[] = []
      Object.assign(globalThis, { asked })
      dialog.showMessageBox = (...args: unknown[]) => {
        asked.push((args.at(-1) as Electron.MessageBoxOptions).message)
        return Promise.resolve({ response, checkboxChecked: false })
      }
    }, button)
  }

  /** What was asked since `presses`. */
  questions(): Promise<string[]> {
    return this.main.evaluate(() => (globalThis as unknown as { asked: string[] }).asked)
  }

  /** A call of the contract, as the page makes it; rejects when main says no. */
  async invoke(call: string, ...args: readonly unknown[]): Promise<unknown> {
    const text = `window.scrapydServiceDesktop.invoke(${JSON.stringify(call)}, ${JSON.stringify(args)})`
    const answer = (await this.page.evaluate(text)) as { ok: boolean; value: unknown; error?: { message: string } }
    if (!answer.ok) throw new Error(`${call}: ${answer.error?.message ?? ''}`)
    return answer.value
  }

  /** Process of the local master's daemon; -1 where there never was one. */
  localPid(): number {
    return recordedPid(localFolders(join(this.userData, 'local'))) ?? -1
  }

  /** Quits as a person does, and waits until the process has ended. */
  async quit(): Promise<void> {
    this.#hasQuit = true
    await this.main.close()
  }

  /** Ends what a failed test left. */
  async remove(): Promise<void> {
    if (!this.#hasQuit) {
      try {
        // It may ask about spiders that run, and may be meant to go on in the background.
        await this.presses(2)
        await this.invoke('local.setBackground', false)
        await this.quit()
      } catch {
        // It has ended, or does not answer any more.
        this.main.process().kill('SIGKILL')
      }
    }
    const daemon = this.localPid()
    if (daemon > 0 && isAlive(daemon)) process.kill(daemon, 'SIGTERM')
  }
}

/** What the app is started with: nothing that makes Electron be Node, or speak another language. */
function environment(): Record<string, string> {
  const { ELECTRON_RUN_AS_NODE: _node, NODE_OPTIONS: _options, ...rest } = process.env
  const own = { ...rest, LANGUAGE: 'en', SCRAPYD_SERVICE_PYTHON: testPython() }
  return Object.fromEntries(Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined))
}

/** Whether Chromium's sandbox can be had: on Linux not for root, nor where the kernel gives nobody namespaces of their own. */
function canSandbox(): boolean {
  if (process.platform !== 'linux') return true
  const says = (file: string, wrong: string) => {
    try {
      return readFileSync(file, 'utf8').trim() === wrong
    } catch {
      // This kernel has no such switch.
      return false
    }
  }
  return (
    process.getuid?.() !== 0 &&
    !says('/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1') &&
    !says('/proc/sys/kernel/unprivileged_userns_clone', '0')
  )
}
