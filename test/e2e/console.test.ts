import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openPlace, shownLines, untilText } from '../helpers/console-browser.ts'
import { ConsoleStage, evil } from '../helpers/console-stage.ts'
import { PrefixProxy } from '../helpers/prefix-proxy.ts'
import { until } from '../helpers/until.ts'

/** Every line that is shown stands in the file, at the byte that it says, and none is left out between them. */
async function expectWithoutGap(page: Page, file: string): Promise<number> {
  const lines = await shownLines(page)
  const bytes = readFileSync(file)
  let next = lines[0]?.offset ?? 0
  for (const { offset, text } of lines) {
    expect(offset).toBe(next)
    const end = bytes.indexOf(10, offset)
    const raw = bytes.subarray(offset, end === -1 ? bytes.length : end).toString()
    expect(raw.endsWith(text.slice(9))).toBe(true)
    next = (end === -1 ? bytes.length : end) + 1
  }
  return lines.length
}

describe('the console in front of a real cluster', () => {
  const stage = new ConsoleStage()
  beforeAll(() => stage.open(), 180_000)
  afterAll(() => stage.close())
  afterEach(async () => {
    await stage.browser.leave()
    // oxlint-disable-next-line vitest/no-standalone-expect -- what the page complained of fails the test that just ran
    expect(stage.browser.troubles.splice(0)).toEqual([])
  })

  const logFile = ({ spider, id }: { spider: string; id: string }) =>
    join(stage.slave.logsDir, 'newspapers', spider, `${id}.log`)

  it('runs a spider, follows its log, cancels it and runs it again', async () => {
    const page = await stage.browser.open(stage.master.url, '/jobs?run=newspapers&run-spider=night_ticker')
    await page.getByRole('dialog').getByRole('button', { name: /^Run/ }).last().click()
    await untilText(page, '.object-head', /Running/)
    await untilText(page, '.log-pane', /Look 1:/)
    const first = (await shownLines(page)).at(-1)?.offset ?? 0
    await until(
      'more lines come by themselves',
      async () => ((await shownLines(page)).at(-1)?.offset ?? 0) > first + 100,
    )
    expect(await page.getByRole('button', { name: /Following/ }).count()).toBe(1)

    await page.locator('.log-pane').hover()
    await page.mouse.wheel(0, -2_000)
    await untilText(page, '.log-new', /\d+ new lines?/)
    await page.keyboard.press('f')
    await until('it follows again', async () => (await page.locator('.log-new').count()) === 0)

    await page.keyboard.press('c')
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel job' }).click()
    await untilText(page, '.object-head', /Cancelled/)
    await untilText(page, '.log-pane', /End of log/)

    const before = page.url()
    await page.keyboard.press('a')
    await page.locator('.toast').getByRole('button', { name: 'Open' }).last().click()
    await until('the new job is shown', () => page.url() !== before)
    await untilText(page, '.object-head', /Running/)
    const [, key = ''] = /jobs\/(\w+)/.exec(page.url()) ?? []
    await stage.cancel({ key })
    await untilText(page, '.object-head', /Cancelled/)
  })

  it('comes packed to a browser that can unpack', async () => {
    const page = await (await fetch(stage.master.url, { headers: { accept: 'text/html' } })).text()
    const [, script = ''] = /src="([^"]+\.js)"/.exec(page) ?? []
    const got = async (encoding: string) => {
      const { status, headers } = await fetch(new URL(script, stage.master.url), {
        method: 'HEAD',
        headers: { 'accept-encoding': encoding },
      })
      return [status, headers.get('content-encoding'), headers.get('vary'), Number(headers.get('content-length'))]
    }
    const [plain, br, gz] = await Promise.all(['identity', 'gzip, deflate, br', 'gzip'].map(got))
    expect(plain?.slice(0, 3)).toEqual([200, null, 'Accept-Encoding'])
    expect(br?.slice(0, 3)).toEqual([200, 'br', 'Accept-Encoding'])
    expect(gz?.slice(0, 3)).toEqual([200, 'gzip', 'Accept-Encoding'])
    expect(Number(br?.[3])).toBeLessThan(Number(gz?.[3]))
    expect(Number(gz?.[3])).toBeLessThan(Number(plain?.[3]) / 2)
  })

  it('opens a failed job at its error, with the reason above', async () => {
    const job = await stage.run('broken_press', {}, 'newspapers')
    const page = await stage.browser.open(stage.master.url, `/jobs/${job.key}`)
    await untilText(page, '.job-banner', /RuntimeError: broken_press: the printing press is out of order/)
    await untilText(page, '.log-marked', /CRITICAL|ERROR/)
    await untilText(page, '.log-ERROR', /RuntimeError/)
    await page.getByRole('link', { name: 'Configuration' }).click()
    await untilText(page, '.configuration-tab', new RegExp(job.id))
  })

  it('finds what is looked for in the whole log, and hides levels', async () => {
    const job = await stage.run('patchy_gazette', {}, 'newspapers')
    const page = await stage.browser.open(stage.master.url, `/jobs/${job.key}?q=error`)
    await untilText(page, '.log-found', /1 of \d+/)
    expect(await page.locator('.log-row mark').count()).toBeGreaterThan(0)
    await page.getByRole('button', { name: 'Next match' }).click()
    await untilText(page, '.log-found', /2 of \d+/)
    await page.getByRole('button', { name: 'DEBUG' }).click()
    await page.getByRole('button', { name: 'INFO' }).click()
    await until('only warnings and errors are left', async () => {
      const shown = await page.locator('.log-begins').count()
      return shown > 0 && (await page.locator('.log-begins.log-INFO, .log-begins.log-DEBUG').count()) === 0
    })
    expect(page.url()).toContain('level=WARNING&level=ERROR')
  })

  it('opens a log of any size at its end, and goes to its begin and back by keys', async () => {
    const job = await stage.start()
    const file = logFile(job)
    const size = 100_000_000
    const line =
      '2026-11-22 22:10:40 [scrapy.core.engine] DEBUG: Crawled (200) <GET https://news.example/a> (referer: None)\n'
    appendFileSync(file, line.repeat(Math.ceil(size / line.length)))
    const page = await stage.browser.open(stage.master.url, `/jobs/${job.key}`)
    const last = async () => (await shownLines(page)).at(-1)?.offset ?? 0
    await until('its end is shown', async () => (await last()) > size)
    await page.locator('.log-pane').focus()
    await page.keyboard.press('Home')
    await until('its begin is shown', async () => (await shownLines(page))[0]?.offset === 0)
    await expectWithoutGap(page, file)
    await page.keyboard.press('End')
    await until('its end is shown again', async () => (await last()) > size)
    const before = await last()
    await until('it follows', async () => (await last()) > before)
    await stage.cancel(job)
  })

  it('filters jobs by an address that can be kept', async () => {
    await stage.run('quick')
    await stage.run('broken_press', {}, 'newspapers')
    const page = await stage.browser.open(stage.master.url, '/jobs')
    await page.getByRole('button', { name: 'Outcome' }).click()
    await page.getByRole('option', { name: 'Failed' }).click()
    await page.keyboard.press('Escape')
    await until('only failed jobs are left', async () => {
      const states = await page.locator('.job-line .state').allInnerTexts()
      return states.length > 0 && states.every((state) => state.includes('Failed'))
    })
    expect(page.url()).toContain('#/jobs?outcome=failed')
    await page.reload()
    await untilText(page, '.filter-pill.set', /Outcome is\s+Failed/)
    await untilText(page, '.job-line', /broken_press/)
    expect(await page.locator('.job-line', { hasText: 'quick' }).count()).toBe(0)
    // By keyboard: the row opens, and the way back keeps the filter.
    await page.locator('.job-line').first().focus()
    await page.keyboard.press('Enter')
    await untilText(page, '.object-head', /Failed/)
    await page.goBack()
    await untilText(page, '.filter-pill.set', /Outcome is\s+Failed/)
  })

  it('keeps a range of time in the address, typed by keyboard alone', async () => {
    const job = await stage.run('quick')
    const page = await stage.browser.open(stage.master.url, `/jobs?q=${job.id}`, { locale: 'zh-CN' })
    await untilText(page, '.job-line', /quick/)
    const focused = (selector: string) =>
      until(`${selector} has the focus`, async () => (await page.locator(`${selector}:focus`).count()) === 1)
    await page.getByRole('button', { name: '时间', exact: true }).press('Enter')
    await page.locator('#time-from').waitFor()
    const isThere = async () => (await page.locator('#time-from:focus').count()) === 1
    // Past the button and the presets; the menu may take the focus only after it is shown.
    for (let steps = 0; steps < 12 && !(await isThere()); steps += 1) await page.keyboard.press('Tab')
    await focused('#time-from')
    // A calendar can be entered and left again, also while it still unfolds.
    await page.emulateMedia({ reducedMotion: 'no-preference' })
    await page.keyboard.press('ArrowDown')
    await focused('.el-date-table td')
    await page.keyboard.press('Escape')
    await focused('#time-from')
    await until('the calendar is gone', async () => (await page.locator('.el-picker-panel:visible').count()) === 0)
    expect(await page.locator('#time-from').inputValue()).toBe('')
    await page.keyboard.type('2020-01-01 00:00')
    await page.keyboard.press('Tab')
    await focused('#time-to')
    await page.keyboard.type('2020-02-01 00:00')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await untilText(page, '.jobs-page', /没有匹配的任务/)
    expect(decodeURIComponent(page.url())).toMatch(/from=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ&to=2020/)
    await page.getByRole('button', { name: /2020.*–/ }).press('Enter')
    await page.getByRole('option', { name: '最近 1 小时' }).press('Enter')
    await untilText(page, '.job-line', /quick/)
    expect(page.url()).toMatch(/from=-1h$/)
  })

  it('goes anywhere and runs anything from the palette', async () => {
    const job = await stage.run('quick')
    const page = await stage.browser.open(stage.master.url, '/projects')
    await untilText(page, '[role=row]', /newspapers/)
    await until('the palette is there before it is asked for', () =>
      page.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => name.includes('CommandPalette'))),
    )
    // Charts come with the pages that have one.
    const scripts = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name))
    expect(scripts.filter((name) => /chart/i.test(name))).toEqual([])
    const ask = async (words: string, answer: RegExp) => {
      await page.keyboard.press('Control+k')
      await page.locator('[role=combobox]:focus').waitFor()
      await page.keyboard.type(words)
      expect(await page.getByRole('combobox').inputValue()).toBe(words)
      await untilText(page, '[role=option][aria-selected=true]', answer)
    }
    await ask('crawl-01', /crawl-01/)
    await page.keyboard.press('Enter')
    await until('the node is shown', () => page.url().includes('#/nodes/'))
    await untilText(page, 'h1', /crawl-01/)
    await ask(job.id, /quick/)
    await page.keyboard.press('Enter')
    await until('the job is shown', () => page.url().endsWith(`#/jobs/${job.key}`))

    // R runs what is shown; the palette anything.
    await page.keyboard.press('r')
    await untilText(page, '[role=dialog]', /quick/)
    await page.keyboard.press('Escape')
    await until('the dialog is gone', async () => (await page.getByRole('dialog').count()) === 0)
    // By the first letters of its sounds: Yun Xi Ri Bao.
    await ask('yxrb', /云溪日报/)
    await page.keyboard.press('Control+Enter')
    await untilText(page, '[role=dialog]', /云溪日报/)
    expect(page.url()).toContain(`${job.key}?run=newspapers`)
    // Over plain http from another machine a browser has no clipboard of its own for a page.
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.evaluate(() => {
      const { clipboard } = navigator
      Object.assign(window, { clipboard })
      Object.defineProperty(navigator, 'clipboard', { configurable: true, value: undefined })
    })
    await page.locator('.curl').getByRole('button', { name: 'Copy' }).click()
    await untilText(page, '.toast', /Copied/)
    const copied = await page.evaluate(() => (window as unknown as { clipboard: Clipboard }).clipboard.readText())
    expect(copied).toMatch(/^curl http:[\s\S]*spider=云溪日报/)
    expect(await page.getByRole('dialog').evaluate((dialog) => dialog.contains(document.activeElement))).toBe(true)
    await page.keyboard.press('Control+Enter')
    await untilText(page, '.object-head', /云溪日报/)
    const [, key = ''] = /jobs\/(\w+)$/.exec(page.url()) ?? []
    expect(await stage.master.client.call('getJob', { params: { key } })).toMatchObject({ spider: '云溪日报' })

    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').waitFor()
    await page.keyboard.press('Escape')
    expect(await page.getByRole('combobox').count()).toBe(0)
  })

  it('shows a forward the moment it is made, and ends it', async () => {
    const { project, spider, id } = await stage.run('quick')
    const page = await stage.browser.open(stage.master.url, '/forwards')
    await untilText(page, '.page-body', /No live forwards/)
    const wanted = new URLSearchParams({ project, spider, jobid: id, cluster_node: 'crawl-01' })
    const reply = (await (await fetch(`${stage.master.url}/crawllog.json?${String(wanted)}`)).json()) as { url: string }
    await untilText(page, '.forwards-table', /crawl-01/)
    expect((await fetch(reply.url)).status).toBe(200)
    await page.getByRole('button', { name: 'Drop' }).click()
    await untilText(page, '.page-body', /No live forwards/)
    expect((await fetch(reply.url)).status).toBe(404)
  })

  it('shows new jobs when they are asked for, and cancels many at once', async () => {
    const page = await stage.browser.open(stage.master.url, '/jobs?q=batch-of-two')
    await untilText(page, '.jobs-page', /jobs? match|No job matches|Nothing/)
    const jobs = await Promise.all([stage.start({ tag: 'batch-of-two' }), stage.start({ tag: 'batch-of-two' })])
    await until('both are in the list', async () => {
      const fresh = page.locator('.jobs-fresh')
      if ((await fresh.count()) > 0) await fresh.click()
      return (await page.locator('.job-line', { hasText: 'Running' }).count()) === 2
    })
    await page.getByRole('checkbox', { name: 'Select all' }).click()
    await untilText(page, '.selection-bar', /matching selected/)
    await page.locator('.selection-bar').getByRole('button', { name: 'Cancel 2' }).click()
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Cancel 2/ })
      .click()
    for (const { id } of jobs) expect((await stage.master.ended(id)).outcome).toBe('cancelled')
    await until(
      'the rows changed in place',
      async () => (await page.locator('.job-line', { hasText: 'Cancelled' }).count()) >= 2,
    )
  })

  it('never takes for markup what spiders say', async () => {
    const job = await stage.run(evil, { [`<b>name</b>`]: evil })
    const page = await stage.browser.open(stage.master.url, `/jobs/${job.key}`)
    await untilText(page, '.object-head', /<img src=x/)
    await untilText(page, '.log-pane', /warned <img src=x onerror=.* red/)
    await untilText(page, '.log-pane', /<script>document\.title='owned'<\/script>/)
    await untilText(page, '.job-aside', /<b>name<\/b>/)
    for (const tab of ['items', 'stats', 'configuration']) {
      await page.goto(`${stage.master.url}/#/jobs/${job.key}/${tab}`)
      await untilText(page, '.job-body', tab === 'stats' ? /finish_reason/ : /<img src=x/)
    }
    for (const place of ['/jobs', '/projects/lives', '/']) {
      await page.goto(`${stage.master.url}/#${place}`)
      if (place !== '/') await untilText(page, '#app', /<img src=x/)
    }
    expect(await page.title()).not.toContain('owned')
    expect(await page.locator('img[src=x], #app script').count()).toBe(0)
  })

  it('speaks English and Chinese, by the browser first and by choice then', async () => {
    const page = await stage.browser.open(stage.master.url, '/jobs', { locale: 'zh-CN' })
    await untilText(page, 'h1', /^任务$/)
    expect(await page.locator('html').getAttribute('lang')).toBe('zh-CN')
    await page
      .locator('.status-bar, footer')
      .getByRole('button', { name: /简体中文/ })
      .last()
      .click()
    await page.getByRole('menuitem', { name: 'English' }).click()
    await untilText(page, 'h1', /^Jobs$/)
    await page.reload()
    await untilText(page, 'h1', /^Jobs$/)
  })

  it('works below a path of a reverse proxy', async () => {
    const proxy = await PrefixProxy.start(stage.master.url, '/tools/scrapyd')
    try {
      const job = await stage.start()
      const page = await stage.browser.open(proxy.url, `/jobs/${job.key}`)
      await untilText(page, '.log-pane', /Look \d+:/)
      const last = async () => (await shownLines(page)).at(-1)?.offset ?? 0
      const before = await last()
      await until('the log goes on', async () => (await last()) > before)
      await page.keyboard.press('c')
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel job' }).click()
      await untilText(page, '.object-head', /Cancelled/)
      await page.goto(`${proxy.url}/#/jobs/${job.key}/items`)
      const download = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Download items' }).click()
      expect((await download).url()).toContain('/tools/scrapyd/items/')
    } finally {
      await proxy.stop()
    }
  })

  it('goes on after the master was restarted, without a gap or a double line in the log', async () => {
    const job = await stage.start()
    const page = await stage.browser.open(stage.master.url, `/jobs/${job.key}`)
    await untilText(page, '.log-pane', /Look \d+:/)
    await stage.master.stop()
    await untilText(page, '.stale-strip, .status-bar, footer', /Reconnecting/)
    await stage.master.startAgain()
    const end = readFileSync(logFile(job)).length
    await until('what was logged meanwhile is shown', async () => ((await shownLines(page)).at(-1)?.offset ?? 0) > end)
    await stage.cancel(job)
    await untilText(page, '.log-pane', /End of log/)
    expect(await expectWithoutGap(page, logFile(job))).toBeGreaterThan(10)
  })

  it('keeps ten tabs live, each with a log of its own', async () => {
    const jobs = await Promise.all(Array.from({ length: 5 }, () => stage.start({ rate: '1' })))
    // Small windows: ten of them are painted without a GPU.
    const person = await stage.browser.person({ width: 1024, height: 420 })
    const pages = await Promise.all(
      Array.from({ length: 10 }, (_, index) => openPlace(person, stage.master.url, `/jobs/${jobs[index % 5]?.key}`)),
    )
    // Ten pages are asked at once: not so often that the asking is the load.
    const slowly = { everyMs: 1_000, limitMs: 90_000 }
    const last = async (page: Page) => (await shownLines(page)).at(-1)?.offset ?? 0
    const lasts = () => Promise.all(pages.map(last))
    await until('all show a log', async () => (await lasts()).every((offset) => offset > 0), slowly)
    const before = await lasts()
    await until(
      'all go on',
      async () => (await lasts()).every((offset, index) => offset > (before[index] ?? 0)),
      slowly,
    )
    // Nothing waits for a connection: an eleventh page opens at once.
    const more = await openPlace(person, stage.master.url, '/nodes')
    await untilText(more, '#app', /crawl-01/)
    await Promise.all(jobs.map((job) => stage.cancel(job)))
    await Promise.all(pages.map((page) => untilText(page, '.object-head', /Cancelled/)))
  })
})
