import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { consoleDir, ensureConsole } from '../../scripts/lib/console-build.ts'
import { seriousViolations } from '../helpers/axe.ts'
import { FakeDaemon } from '../helpers/fake-daemon.ts'
import { sampleAnswers } from '../helpers/sample-answers.ts'
import { sampleCluster, sampleJob, type SampleCluster } from '../helpers/sample-cluster.ts'
import { sampleLog } from '../helpers/sample-log.ts'
import { chromiumArgs, chromiumPath } from '../helpers/setup-chromium.ts'
import { until } from '../helpers/until.ts'

let browser: Browser
let context: BrowserContext
let cluster: SampleCluster
let daemon: FakeDaemon
const problems: string[] = []

beforeAll(async () => {
  if (!(await ensureConsole())) throw new Error('the console could not be built')
  browser = await chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArgs] })
})

afterAll(() => browser.close())

beforeEach(async () => {
  problems.length = 0
  cluster = sampleCluster()
  // Behind a prefix, as in the harder half of all installations.
  daemon = new FakeDaemon({
    prefix: '/ops/scrapyd',
    answers: sampleAnswers(cluster),
    console: consoleDir,
    tailed: (key) => {
      const job = cluster.jobs.find((each) => each.key === key)
      return job === undefined ? null : { text: sampleLog(job), isOver: job.state === 'finished' }
    },
  })
  await daemon.start()
})

afterEach(async () => {
  await context.close()
  await daemon.stop()
})

async function openContext(options: Parameters<Browser['newContext']>[0] = {}): Promise<void> {
  context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    reducedMotion: 'reduce',
    ...options,
  })
}

/** Opens a page of the console; what it complains about (CSP, errors) is kept. */
async function open(route: string): Promise<Page> {
  const page = await context.newPage()
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text())
  })
  page.on('pageerror', (error) => problems.push(String(error)))
  await goTo(page, route)
  return page
}

/** Loads a page of the console anew. */
async function goTo(page: Page, route: string): Promise<void> {
  const isLoaded = page.url() !== 'about:blank'
  await page.goto(`${daemon.base}#${route}`)
  // Another fragment alone is no other document.
  if (isLoaded) await page.reload()
  await page.getByRole('main').locator('h1, h2').first().waitFor()
  // Everything has come: no skeleton is left, and a dialog that the address asks for is there.
  await until(`${route} is complete`, async () => (await page.locator('.bone').count()) === 0)
  if (/[?&]re?run=/.test(route)) await page.getByRole('dialog').waitFor()
}

const keyOf = (status: string) =>
  cluster.jobs.find(({ state, outcome }) => state === status || outcome === status)?.key ?? ''

/** Pages that are looked at; `:running` and so on stand for the key of such a job. */
const ROUTES = [
  '/',
  '/jobs',
  '/jobs?outcome=failed&from=2026-11-01&to=2026-11-02',
  '/jobs/:running',
  '/jobs/:running/about',
  '/jobs/:failed',
  '/jobs/:pending',
  '/jobs/:finished/items',
  '/jobs/:finished/stats',
  '/jobs/:finished/configuration',
  '/nodes?node=n4',
  '/nodes/n4',
  '/nodes/n2/projects',
  '/nodes/n1/history',
  '/projects?pull=newspapers',
  '/projects/newspapers',
  '/projects/newspapers/jobs',
  '/projects/newspapers/pulls',
  '/forwards',
  '/projects?run=newspapers&spider=sina_finance',
  '/no/such/page',
]

