import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { _electron, type ElectronApplication, type Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { isAlive, localFolders, recordedPid } from '../../src-main/local-daemon.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { memoryOf } from '../helpers/page-memory.ts'
import { testPython } from '../helpers/setup-python.ts'
import { until } from '../helpers/until.ts'

/** ASCII: heap snapshots escape everything else. */
const PASSWORD = 'Twelve-Boxers-12'
const CLUSTER = 'press'

let userData: string
let app: ElectronApplication
let page: Page

beforeEach(async () => {
  userData = mkdtempSync(join(tmpdir(), 'scrapyd-service-electron-'))
  await start()
})
afterEach(async () => {
  await app.close()
  // A test that has failed may have left it in the background.
  const daemon = localPid()
  if (daemon > 0 && isAlive(daemon)) process.kill(daemon, 'SIGTERM')
  rmSync(userData, { recursive: true, force: true })
})

async function start(): Promise<void> {
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  app = await _electron.launch({
    executablePath: process.env['ELECTRON_PATH'] ?? '',
    args: [root, `--user-data-dir=${userData}`, '--lang=en-GB', ...sandbox],
    env: { ...(process.env as Record<string, string>), SCRAPYD_SERVICE_PYTHON: testPython() },
  })
  page = await app.firstWindow()
}

/** What the person chooses in the next dialog for files and folders. */
async function choose(path: string): Promise<void> {
  await app.evaluate(({ dialog }, chosen) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [chosen] })
  }, path)
}

/** The button that the person presses in questions from now on; what is asked is kept. */
async function answer(response: number): Promise<void> {
  await app.evaluate(({ dialog }, button) => {
    const asked: string[] = []
    Object.assign(globalThis, { asked })
    dialog.showMessageBox = (...args: unknown[]) => {
      asked.push((args.at(-1) as Electron.MessageBoxOptions).message)
      return Promise.resolve({ response: button, checkboxChecked: false })
    }
  }, response)
}

async function asked(question: RegExp): Promise<boolean> {
  const questions = await app.evaluate(() => (globalThis as unknown as { asked: string[] }).asked)
  return questions.some((one) => question.test(one))
}

const localPid = () => recordedPid(localFolders(join(userData, 'local'))) ?? -1
const consoleShown = () => page.getByRole('navigation', { name: 'Main' }).waitFor()
const openCluster = () => page.locator('.cluster-form').getByRole('button', { name: 'Open cluster' }).click()

async function launch(): Promise<void> {
  await page.getByRole('button', { name: 'Launch' }).click()
  await page.getByRole('status').filter({ hasText: 'Running' }).waitFor({ timeout: 60_000 })
}

async function addNewspapers(): Promise<void> {
  await choose(join(root, 'examples/newspapers'))
  await page.getByRole('button', { name: 'Choose folder…' }).click()
  await page.getByRole('button', { name: 'Add project' }).click()
  await page.getByText('newspapers added').waitFor()
}

/** Runs a spider by the console's own dialog, which then shows the job. */
async function run(spider: string): Promise<void> {
  await page.evaluate(`location.hash = '/?run=newspapers&spider=${spider}'`)
  await page.getByRole('dialog').getByRole('button', { name: /^Run/ }).click()
}

/** What an endpoint of the open cluster answers. */
async function local<T>(name: string): Promise<T> {
  const call = `window.scrapydServiceDesktop.invoke('session.call', ['test', '${name}', {}])`
  return ((await page.evaluate(call)) as { value: T }).value
}

async function fillIn(url: string, password: string): Promise<void> {
  await page.getByRole('button', { name: 'Add cluster' }).click()
  await page.getByLabel('Name').fill(CLUSTER)
  await page.getByLabel('URL of the master').fill(url)
  await page.getByLabel('User').fill('operator')
  await page.getByLabel('Password').fill(password)
}

