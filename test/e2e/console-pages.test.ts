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
  await untilComplete(page, route)
}

/** Goes to a page as a link in the console does. */
async function follow(page: Page, route: string): Promise<void> {
  await page.evaluate((place) => (location.hash = place), `#${route}`)
  // Until then it is the page before that is complete.
  await page.locator(`main[data-place="${route}"]`).waitFor()
  await untilComplete(page, route)
}

async function untilComplete(page: Page, route: string): Promise<void> {
  await page.getByRole('main').locator('h1, h2').first().waitFor()
  // Everything has come: no skeleton is left, and a dialog that the address asks for is there.
  await until(`${route} is complete`, async () => (await page.locator('.bone').count()) === 0)
  if (/[?&]re?run=/.test(route)) await page.getByRole('dialog').waitFor()
  if (/[?&]q=/.test(route)) await page.locator('.log-found button').first().waitFor()
}

const keyOf = (status: string) =>
  cluster.jobs.find(({ state, outcome }) => state === status || outcome === status)?.key ?? ''

const placeOf = (route: string) => route.replace(/:(\w+)/, (_, status: string) => keyOf(status))

/** Pages that are looked at; `:running` and so on stand for the key of such a job. */
const ROUTES = [
  '/',
  '/jobs',
  '/jobs?outcome=failed&from=2026-11-01&to=2026-11-02',
  '/jobs/:running',
  '/jobs/:running?q=ERROR',
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

/** What is behind them was looked at by itself. */
const DIALOGS = '[role=dialog], .el-overlay'

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
    expect({ name, violations: await seriousViolations(page, DIALOGS) }).toEqual({ name, violations: [] })
    expect({ name, over: await collisions(page) }).toEqual({ name, over: [] })
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
    // Questions: with a button that is red, and with one that is not.
    'remove a project': async () => {
      await page.locator('.object-head [aria-haspopup=menu]').click()
      await page.getByRole('menuitem').last().click()
    },
    'cancel a job': async () => {
      await follow(page, placeOf('/jobs/:running'))
      await go('c')
    },
    'run anyway': async () => {
      const away = cluster.jobs.find((job) => job.node_offline)
      await follow(page, `/jobs/${away?.key ?? ''}`)
      await page.getByRole('button', { name: /^(Run anyway|仍然运行)…$/ }).click()
    },
  }
  for (const [name, open] of Object.entries(openers)) {
    await open()
    await page.getByRole('dialog').waitFor()
    expect({ name, violations: await seriousViolations(page, DIALOGS) }).toEqual({ name, violations: [] })
    expect({ name, over: await collisions(page) }).toEqual({ name, over: [] })
    await go('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
}

/** What opens below a button, by the page and its buttons; of a table those of one row. */
const MENUS: readonly (readonly [route: string, buttons: string])[] = [
  ['/jobs', '.jobs-bar [aria-haspopup], .jobs-foot [aria-haspopup], .bar [aria-haspopup]'],
  ['/jobs/:running', '.object-head [aria-haspopup]'],
  ['/nodes', '.nodes-table [data-index="1"] [aria-haspopup]'],
  ['/nodes/n1', '.object-head [aria-haspopup]'],
  ['/projects', '.projects-table [data-index="1"] [aria-haspopup]'],
  ['/projects/newspapers', '.object-head [aria-haspopup]'],
]

/** Menus, lists and panels: each opens, can be used by everybody, and goes by Esc, which gives the focus back. */
async function expectMenus(page: Page): Promise<void> {
  const menu = page.locator(':is([role=menu], [role=listbox], [role=dialog]):visible').first()
  for (const [route, selector] of MENUS) {
    await follow(page, placeOf(route))
    // Those of rows are made when somebody comes near.
    for (const row of await page.locator('.tr[data-index="1"]:not(.job-line)').all())
      await row.locator('button').last().hover()
    const buttons = await page.locator(selector).all()
    expect({ route, buttons: buttons.length }).not.toEqual({ route, buttons: 0 })
    for (const button of buttons) {
      await button.click()
      await menu.waitFor()
      const name = `${route}: ${await button.innerText()}`
      const violations = await seriousViolations(page, '[aria-expanded=true], .filter-panel, .el-popper')
      expect({ name, violations }).toEqual({ name, violations: [] })
      await page.keyboard.press('Escape')
      await menu.waitFor({ state: 'detached' })
      await until(`${name} has the focus`, () => button.evaluate((element) => element === document.activeElement))
    }
  }
}

/** A cluster without projects shows what to do first. */
async function expectFirstSteps(page: Page): Promise<void> {
  cluster.projects.length = 0
  await goTo(page, '/')
  await page.locator('.first-steps').waitFor()
  expect(await seriousViolations(page)).toEqual([])
  expect(await otherMeasures(page, new Set())).toEqual([])
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBe(0)
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

/** Heights of the design, in px, of every element that fits. */
const HEIGHTS: readonly (readonly [selector: string, height: number])[] = [
  ['.page-head', 56],
  ['.tabs a', 34],
  ['.log-bar', 44],
  ['.spiders > .toolbar', 44],
  ['.tr.head', 32],
  ['.job-line, .job-list .job-row', 34],
  ['.tr:not(.head, .two, .job-line, .job-row), .slot-line', 36],
  ['.tr.two, .failure, .history-line', 52],
  ['.log-row', 20],
  ['.btn-small', 24],
  ['.btn:not(.btn-small, .btn-large), .search, .filter-pill', 28],
  ['.btn-large', 32],
  ['.dock', 340],
  ['.bar', 26],
]

/** Size, height and weight of the texts of the design. */
const FONTS: readonly (readonly [selector: string, font: string])[] = [
  ['.page-head h1', '16px/24px 600'],
  ['h1.object', '20px/28px 600'],
  ['.section-head h2', '13px/20px 600'],
  ['.figure-value', '24px/32px 600'],
  ['.facts dt + dd', '15px/22px 600'],
  ['.tr.head > span', '12px/20px 400'],
  ['.log-row', '12px/20px 400'],
]

/** What stands on a page in other sizes than the design's: its texts, and its elements of `HEIGHTS`. */
async function otherMeasures(page: Page, seen: Set<string>): Promise<string[]> {
  const found = await page.evaluate(
    ([heights, fonts]) => {
      const isShown = (element: Element) => element.checkVisibility({ visibilityProperty: true })
      const wrong: string[] = []
      const measured: string[] = []
      for (const [selector, height] of heights) {
        for (const element of document.querySelectorAll<HTMLElement>(selector)) {
          if (!isShown(element)) continue
          measured.push(selector)
          const own = element.getBoundingClientRect().height
          if (Math.abs(own - height) > 0.6) wrong.push(`${element.className}: ${own} px high, not ${height}`)
        }
      }
      for (const [selector, font] of fonts) {
        for (const element of document.querySelectorAll(selector)) {
          if (!isShown(element)) continue
          measured.push(selector)
          const { fontSize, lineHeight, fontWeight } = getComputedStyle(element)
          const own = `${fontSize}/${lineHeight} ${fontWeight}`
          if (own !== font) wrong.push(`${selector}: ${own}, not ${font}`)
        }
      }
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
      while (walker.nextNode()) {
        const element = walker.currentNode.parentElement
        if (element === null || walker.currentNode.textContent?.trim() === '' || !isShown(element)) continue
        if (element.closest('.unseen, kbd, .rate-axis, svg, .alarm') !== null) continue
        const { fontSize, fontStyle, fontVariantNumeric, fontWeight, letterSpacing, textTransform } =
          getComputedStyle(element)
        const is = [fontVariantNumeric, fontStyle, letterSpacing, textTransform, fontWeight].join(' ')
        if (Number.parseFloat(fontSize) < 12) wrong.push(`${element.className}: ${fontSize}`)
        if (!/^tabular-nums normal normal none [456]00$/.test(is)) wrong.push(`${element.className}: ${is}`)
      }
      return { wrong, measured }
    },
    [HEIGHTS, FONTS] as const,
  )
  for (const selector of found.measured) seen.add(selector)
  return [...new Set(found.wrong)]
}

/** Parts of rows that lie over one another, and parts of a dialog that stand out of it. */
function collisions(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const box = (element: Element) => element.getBoundingClientRect()
    // Where what is in it ends, unless it is cut there.
    const end = (element: Element) => {
      const { left, width } = box(element)
      return left + (getComputedStyle(element).overflowX === 'visible' ? Math.max(width, element.scrollWidth) : width)
    }
    const rows = [...document.querySelectorAll('.log-bar, .object-line, .page-head, .dialog-foot')]
    const over = rows.flatMap((row) => {
      const parts = [...row.children].filter((part) => box(part).width > 0)
      return parts
        .filter((part, at) => end(part) > (parts[at + 1] ? box(parts[at + 1]!).left : box(row).right) + 0.5)
        .map((part) => `${row.className}: ${part.className}`)
    })
    const dialogs = [...document.querySelectorAll('.el-dialog')]
    const out = dialogs.flatMap((dialog) =>
      [...dialog.querySelectorAll('.dialog-body .cut, .dialog-body .btn')]
        .filter((part) => box(part).right > box(dialog).right - 16)
        .map((part) => `out of the dialog: ${part.textContent ?? ''}`),
    )
    return [...over, ...out]
  })
}

