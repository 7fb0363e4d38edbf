import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { DesktopApp } from '../helpers/desktop-app.ts'
import {
  exchangesClusters,
  fillIn,
  mistypesThePassword,
  openCluster,
  PASSWORD,
  serverTls,
  trustsACertificate,
} from '../helpers/desktop-scenarios.ts'
import { PrefixProxy } from '../helpers/prefix-proxy.ts'
import { until } from '../helpers/until.ts'

let master: DaemonProcess
let userData: string
let app: DesktopApp

beforeAll(async () => {
  master = await DaemonProcess.start({
    identity: 'master',
    nodeName: 'hq-01',
    projects: { crawls: join(root, 'test/e2e/fixtures/crawls') },
    cluster: { cluster_name: 'press' },
    scrapyd: { username: 'operator', password: PASSWORD },
  })
})
afterAll(() => master.remove())
beforeEach(() => {
  userData = mkdtempSync(join(tmpdir(), 'scrapyd-service-desktop-'))
})
afterEach(async () => {
  await app.remove()
  rmSync(userData, { recursive: true, force: true })
})

describe('connections', () => {
  it('say what is wrong, open what is right, and keep the password out of the page and off the disk', async () => {
    app = await DesktopApp.start(userData)
    await mistypesThePassword(app, master.url)
    expect(app.complaints).toEqual([])
    await app.quit()

    // At the next start the cluster is there again, with a password that the page was never told.
    app = await DesktopApp.start(userData)
    await app.consoleShown()
    await app.page.getByText('hq-01').first().waitFor()
    // What the page does hold is found, so what is not found is not there.
    await app.page.evaluate("globalThis.held = { text: ['planted', 'in', 'the', 'page'].join('-') }")
    const memory = await app.memory()
    expect(memory).toContain('hq-01')
    expect(memory).toContain('planted-in-the-page')
    expect(memory).not.toContain(PASSWORD)
    expect(memory).not.toContain(Buffer.from(`operator:${PASSWORD}`).toString('base64'))
    expect(JSON.stringify(await app.invoke('desktop.state'))).not.toContain(PASSWORD)
    for (const file of readdirSync(userData, { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.json'),
    )) {
      expect(readFileSync(join(userData, file), 'utf8')).not.toContain(PASSWORD)
    }
    expect(app.complaints).toEqual([])
  })

  it('asks again where the system cannot encrypt, and says why', async () => {
    app = await DesktopApp.start(userData)
    app.electron.computer.encrypts = false
    await app.page.reload()
    await fillIn(app.page, master.url)
    await app.page.getByText(/Asked at each start: no secret store/).waitFor()
    await openCluster(app.page)
    await app.consoleShown()
    await app.quit()

    app = await DesktopApp.start(userData)
    app.electron.computer.encrypts = false
    await app.page.reload()
    await app.page.getByText(/Asked at each start: no secret store/).waitFor()
    await app.page.getByRole('button', { name: 'Test' }).click()
    await app.page.getByText('Password needed').first().waitFor()
    await app.page.getByLabel('Password').fill(PASSWORD)
    await openCluster(app.page)
    await app.consoleShown()
  })

  it('tells what fails, on the badge and in a notification that opens the job', async () => {
    app = await DesktopApp.start(userData)
    await fillIn(app.page, master.url)
    await openCluster(app.page)
    await app.consoleShown()
    const { shown, windows, emitApp } = app.electron
    await until('the tray knows the cluster', () => shown.tray.includes('1 node online'))
    const [window] = windows.list
    if (window !== undefined) window.hasFocus = false
    const id = await master.schedule('crawls', 'raises_at_init')
    const { key } = await master.ended(id)
    const notice = await until('the notification', () => shown.notifications[0])
    expect(notice.title).toBe('raises_at_init failed (crawls)')
    expect(shown.badge).toBe(1)
    notice.emit('click')
    await app.shows(`/jobs/${key}`)
    await app.page.getByText('raised at init').first().waitFor()
    expect(shown.badge).toBe(0)

    // A second start of the app with a link, and one of another cluster's name.
    emitApp('second-instance', ['app', 'scrapyd-service://PRESS/nodes/local'])
    await app.shows('/nodes/local')
    emitApp('second-instance', ['app', 'scrapyd-service://unknown/jobs'])
    emitApp('second-instance', ['app', 'scrapyd-service://press/jobs?run=crawls'])
    await app.shows('/jobs')
  })

  it('by https are opened with a pinned certificate and with an own CA, and go from one computer to another', async () => {
    const proxy = await PrefixProxy.start(master.url, '/scrapyd', serverTls())
    try {
      app = await DesktopApp.start(userData)
      await trustsACertificate(app, proxy.url)
      await until('its events come', () => app.electron.shown.tray.includes('1 node online'))
      await app.invoke('clusters.close', 'chosen')
      const file = join(userData, 'exported')
      await exchangesClusters(app, file, proxy.url)
      expect(readFileSync(file, 'utf8')).toContain('BEGIN CERTIFICATE')
      expect(app.complaints).toEqual([])
    } finally {
      await proxy.stop()
    }
  })

  it('are switched by the menu, and a link opens another one', async () => {
    app = await DesktopApp.start(userData)
    await fillIn(app.page, master.url)
    await openCluster(app.page)
    await app.consoleShown()
    await app.page.getByRole('button', { name: /Cluster and session/ }).click()
    await app.page.getByText('Switch cluster…').click()
    await app.page.getByRole('heading', { name: 'Clusters' }).waitFor()
    app.electron.emitApp('second-instance', ['app', 'scrapyd-service://press/projects/crawls'])
    await app.shows('/projects/crawls')
    await app.consoleShown()
  })

  it('show what a link asks for that starts the app, and what a notification is about after the window was closed', async () => {
    app = await DesktopApp.start(userData)
    await fillIn(app.page, master.url)
    await openCluster(app.page)
    await app.consoleShown()
    await app.quit()

    app = await DesktopApp.start(userData, ['scrapyd-service://press/nodes/local'])
    await app.shows('/nodes/local')
    await app.consoleShown()
    await app.quit()

    // As macOS tells it.
    app = await DesktopApp.start(userData, [], 'scrapyd-service://press/projects/crawls')
    await app.shows('/projects/crawls')
    await app.consoleShown()
    const id = await master.schedule('crawls', 'raises_at_init')
    const { key } = await master.ended(id)
    const notice = await until('the notification', () => app.electron.shown.notifications[0])
    await app.closeWindow()
    notice.emit('click')
    await app.windowShown()
    await app.shows(`/jobs/${key}`)
    await app.consoleShown()
    // It was told once.
    await app.goTo('/forwards')
    await app.page.reload()
    await app.consoleShown()
    await app.shows('/forwards')
  })

  it('leads back to the clusters when the password is not accepted any more', async () => {
    app = await DesktopApp.start(userData)
    await fillIn(app.page, master.url)
    await openCluster(app.page)
    await app.consoleShown()
    const port = master.port
    await master.stop()
    master.configure({ scrapyd: { password: 'another', http_port: port } })
    await master.startAgain()
    await app.page.getByText('The master does not accept the password any more.').waitFor({ timeout: 40_000 })
    await master.stop()
    master.configure({ scrapyd: { password: PASSWORD } })
    await master.startAgain()
  })

  it('answers nobody but our own page, and no call that is not in the contract', async () => {
    app = await DesktopApp.start(userData)
    const { callMain } = app.electron
    const foreign = { mainFrame: { url: 'https://evil.example/' } }
    const contents = Object.assign(app.contents, {})
    const ask = (call: string, args: unknown[], frame = contents.mainFrame) =>
      callMain(contents, 'scrapyd-service', [call, args], frame) as Promise<{ ok: boolean; error?: { code: string } }>
    expect(await ask('desktop.state', [], foreign.mainFrame)).toMatchObject({
      ok: false,
      error: { code: 'foreign-sender' },
    })
    for (const [call, args] of [
      ['clusters.open', ['../../etc', null]],
      ['session.call', ['1', 'putDispatch', {}]],
      ['session.call', ['1', 'createSession', {}]],
      ['session.call', ['1', 'constructor', {}]],
      ['files.save', ['https://evil.example/x']],
      ['toString', []],
      ['local.start', ['unasked']],
    ] as const) {
      expect(await ask(call, [...args])).toMatchObject({ ok: false, error: { code: 'invalid-call' } })
    }
    // The frame of our page may have been navigated since.
    contents.mainFrame.url = 'https://evil.example/'
    expect(await ask('desktop.state', [])).toMatchObject({ ok: false, error: { code: 'foreign-sender' } })
    contents.mainFrame.url = 'app://console/index.html'
  })

  it('denies permissions, new windows, and the network to the page', async () => {
    app = await DesktopApp.start(userData)
    const { rules, shown } = app.electron
    const answers: boolean[] = []
    rules.permissionRequest?.(null as never, 'media', (answer) => answers.push(answer), null as never)
    expect([...answers, rules.permissionCheck?.(null, 'media', '', null as never)]).toEqual([false, false])
    const cancelled = (url: string) => {
      let answer: boolean | undefined
      rules.request?.({ url }, ({ cancel }) => (answer = cancel))
      return answer
    }
    expect(['app://console/x.js', 'https://evil.example/', 'file:///etc/passwd'].map(cancelled)).toEqual([
      false,
      true,
      true,
    ])
    const open = app.contents.openHandler
    expect(['https://scrapy.org/', 'file:///etc/passwd'].map((url) => open?.({ url }).action)).toEqual(['deny', 'deny'])
    expect(shown.external).toEqual(['https://scrapy.org/'])
    const policy = (await rules.serve?.(new Request('https://console.test/')))?.status
    expect(policy).toBe(404)
    const blocked = await app.page.evaluate(`fetch('${master.url}/healthz').then(() => 'answered', () => 'refused')`)
    expect(blocked).toBe('refused')
  })
})