/** Dialogs, opened by keys alone over pages that are there already. */
async function expectDialogs(page: Page): Promise<void> {
  const go = async (...keys: string[]) => {
    for (const key of keys) await page.keyboard.press(key)
  }
  for (const [name, place, ...keys] of [
    ['shortcuts', '', '?'],
    ['palette', '', 'Control+k'],
    ['new project', '.projects-table', 'g', 'p', 'n'],
    ['new node', '.nodes-table', 'g', 'n', 'n'],
  ] as const) {
    await go(...keys.slice(0, -1))
    if (place !== '') await page.locator(place).waitFor()
    await go(keys.at(-1) ?? '')
    await page.getByRole('dialog').waitFor()
    expect({ name, violations: await seriousViolations(page) }).toEqual({ name, violations: [] })
    await go('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  const row = (table: string) => page.locator(`${table} [role=row]:not(.head)`)
  const openers: Record<string, () => Promise<unknown>> = {
    pause: () => row('.nodes-table').filter({ hasText: 'crawl-01' }).locator('.acts button').first().click(),
    'pull on some nodes': async () => {
      await go('g', 'p')
      await row('.projects-table').filter({ hasText: 'newspapers' }).getByRole('link').click()
      await page.getByRole('button', { name: /Pull on some nodes|选择节点拉取/ }).click()
    },
  }
  for (const [name, open] of Object.entries(openers)) {
    await open()
    await page.getByRole('dialog').waitFor()
    expect({ name, violations: await seriousViolations(page) }).toEqual({ name, violations: [] })
    await go('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
}

/** Whoever goes through a page by Tab sees where they are. */
async function expectFocusRings(page: Page): Promise<void> {
  for (let steps = 0; steps < 12; steps += 1) {
    await page.keyboard.press('Tab')
    const ring = (await page.evaluate(`(() => {
      const { activeElement: element } = document
      // A field's ring may be around its frame.
      const frame = element.closest('label, .el-select, .el-checkbox')
      const parts = frame === null ? [] : [frame, ...frame.querySelectorAll('.el-checkbox__inner, .el-select__wrapper')]
      const isRinged = [element, ...parts].map((part) => getComputedStyle(part)).some(
        ({ outlineStyle, outlineWidth, boxShadow }) =>
          (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none',
      )
      return { isRinged, html: element.outerHTML.slice(0, 120) }
    })()`)) as { isRinged: boolean; html: string }
    expect(ring).toEqual({ isRinged: true, html: ring.html })
  }
}

describe('the pages', () => {
  it.each([
    ['English, light, 1440 wide', { colorScheme: 'light', locale: 'en-US' }],
    ['Chinese, dark, 1024 wide', { colorScheme: 'dark', locale: 'zh-CN', viewport: { width: 1024, height: 768 } }],
  ] as const)(
    'break neither the policy nor the rules of accessibility: %s',
    async (_, options) => {
      await openContext(options)
      const page = await open('/')
      for (const route of ROUTES) {
        await goTo(
          page,
          route.replace(/:(\w+)/, (_, status: string) => keyOf(status)),
        )
        expect({ route, violations: await seriousViolations(page) }).toEqual({ route, violations: [] })
        // Beside the log where there is room, else behind a tab.
        if (route.endsWith('/about')) expect(await page.locator('.job-aside:visible').count()).toBe(1)
        // Nothing is cut off at the right.
        expect({ route, over: await page.evaluate('document.documentElement.scrollWidth - innerWidth') }).toEqual({
          route,
          over: 0,
        })
      }
      // As links lead there: the second time with what was read the first time.
      for (const route of [...ROUTES, ...ROUTES]) {
        const hash = `#${route.replace(/:(\w+)/, (_, status: string) => keyOf(status))}`
        await page.evaluate((place) => (location.hash = place), hash)
        await page.getByRole('main').locator('h1, h2').first().waitFor()
        expect({ route, problems }).toEqual({ route, problems: [] })
      }
      // First by the system.
      expect(await page.locator('html').getAttribute('data-theme')).toBe(options.colorScheme)
      await expectDialogs(page)
      await expectFocusRings(page)
      expect(problems).toEqual([])
    },
    300_000,
  )

  it('show names as text, whatever is in them', async () => {
    const evil = '<img src=x onerror="document.title=1">'
    const job = sampleJob({
      spider: evil,
      project: evil,
      state: 'running',
      outcome: null,
      ended_at: null,
      node: 'crawl-01',
      args: { [evil]: evil },
    })
    cluster.jobs.push(job)
    for (const node of cluster.nodes) Object.assign(node, { pause_note: evil, last_error: evil })
    await openContext()
    for (const route of ['/nodes/n1', '/nodes?node=n3', `/projects?rerun=${job.key}`, '/']) {
      const page = await open(route)
      await page.close()
    }
    const page = await open('/nodes/n1')
    await page.getByText(evil).first().waitFor()
    expect(await page.locator('img').count()).toBe(0)
    expect(problems).toEqual([])
  })
})

describe('ten tabs', () => {
  it('live on one event stream, and all show a change', async () => {
    await openContext()
    const tabs = await Promise.all(Array.from({ length: 10 }, () => open('/nodes')))
    expect(daemon.streams).toHaveLength(1)
    daemon.commit({ type: 'node', node: { ...cluster.nodes[1], name: 'renamed-01' } })
    await Promise.all(tabs.map((tab) => tab.getByText('renamed-01').first().waitFor()))
    // The other five connections are free for everything else.
    await tabs[9]?.goto(`${daemon.base}#/projects`)
    await tabs[9]?.getByText('finance_cn').first().waitFor()
    expect(daemon.streams).toHaveLength(1)
    await Promise.all(tabs.map((tab) => tab.close()))
    await until('the stream ends with the last tab', () => daemon.streams.length === 0)
  })

  it('come back by themselves after the master was away', async () => {
    await openContext()
    const [one, two] = await Promise.all([open('/nodes'), open('/nodes')])
    daemon.isDeaf = true
    daemon.cut()
    await one.getByText(/Reconnecting, next try in/).waitFor()
    await one.getByText(/Reconnecting to hq-01/).waitFor()
    daemon.commit({ type: 'node', node: { ...cluster.nodes[1], name: 'renamed-01' } })
    daemon.isDeaf = false
    await Promise.all([one, two].map((tab) => tab.getByText('renamed-01').first().waitFor()))
    await one.getByText('Live', { exact: true }).waitFor()
    expect(await one.getByText(/Reconnecting/).count()).toBe(0)
  })
})
