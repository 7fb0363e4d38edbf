import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { _electron, type ElectronApplication, type Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { isAlive, localFolders, recordedPid } from '../../src-main/local-daemon.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { testPython } from '../helpers/setup-python.ts'

let userData: string
let app: ElectronApplication
let page: Page

beforeEach(async () => {
  userData = mkdtempSync(join(tmpdir(), 'scrapyd-service-electron-'))
  await start()
})
afterEach(async () => {
  await app.close()
  rmSync(userData, { recursive: true, force: true })
})

async function start(): Promise<void> {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  app = await _electron.launch({
    executablePath: process.env['ELECTRON_PATH'] ?? '',
    args: [root, `--user-data-dir=${userData}`, ...sandbox],
    env: { ...(process.env as Record<string, string>), SCRAPYD_SERVICE_PYTHON: testPython() },
  })
  page = await app.firstWindow()
}

/** What the person chooses in the next folder dialog. */
async function chooseFolder(path: string): Promise<void> {
  await app.evaluate(({ dialog }, chosen) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] })
  }, path)
}

describe('the app in Electron', () => {
  it('shows its own page, isolated from Node, and nothing else', async () => {
    expect(page.url()).toBe('app://console/index.html')
    expect(await page.evaluate('[typeof require, typeof process, typeof module].join()')).toBe(
      'undefined,undefined,undefined',
    )
    expect(await page.evaluate(`fetch('https://example.org/').then(() => 'answered', () => 'refused')`)).toBe('refused')
    await page.evaluate(`location.href = 'https://example.org/'`).catch(() => undefined)
    await page.evaluate(`window.open('file:///etc/passwd')`)
    expect(page.url()).toBe('app://console/index.html')
    expect(app.windows()).toHaveLength(1)
    const preferences = await app.evaluate(({ BrowserWindow }) => {
      const [contents] = BrowserWindow.getAllWindows().map(({ webContents }) => webContents)
      // Not in Electron's declarations, but in every Electron.
      return (contents as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences()
    })
    expect(preferences).toMatchObject({ contextIsolation: true, sandbox: true, nodeIntegration: false })
  })

  it('launches the local master, adds a project, runs a spider, follows its log, and leaves no process', async () => {
    await page.getByRole('button', { name: 'Launch' }).click()
    await page.getByRole('status').filter({ hasText: 'Running' }).waitFor({ timeout: 60_000 })
    await chooseFolder(join(root, 'examples/newspapers'))
    await page.getByRole('button', { name: 'Choose folder…' }).click()
    await page.getByRole('button', { name: 'Add project' }).click()
    await page.getByText('newspapers added').waitFor()
    await page.locator('.local-master').getByRole('button', { name: 'Open cluster' }).click()
    await page.getByRole('navigation', { name: 'Main' }).waitFor()
    await page.evaluate(`location.hash = '/?run=newspapers&spider=harbour_times'`)
    await page.getByRole('dialog').getByRole('button', { name: /^Run/ }).click()
    await page.getByText('Spider closed (finished)').first().waitFor({ timeout: 60_000 })
    const daemon = recordedPid(localFolders(join(userData, 'local'))) ?? -1
    expect(isAlive(daemon)).toBe(true)
    await app.close()
    expect(isAlive(daemon)).toBe(false)
    await start()
  })

  it('says that a password is wrong, and opens the cluster with the right one', async () => {
    const master = await DaemonProcess.start({
      identity: 'master',
      nodeName: 'hq-01',
      scrapyd: { username: 'operator', password: 'right-and-long' },
    })
    try {
      await page.getByRole('button', { name: 'Add cluster' }).click()
      await page.getByLabel('URL of the master').fill(master.url)
      await page.getByLabel('User').fill('operator')
      await page.getByLabel('Password').fill('wrong')
      await page.getByRole('button', { name: 'Test' }).click()
      await page.getByText('The master refuses operator with this password.').waitFor()
      await page.getByLabel('Password').fill('right-and-long')
      await page.locator('.cluster-form').getByRole('button', { name: 'Open cluster' }).click()
      await page.getByText('hq-01').first().waitFor()
    } finally {
      await master.remove()
    }
  })
})
