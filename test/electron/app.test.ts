import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { isAlive } from '../../src-main/local-daemon.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import {
  choosesAProject,
  CLUSTER,
  consoleShown,
  dropsAProject,
  exchangesClusters,
  fillIn,
  launches,
  losesTheLocal,
  losesTheLocalForGood,
  mistypesThePassword,
  openCluster,
  opensTheLocal,
  PASSWORD,
  routeShown,
  runsASpider,
  serverTls,
  trustsACertificate,
  watchesTheLaunch,
} from '../helpers/desktop-scenarios.ts'
import { ElectronApp } from '../helpers/electron-app.ts'
import { memoryOf } from '../helpers/page-memory.ts'
import { PrefixProxy } from '../helpers/prefix-proxy.ts'
import { until } from '../helpers/until.ts'

let userData: string
let app: ElectronApp

beforeEach(async () => {
  // macOS: the folder for temporary files is behind a link.
  userData = realpathSync(mkdtempSync(join(tmpdir(), 'scrapyd-service-electron-')))
  app = await ElectronApp.start(userData)
})
afterEach(async () => {
  await app.remove()
  rmSync(userData, { recursive: true, force: true, maxRetries: 5 })
})

/** Runs something with a real master, which ends with it. */
async function withMaster(work: (master: DaemonProcess) => Promise<void>): Promise<void> {
  const master = await DaemonProcess.start({
    identity: 'master',
    nodeName: 'hq-01',
    projects: { crawls: join(root, 'test/e2e/fixtures/crawls') },
    cluster: { cluster_name: CLUSTER },
    scrapyd: { username: 'operator', password: PASSWORD },
  })
  try {
    await work(master)
  } finally {
    await master.remove()
  }
}

const running = async () => ((await app.invoke('session.call', 'test', 'getNode', {})) as { running: number }).running

