import { cpSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ensureConsole } from '../../scripts/lib/console-build.ts'
import { GitWorld } from '../daemon/projects/git-world.ts'
import { ConsoleBrowser, untilText } from '../helpers/console-browser.ts'
import { livesProject } from '../helpers/projects.ts'
import { TestCluster } from '../helpers/test-cluster.ts'
import { until } from '../helpers/until.ts'

const MORNING = `
import scrapy


class Morning(scrapy.Spider):
    name = "morning_edition"
    start_urls = ["data:,good morning"]

    def parse(self, response):
        yield {"text": response.text}
`

describe('a cluster that is run from the console', () => {
  const world = new GitWorld()
  let cluster: TestCluster
  let browser: ConsoleBrowser

  beforeAll(async () => {
    if (!(await ensureConsole())) throw new Error('The console could not be built; the reason is above.')
    world.begin()
    cpSync(livesProject, world.up, { recursive: true, filter: (source) => !source.endsWith('__pycache__') })
    world.write(world.up, '.gitignore', '__pycache__/\n')
    world.git(world.up, 'add', '--all')
    world.publish('the project', {})
    world.git(world.node, 'pull', '-q')
    ;[cluster, browser] = await Promise.all([
      TestCluster.open({ slaves: 1, all: { env: world.env, projects: { other: livesProject } } }),
      ConsoleBrowser.launch(),
    ])
  })

  afterAll(async () => {
    await browser?.close()
    await cluster?.close()
    await world.end()
  })

  afterEach(async () => {
    await browser.leave()
    // oxlint-disable-next-line vitest/no-standalone-expect -- what the page complained of fails the test that just ran
    expect(browser.troubles.splice(0)).toEqual([])
  })

  it('gets a project by its path, pulls its code on every node, and runs the spider that came with it', async () => {
    const page = await browser.open(cluster.master.url, '/projects')
    await page.getByRole('button', { name: 'Add project' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Folder').fill('/nowhere/at/all')
    await dialog.getByLabel('Project').fill('press')
    await dialog.getByRole('button', { name: 'Add project' }).click()
    await untilText(page, '[role=dialog]', /\/nowhere\/at\/all/)
    expect((await cluster.master.client.call('listProjects')).projects.map(({ name }) => name)).not.toContain('press')

    await dialog.getByLabel('Folder').fill(world.node)
    await dialog.getByRole('button', { name: 'Add project' }).click()
    const row = page.getByRole('row').filter({ hasText: 'press' })
    await row.waitFor()
    await until('both nodes have it', async () => {
      const nodes = await cluster.nodes()
      return nodes.every(({ projects }) => projects.some(({ project }) => project === 'press'))
    })

    const commit = world.publish('the morning edition', { 'lives/spiders/morning.py': MORNING })
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('pull press')
    await untilText(page, '[role=option][aria-selected=true]', /Pull code of press/)
    await page.keyboard.press('Enter')
    await until('each node has pulled', async () => {
      const { pulls } = await cluster.master.client.call('listPulls', { params: { project: 'press' } })
      return pulls[0]?.ended_at != null && pulls[0].steps.length === 2
    })
    expect(world.git(world.node, 'rev-parse', 'HEAD')).toBe(commit)
    await untilText(page, '.pull-steps', /master1[\s\S]*slave1/)
    await untilText(page, '.dock', /Fast-forward|the morning edition|morning\.py|→/)

    await page.goto(`${cluster.master.url}/#/jobs?run=press&run-spider=morning_edition`)
    await page.getByRole('dialog').getByRole('button', { name: /^Run/ }).last().click()
    await untilText(page, '.object-head', /Finished/)
    await untilText(page, '.object-head', /morning_edition/)
    const [, key = ''] = /jobs\/(\w+)/.exec(page.url()) ?? []
    const job = await cluster.master.client.call('getJob', { params: { key } })
    expect(job).toMatchObject({ project: 'press', outcome: 'finished', version: commit, items: 1 })
  })

  it('shows a node that is killed, and its return, without being asked', async () => {
    const page = await browser.open(cluster.master.url, '/nodes')
    const row = page.locator('.nodes-table [role=row]').filter({ hasText: 'slave1' })
    await until('it is online', async () => /Online/.test(await row.innerText()))
    const id = await cluster.master.schedule('other', 'long', { node: 'slave1' })
    await cluster.master.running(id)
    await cluster.slave(1).kill9()
    await until('it is offline', async () => /Offline/.test(await row.innerText()))

    // Its job is still told, as what it is: out of reach.
    await page.goto(`${cluster.master.url}/#/jobs?q=${id}`)
    await untilText(page, '.job-line', /Running[\s\S]*node offline/)
    await page.goto(`${cluster.master.url}/#/`)
    await untilText(page, 'main', /slave1 is offline/)

    await cluster.slave(1).startAgain()
    await until('nothing is missed any more', async () => !/slave1 is offline/.test(await page.innerText('main')))
    await page.goto(`${cluster.master.url}/#/nodes`)
    await until('it is online', async () => /Online/.test(await row.innerText()))
    await page.goto(`${cluster.master.url}/#/jobs?q=${id}`)
    const line = page.locator('.job-line')
    await until('the job is in reach', async () =>
      /^(?![\s\S]*node offline)[\s\S]*Running/.test(await line.innerText()),
    )
    await cluster.slave(1).client.call('cancelJob', {
      params: { key: (await cluster.slave(1).job(id)).key },
      body: { signal: 'KILL' },
    })
    await untilText(page, '.job-line', /Cancelled/)
  })

  it('pauses and resumes a node, lets it go and takes it in again', async () => {
    const page = await browser.open(cluster.master.url, '/nodes')
    const row = page.locator('.nodes-table [role=row]').filter({ hasText: 'slave1' })
    const does = async (what: string) => {
      await row.getByRole('button', { name: 'More actions' }).click()
      await page.getByRole('menuitem', { name: what }).click()
    }
    await does('Pause')
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Note').fill('new disk until noon')
    await dialog.getByRole('button', { name: 'Pause' }).click()
    await until('it is paused', async () => /Paused[\s\S]*takes no new jobs/.test(await row.innerText()))
    expect(await cluster.node('slave1')).toMatchObject({ paused: true, pause_note: 'new disk until noon' })
    const id = await cluster.master.schedule('other', 'quick', { node: 'slave1' })
    await page.goto(`${cluster.master.url}/#/jobs?q=${id}`)
    await untilText(page, '.job-line', /Pending[\s\S]*Waits: slave1 is paused/)

    await page.goto(`${cluster.master.url}/#/nodes`)
    await does('Resume')
    await until('it is online', async () => /Online/.test(await row.innerText()))
    expect((await cluster.master.ended(id)).outcome).toBe('finished')

    await does('Remove node')
    await dialog.getByRole('button', { name: 'Keep node' }).click()
    expect(await row.count()).toBe(1)
    await does('Remove node')
    await dialog.getByRole('button', { name: 'Remove node' }).click()
    await until('it is gone', async () => (await row.count()) === 0)
    expect((await cluster.nodes()).map(({ name }) => name)).toEqual(['master1'])

    await page.keyboard.press('n')
    await dialog.getByLabel('Address').fill('127.0.0.1:1')
    await dialog.getByRole('button', { name: 'Add node' }).click()
    await untilText(page, '[role=dialog]', /The node was not added/)
    await dialog.getByLabel('Address').fill(new URL(cluster.slave(1).url).host)
    await dialog.getByRole('button', { name: 'Add node' }).click()
    await until('it is back', async () => (await row.count()) === 1 && /Online/.test(await row.innerText()))
    expect((await cluster.node('slave1')).state).toBe('online')
  })
})