function startMaster(): Promise<DaemonProcess> {
  return DaemonProcess.start({
    identity: 'master',
    nodeName: 'hq-01',
    projects: { crawls: join(root, 'test/e2e/fixtures/crawls') },
    scrapyd: { username: 'operator', password: PASSWORD },
  })
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
    await page.getByRole('button', { name: 'Show log' }).click()
    await launch()
    await page.locator('.local-log').getByText('Listening on').waitFor()
    await addNewspapers()
    await page.locator('.local-master').getByRole('button', { name: 'Open cluster' }).click()
    await consoleShown()
    await run('harbour_times')
    await page.getByText('Spider closed (finished)').first().waitFor({ timeout: 60_000 })
    // Its file is saved by the system's dialog.
    const saved = join(userData, 'saved.log')
    await app.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath })
    }, saved)
    const key = /#\/jobs\/([^/?]+)/.exec(page.url())?.[1] ?? ''
    const call = `window.scrapydServiceDesktop.invoke('files.save', ['/api/jobs/${key}/log?download=1'])`
    expect(await page.evaluate(call)).toEqual({ ok: true, value: true })
    expect(readFileSync(saved, 'utf8')).toContain('Spider closed (finished)')
    const daemon = localPid()
    expect(isAlive(daemon)).toBe(true)
    await app.close()
    expect(isAlive(daemon)).toBe(false)
    await start()
  })

  it('asks before it ends spiders, and goes on in the background if that is chosen', async () => {
    await launch()
    await addNewspapers()
    await page.locator('.local-master').getByRole('button', { name: 'Open cluster' }).click()
    await consoleShown()
    await run('night_ticker')
    await until('it runs', async () => (await local<{ running: number }>('getNode')).running === 1)
    const daemon = localPid()
    await answer(0)
    await app.evaluate(({ app: main }) => main.quit())
    await until('it was asked', () => asked(/^Quit and end 1 running spider/))
    expect(isAlive(daemon)).toBe(true)
    await answer(1)
    await app.close()
    expect(isAlive(daemon)).toBe(true)
    await start()
    await consoleShown()
    expect((await local<{ running: number }>('getNode')).running).toBe(1)
    await page.evaluate(`window.scrapydServiceDesktop.invoke('local.setBackground', [false])`)
    await answer(2)
    await app.close()
    expect(isAlive(daemon)).toBe(false)
    await start()
  })

  it('says that a password is wrong, opens the cluster with the right one, and keeps it out of the page', async () => {
    const master = await startMaster()
    try {
      await fillIn(master.url, 'wrong')
      await page.getByRole('button', { name: 'Test' }).click()
      await page.getByText('The master refuses operator with this password.').waitFor()
      await page.getByLabel('Password').fill(PASSWORD)
      await openCluster()
      await page.getByText('hq-01').first().waitFor()
      // A page of its own: what was typed is gone with the page that it was typed into.
      await page.reload()
      await consoleShown()
      await page.getByText('hq-01').first().waitFor()
      const memory = await memoryOf(page)
      expect(memory).toContain('hq-01')
      expect(memory).not.toContain(PASSWORD)
      expect(memory).not.toContain(Buffer.from(`operator:${PASSWORD}`).toString('base64'))
      for (const file of readdirSync(userData).filter((name) => name.endsWith('.json'))) {
        expect(readFileSync(join(userData, file), 'utf8')).not.toContain(PASSWORD)
      }
    } finally {
      await master.remove()
    }
  })

  it('tells what fails in a notification that opens the job, and follows links', async () => {
    const master = await startMaster()
    try {
      await fillIn(master.url, PASSWORD)
      await openCluster()
      await consoleShown()
      await app.evaluate(({ Notification, BrowserWindow }) => {
        const shown: Electron.Notification[] = []
        Object.assign(globalThis, { shown })
        Notification.isSupported = () => true
        Notification.prototype.show = function show(this: Electron.Notification) {
          shown.push(this)
        }
        BrowserWindow.getAllWindows()[0]?.blur()
      })
      const titles = () =>
        app.evaluate(() =>
          (globalThis as unknown as { shown: Electron.Notification[] }).shown.map(({ title }) => title),
        )
      const { key } = await master.ended(await master.schedule('crawls', 'raises_at_init'))
      await until('it is told', async () => (await titles()).length > 0)
      expect(await titles()).toEqual(['raises_at_init failed (crawls)'])
      await app.evaluate(() => {
        const [notification] = (globalThis as unknown as { shown: Electron.Notification[] }).shown
        notification?.emit('click', {})
      })
      await page.waitForURL((url) => url.hash === `#/jobs/${key}`)
      await app.evaluate(({ app: main }, name) => {
        main.emit('second-instance', {}, ['app', `scrapyd-service://${name}/nodes/local`])
      }, CLUSTER)
      await page.waitForURL((url) => url.hash === '#/nodes/local')
    } finally {
      await master.remove()
    }
  })

  it('exports clusters without passwords, and imports them', async () => {
    const file = join(userData, 'exported.json')
    await fillIn('http://127.0.0.1:1', PASSWORD)
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await app.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath })
    }, file)
    await page.getByRole('button', { name: 'Export without passwords…' }).click()
    await page.getByText('Exported without passwords', { exact: true }).waitFor()
    expect(readFileSync(file, 'utf8')).not.toContain(PASSWORD)
    await page.getByRole('button', { name: 'Remove…' }).click()
    await page.getByRole('button', { name: 'Remove cluster' }).click()
    await choose(file)
    await page.getByRole('button', { name: 'Import…' }).click()
    await page.getByText('1 cluster imported').waitFor()
  })

  it('has its menu, whose entries go to the places of the console', async () => {
    const master = await startMaster()
    try {
      await fillIn(master.url, PASSWORD)
      await openCluster()
      await consoleShown()
      const labels = await app.evaluate(({ Menu }) => Menu.getApplicationMenu()?.items.map(({ label }) => label) ?? [])
      expect(labels).toEqual(expect.arrayContaining(['File', 'Edit', 'View', 'Go', 'Window', 'Help']))
      await app.evaluate(({ Menu }) => {
        const go = Menu.getApplicationMenu()?.items.find(({ label }) => label === 'Go')
        go?.submenu?.items.find(({ label }) => label === 'Forwards')?.click()
      })
      await page.waitForURL((url) => url.hash === '#/forwards')
    } finally {
      await master.remove()
    }
  })
})