describe('the app in Electron', () => {
  it('shows its own page, isolated from Node, and nothing else', async () => {
    const { main, page } = app
    expect(page.url()).toBe('app://console/index.html')
    expect(await page.evaluate('[typeof require, typeof process, typeof module].join()')).toBe(
      'undefined,undefined,undefined',
    )
    expect(await page.evaluate(`fetch('https://example.org/').then(() => 'answered', () => 'refused')`)).toBe('refused')
    await main.evaluate(({ shell }) => {
      const opened: string[] = []
      Object.assign(globalThis, { opened })
      shell.openExternal = (url) => Promise.resolve(void opened.push(url))
    })
    await page.evaluate(`location.href = 'https://example.org/'`).catch(() => undefined)
    await page.evaluate(`window.open('file:///etc/passwd'); window.open('https://scrapy.org/'); null`)
    const opened = await until('the browser is asked for', async () => {
      const found = await main.evaluate(() => (globalThis as unknown as { opened: string[] }).opened)
      return found.length > 0 && found
    })
    expect(opened).toEqual(['https://scrapy.org/'])
    expect(page.url()).toBe('app://console/index.html')
    expect(main.windows()).toHaveLength(1)
    const preferences = await main.evaluate(({ BrowserWindow }) => {
      const [contents] = BrowserWindow.getAllWindows().map(({ webContents }) => webContents)
      // Not in Electron's declarations, but in every Electron.
      return (contents as unknown as { getLastWebPreferences(): Record<string, unknown> }).getLastWebPreferences()
    })
    expect(preferences).toMatchObject({ contextIsolation: true, sandbox: true, nodeIntegration: false })
  })

  it('launches the local master, adds a dropped project, runs a spider, follows its log, and leaves no process', async () => {
    await watchesTheLaunch(app)
    await dropsAProject(app, userData)
    await opensTheLocal(app)
    const key = await runsASpider(app, 'harbour_times')
    await app.page.getByText('Spider closed (finished)').first().waitFor({ timeout: 60_000 })
    // Its file is saved by the system's dialog.
    const saved = join(userData, 'saved.log')
    await app.savesTo(saved)
    expect(await app.invoke('files.save', `/api/jobs/${key}/log?download=1`)).toBe(true)
    expect(readFileSync(saved, 'utf8')).toContain('Spider closed (finished)')
    await app.page.getByText('saved.log saved').waitFor()
    const daemon = app.localPid()
    expect(isAlive(daemon)).toBe(true)
    await app.quit()
    expect(isAlive(daemon)).toBe(false)
  })

  it('asks before it ends spiders, and goes on in the background if that is chosen', async () => {
    await launches(app.page)
    await choosesAProject(app)
    await opensTheLocal(app)
    await runsASpider(app, 'night_ticker')
    await until('it runs', async () => (await running()) === 1)
    const daemon = app.localPid()
    await app.presses(0)
    await app.main.evaluate(({ app: main }) => main.quit())
    const [question] = await until('it was asked', async () => {
      const questions = await app.questions()
      return questions.length > 0 && questions
    })
    expect(question).toBe('Quit and end 1 running spider?')
    expect(isAlive(daemon)).toBe(true)
    await app.presses(1)
    await app.quit()
    expect(isAlive(daemon)).toBe(true)

    app = await ElectronApp.start(userData)
    await consoleShown(app.page)
    // Where the system keeps no password another daemon has taken its place, and the spider with it.
    expect(await running()).toBe(1)
    const found = app.localPid()
    await app.invoke('local.setBackground', false)
    await app.presses(2)
    await app.quit()
    expect([isAlive(daemon), isAlive(found)]).toEqual([false, false])
  })

  it('goes on when the local master dies, until it has died too often: then it says so', async () => {
    await launches(app.page)
    await opensTheLocal(app)
    await losesTheLocal(app, () => app.localPid())
    await losesTheLocalForGood(app, () => app.localPid())
  }, 300_000)

  it('says that a password is wrong, opens the cluster with the right one, and keeps it out of the page', async () => {
    await withMaster(async (master) => {
      await mistypesThePassword(app, master.url)
      // A page of its own: what was typed is gone with the page that it was typed into.
      await app.page.reload()
      await consoleShown(app.page)
      await app.page.getByText('hq-01').first().waitFor()
      const memory = await memoryOf(app.page)
      expect(memory).toContain('hq-01')
      expect(memory).not.toContain(PASSWORD)
      expect(memory).not.toContain(Buffer.from(`operator:${PASSWORD}`).toString('base64'))
      for (const file of readdirSync(userData).filter((name) => name.endsWith('.json'))) {
        expect(readFileSync(join(userData, file), 'utf8')).not.toContain(PASSWORD)
      }
    })
  })

  it('opens a master of https with a pinned certificate and with an own CA, and takes it to another computer', async () => {
    await withMaster(async (master) => {
      const proxy = await PrefixProxy.start(master.url, '/scrapyd', serverTls())
      try {
        await trustsACertificate(app, proxy.url)
        await app.invoke('clusters.close', 'chosen')
        await exchangesClusters(app, join(userData, 'exported'), proxy.url)
      } finally {
        await proxy.stop()
      }
    })
  })

  it('tells what fails in a notification that opens the job, and follows links', async () => {
    await withMaster(async (master) => {
      const { main, page } = app
      await fillIn(page, master.url)
      await openCluster(page)
      await consoleShown(page)
      await main.evaluate(({ Notification, BrowserWindow }) => {
        const shown: Electron.Notification[] = []
        Object.assign(globalThis, { shown })
        Notification.isSupported = () => true
        Notification.prototype.show = function show(this: Electron.Notification) {
          shown.push(this)
        }
        BrowserWindow.getAllWindows()[0]?.blur()
      })
      const titles = () =>
        main.evaluate(() =>
          (globalThis as unknown as { shown: Electron.Notification[] }).shown.map(({ title }) => title),
        )
      const { key } = await master.ended(await master.schedule('crawls', 'raises_at_init'))
      await until('it is told', async () => (await titles()).length > 0)
      expect(await titles()).toEqual(['raises_at_init failed (crawls)'])
      await main.evaluate(() => {
        const [notification] = (globalThis as unknown as { shown: Electron.Notification[] }).shown
        notification?.emit('click', {})
      })
      await routeShown(page, `/jobs/${key}`)
      await main.evaluate(({ app: electron }, name) => {
        electron.emit('second-instance', {}, ['app', `scrapyd-service://${name}/nodes/local`])
      }, CLUSTER)
      await routeShown(page, '/nodes/local')
    })
  })

  it('has its menu, whose entries go to the places of the console', async () => {
    await withMaster(async (master) => {
      const { main, page } = app
      await fillIn(page, master.url)
      await openCluster(page)
      await consoleShown(page)
      const labels = await main.evaluate(({ Menu }) => Menu.getApplicationMenu()?.items.map(({ label }) => label) ?? [])
      expect(labels).toEqual(expect.arrayContaining(['File', 'Edit', 'View', 'Go', 'Window', 'Help']))
      await main.evaluate(({ Menu }) => {
        const go = Menu.getApplicationMenu()?.items.find(({ label }) => label === 'Go')
        go?.submenu?.items.find(({ label }) => label === 'Forwards')?.click()
      })
      await routeShown(page, '/forwards')
    })
  })
})
