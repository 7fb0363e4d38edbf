import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensureConsole } from '../../scripts/lib/console-build.ts'
import { seriousViolations } from '../helpers/axe.ts'
import { ConsoleBrowser, openPlace, untilText } from '../helpers/console-browser.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { newspapersProject } from '../helpers/projects.ts'
import { until } from '../helpers/until.ts'

describe('the console of a master with a password', () => {
  let master: DaemonProcess
  let browser: ConsoleBrowser
  beforeAll(async () => {
    if (!(await ensureConsole())) throw new Error('The console could not be built; the reason is above.')
    ;[master, browser] = await Promise.all([
      DaemonProcess.start({
        identity: 'master',
        nodeName: 'hq-01',
        projects: { newspapers: newspapersProject },
        scrapyd: { username: 'operator', password: 'press room' },
      }),
      ConsoleBrowser.launch(),
    ])
  }, 180_000)
  afterAll(async () => {
    await browser.close()
    await master.remove()
  })

  it('asks who one is, keeps the place one wanted, and signs out cleanly', async () => {
    const job = await master.ended(await master.schedule('newspapers', 'harbour_times'))
    const page = await browser.open(master.url, `/jobs/${job.key}/items`)
    await page.getByLabel('User name').fill('operator')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await untilText(page, 'body', /User name or password is wrong/)
    expect(await seriousViolations(page)).toEqual([])
    await page.getByLabel('Password').fill('press room')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await untilText(page, '.object-head', /harbour_times/)
    await until('the items are shown', async () => (await page.locator('.items-table tbody tr').count()) >= 5)

    await page.reload()
    await untilText(page, '.object-head', /harbour_times/)

    const cookies = await page.context().cookies()
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
    const other = await openPlace(page.context(), master.url, '/nodes')
    await untilText(other, '#app', /hq-01/)
    const ask = async () => (await fetch(`${master.url}/api/node`, { headers: { cookie } })).status
    expect(await ask()).toBe(200)
    await page.locator('aside, nav, .sidebar').getByRole('button').first().click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await Promise.all([page, other].map((tab) => tab.getByLabel('Password').waitFor()))
    expect(await other.locator('body').innerText()).not.toContain('hq-01')
    await page.reload()
    await page.getByLabel('Password').waitFor()
    // Whoever has kept a cookie of the session (the other tab has got a newer one since) is not let in again, by the next process neither.
    expect(await ask()).toBe(401)
    await master.kill9()
    await master.startAgain()
    expect(await ask()).toBe(401)
    expect(browser.troubles).toEqual([])
  })
})
