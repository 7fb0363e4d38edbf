import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAlive, localFolders, recordedPid } from '../../src-main/local-daemon.ts'
import { DesktopApp } from '../helpers/desktop-app.ts'
import { dropsAProject, launches, opensTheLocal, runsASpider, watchesTheLaunch } from '../helpers/desktop-scenarios.ts'
import { testPython } from '../helpers/setup-python.ts'
import { until } from '../helpers/until.ts'

let userData: string
let app: DesktopApp

beforeEach(() => {
  process.env['SCRAPYD_SERVICE_PYTHON'] = testPython()
  userData = mkdtempSync(join(tmpdir(), 'scrapyd-service-desktop-'))
})

afterEach(async () => {
  await app.remove()
  delete process.env['SCRAPYD_SERVICE_PYTHON']
  rmSync(userData, { recursive: true, force: true })
})

const pid = () => recordedPid(localFolders(join(userData, 'local'))) ?? -1

describe('the local master', () => {
  it('is launched, gets a project, runs a spider whose log is followed, and ends with the app', async () => {
    app = await DesktopApp.start(userData)
    const { page, electron } = app
    await watchesTheLaunch(app)
    await dropsAProject(app, userData)

    await page.locator('.local-master').getByText('a job fails').click()
    await until('it is switched off', async () => {
      const { notifications } = (await app.invoke('desktop.state')).local
      return !notifications.failed && notifications.nodes
    })

    await opensTheLocal(app)
    const key = await runsASpider(app, 'harbour_times')
    const job = await until('the job has ended', async () => {
      const found = (await app.invoke('session.call', 'test-2', 'getJob', { params: { key } })) as Record<
        string,
        unknown
      >
      return found['state'] === 'finished' && found
    })
    expect(job).toMatchObject({ outcome: 'finished' })
    await page.getByText('Spider closed (finished)').first().waitFor({ timeout: 30_000 })

    await page.getByRole('button', { name: 'Log file on this computer' }).click()
    await page.getByText('Show in its folder').click()
    const log = await until('the folder is shown', () => electron.shown.revealed[0])
    await page.getByRole('button', { name: 'Log file on this computer' }).click()
    await page.getByText('Open log file').click()
    await until('the file is opened', () => electron.shown.opened[0] === log)
    expect(log.startsWith(join(userData, 'local/logs/newspapers/harbour_times/'))).toBe(true)
    const save = () => app.invoke('files.save', `/api/jobs/${key}/log?download=1`)
    // The dialog was closed.
    expect(await save()).toBe(false)
    await app.savesTo(join(userData, 'saved.log'))
    expect(await save()).toBe(true)
    await page.getByText('saved.log saved').waitFor()
    expect(readFileSync(join(userData, 'saved.log'))).toEqual(readFileSync(log))
    expect(electron.shown.progress.at(-1)).toBe(-1)

    const daemon = pid()
    expect(isAlive(daemon)).toBe(true)

    // With a spider that runs it is asked before; whoever stays gets the window back.
    const call = (name: 'createJobs' | 'getNode', body = {}) => app.invoke('session.call', 'test-3', name, body)
    await call('createJobs', { body: { project: 'newspapers', spider: 'night_ticker' } })
    await until('it runs', async () => ((await call('getNode')) as { running: number }).running === 1)
    electron.answers.message = 0
    await app.closeWindow()
    electron.app.quit()
    await app.windowShown()
    expect(electron.shown.questions).toEqual(['Quit and end 1 running spider?'])
    expect([electron.shown.hasQuit, isAlive(daemon)]).toEqual([false, true])
    await app.consoleShown()
    expect(app.complaints).toEqual([])

    // It goes on without the app, with its spider, and is found again.
    electron.answers.message = 1
    await app.quit()
    expect(isAlive(daemon)).toBe(true)
    app = await DesktopApp.start(userData)
    await app.consoleShown()
    expect([pid(), ((await call('getNode')) as { running: number }).running]).toEqual([daemon, 1])
    expect((await app.invoke('desktop.state')).local).toMatchObject({ state: 'running', background: true })
    await app.invoke('local.setBackground', false)
    app.electron.answers.message = 2
    await app.quit()
    expect(app.electron.shown.questions).toEqual(['Quit and end 1 running spider?'])
    expect(isAlive(daemon)).toBe(false)
    expect(app.complaints).toEqual([])
  })

  it('may die: the open console goes on, also where its port is taken by then', async () => {
    app = await DesktopApp.start(userData)
    await launches(app.page)
    await opensTheLocal(app)
    await app.goTo('/jobs')
    const base = async () => (await app.invoke('desktop.state')).open?.base ?? ''
    const answers = () => app.invoke('session.call', 'test', 'getNode', {})
    const before = await base()
    const password = () => readFileSync(join(userData, 'passwords.json'), 'utf8')
    for (const isTaken of [false, true]) {
      const first = pid()
      const known = password()
      process.kill(first, 'SIGKILL')
      await until('it has died', () => !isAlive(first))
      const port = Number(new URL(before).port)
      const other = isTaken ? createServer().listen(port, '127.0.0.1') : null
      await until(
        'it runs again',
        async () => (await app.invoke('desktop.state')).local.state === 'running' && pid() !== first,
      )
      await until('the session reaches it', answers)
      expect((await base()) === before).toBe(!isTaken)
      // Whoever has the port now may have been told the old password.
      expect(password() === known).toBe(!isTaken)
      await app.shows('/jobs')
      await app.consoleShown()
      other?.close()
    }
    const last = pid()
    app.electron.answers.message = 2
    await app.quit()
    await until('it ends with the app', () => !isAlive(last))
  })
})