describe('the pages', () => {
  it.each([
    ['loaded, English, light, 1440 wide', goTo, { colorScheme: 'light', locale: 'en-US' }],
    [
      'by links, Chinese, dark, 1024 wide',
      follow,
      { colorScheme: 'dark', locale: 'zh-CN', viewport: { width: 1024, height: 768 } },
    ],
  ] as const)(
    'break neither the policy, the rules of accessibility nor the measures of the design: %s',
    async (_, visit, options) => {
      await openContext(options)
      const page = await open('/')
      const seen = new Set<string>()
      for (const route of ROUTES) {
        await visit(page, placeOf(route))
        expect({ route, violations: await seriousViolations(page) }).toEqual({ route, violations: [] })
        expect({ route, other: await otherMeasures(page, seen) }).toEqual({ route, other: [] })
        expect({ route, over: await collisions(page) }).toEqual({ route, over: [] })
        // Beside the log where there is room, else behind a tab.
        if (route.endsWith('/about')) expect(await page.locator('.job-aside:visible').count()).toBe(1)
        // Nothing is cut off at the right.
        expect({ route, over: await page.evaluate('document.documentElement.scrollWidth - innerWidth') }).toEqual({
          route,
          over: 0,
        })
      }
      // By links again: a page finds what was read for its first visit.
      for (const route of visit === follow ? ROUTES : []) {
        await follow(page, placeOf(route))
        expect({ route, problems }).toEqual({ route, problems: [] })
      }
      // First by the system.
      expect(await page.locator('html').getAttribute('data-theme')).toBe(options.colorScheme)
      await expectDialogs(page)
      await expectMenus(page)
      await expectFocusRings(page)
      await expectFirstSteps(page)
      expect(problems).toEqual([])
      expect(seen).toEqual(new Set([...HEIGHTS, ...FONTS].map(([selector]) => selector)))
    },
    300_000,
  )

  it('are gone through by Tab in the order of the design, with one stop for the rows of a list', async () => {
    await openContext()
    const page = await open('/jobs')
    const stop = () =>
      page.evaluate(() => {
        const element = document.activeElement
        const region = element?.closest('.skip-link, .side, .page-head, .jobs-bar, [role=row], .jobs-foot, .bar')
        return `${region?.className.split(' ')[0] ?? ''}${region?.hasAttribute('data-index') === true ? ' row' : ''}`
      })
    const stops: string[] = []
    for (let count = 0; count < 60 && stops.at(-1) !== 'bar'; count += 1) {
      await page.keyboard.press('Tab')
      stops.push(await stop())
    }
    expect(stops.filter((region, index) => region !== stops[index - 1])).toEqual([
      'skip-link',
      'side',
      'page-head',
      'jobs-bar',
      'tr',
      'tr row',
      'bar',
    ])
    expect(stops.filter((region) => region === 'tr row')).toHaveLength(1)
    for (const path of ['/nodes', '/projects', '/projects/newspapers/jobs']) {
      await goTo(page, path)
      const tabStops = await page.locator('[role=row][data-index]').evaluateAll(
        (rows) =>
          rows
            .flatMap((row) => [row, ...row.querySelectorAll('a, button, input, [tabindex]')])
            .filter((element) => {
              return (element as HTMLElement).tabIndex >= 0
            }).length,
      )
      expect({ path, tabStops }).toEqual({ path, tabStops: 1 })
    }
  })

  it('show the keyboard what is cut, give the focus back, and lose their columns in order', async () => {
    await openContext()
    const page = await open('/jobs')
    const reason = page.locator('.job-line').first().locator('[data-tip-row]')
    expect(await reason.evaluate((element) => element.scrollWidth > element.clientWidth)).toBe(true)
    await page.locator('.jobs-grid .sort-button').last().focus()
    await page.keyboard.press('Tab')
    await page.locator('.tip').waitFor()
    expect(await page.locator('.tip').innerText()).toBe(await reason.textContent())
    await page.keyboard.press('ArrowDown')
    await until('the tip has gone', async () => (await page.locator('.tip').count()) === 0)

    await page.keyboard.press('/')
    await page.locator('.search input:focus').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.locator('.search input:focus').count()).toBe(0)

    await page.getByRole('button', { name: /^Shortcuts/ }).press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await until('the focus is back', () =>
      page.evaluate(() => document.activeElement?.textContent?.includes('Shortcuts') === true),
    )

    await page.keyboard.press('Control+k')
    await page.locator('[role=combobox]:focus').waitFor()
    const palette = (await page.locator('.dialog-bare').boundingBox()) ?? expect.fail('no palette')
    expect([palette.width, Math.round(palette.y)]).toEqual([640, 112])
    expect(palette.height).toBeLessThanOrEqual(560)
    await page.keyboard.press('Escape')

    // Columns leave one after the other.
    const there = () =>
      page.evaluate(() => {
        document.querySelector('.job-line')?.dispatchEvent(new Event('pointerenter'))
        const isShown = (selector: string) => document.querySelector(selector)?.checkVisibility() === true
        return ['menu', 'errors', 'started'].filter((name) => isShown(`.job-line .col-${name}`))
      })
    await page.locator('.job-line').first().hover()
    for (const [width, columns] of [
      [1440, ['menu', 'errors', 'started']],
      [1200, ['errors', 'started']],
      [1120, ['started']],
      [1024, []],
    ] as const) {
      await page.setViewportSize({ width, height: 900 })
      expect({ width, columns: await there() }).toEqual({ width, columns })
      expect(await page.locator('.side').evaluate((side) => (side as HTMLElement).offsetWidth)).toBe(
        width > 1200 ? 216 : 52,
      )
    }
    // Words of a state: as text where all is well, in the state's colour where not.
    const colours = await page.evaluate(() => {
      const probe = document.body.appendChild(document.createElement('i'))
      const token = (name: string) => {
        probe.style.color = `var(--${name})`
        return getComputedStyle(probe).color
      }
      const tokens = ['text', 'text-2', 'failed', 'starting', 'lost'].map((name) => [token(name), name] as const)
      const names = new Map(tokens.toReversed())
      const word = (state: string) => {
        const element = document.querySelector(`.job-line .state.c-${state} > span`)
        return element === null ? null : (names.get(getComputedStyle(element).color) ?? 'other')
      }
      return Object.fromEntries(['pending', 'starting', 'running', 'failed'].map((state) => [state, word(state)]))
    })
    expect(colours).toEqual({ pending: 'text-2', starting: 'starting', running: 'text', failed: 'failed' })
    // Nothing moves for somebody who asked for that.
    const arc = page.locator('.glyph-starting .arc').first()
    expect(await arc.evaluate((path) => getComputedStyle(path).animationDuration)).toBe('0s')
  })

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
