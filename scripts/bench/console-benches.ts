import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { chromium, type Browser, type Page } from 'playwright-core'
import { chromiumArgs, chromiumPath } from '../../test/helpers/setup-chromium.ts'
import { median, quantile, row, type Row } from './figures.ts'
import { schedule, untilIdle } from './load.ts'
import { fillOurs, freshFolder } from './node-benches.ts'
import { writeProject } from './project.ts'
import { startOurs, type Server } from './servers.ts'
import { traced } from './trace.ts'

const STORED = 100_000
const LINES_PER_SECOND = 5_000
/** So many jobs are looked for on the screen, one after the other. */
const CHANGES = 22
const none = { text: '–', met: null }

/** A master with 100 000 stored jobs and a slave, and a browser in front of them. */
async function withConsole<T>(
  name: string,
  work: (browser: Browser, master: Server, slave: Server) => Promise<T>,
): Promise<T> {
  const folder = freshFolder(name)
  const project = writeProject(join(folder, 'p'))
  const slave = await startOurs(join(folder, 'slave'), project, { max_proc: 4 })
  const cluster = {
    identity: 'master',
    node_name: 'master',
    slave_hosts: JSON.stringify([new URL(slave.url).host]),
    master_runs_jobs: 'false',
  }
  const options = { finished_to_keep: STORED, jobs_to_keep: STORED }
  const first = await startOurs(join(folder, 'master'), project, options, cluster)
  await first.stop()
  fillOurs(join(folder, 'master', 'dbs', 'scrapyd_service.db'), STORED)
  const master = await startOurs(join(folder, 'master'), project, options, cluster)
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArgs] })
  try {
    await until(async () => {
      const answer = await fetch(`${master.url}/api/nodes`)
      return ((await answer.json()) as { nodes: { state: string }[] }).nodes.every(({ state }) => state === 'online')
    })
    return await work(browser, master, slave)
  } finally {
    await browser.close()
    await Promise.all([master.stop(), slave.stop()])
  }
}

/** From the navigation, with nothing cached, to the overview with its figures on the screen; and the scripts it needs. */
export function firstView(): Promise<readonly Row[]> {
  return withConsole('view', async (browser, master) => {
    const times: { overview: number[]; jobs: number[] } = { overview: [], jobs: [] }
    let bytes = 0
    for (let round = 0; round < 6; round++) {
      for (const [name, path, ready] of [
        ['overview', '/', '.overview-columns'],
        ['jobs', '/jobs', '.job-line:not(.job-bones)'],
      ] as const) {
        const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
        const page = await context.newPage()
        let sum = 0
        const bodies: Promise<void>[] = []
        page.on('response', (answer) => {
          if (!new URL(answer.url()).pathname.endsWith('.js')) return
          // What is loaded for later may still be on its way when the view is there, and is no part of it.
          const body = answer.body().catch(() => Buffer.alloc(0))
          bodies.push(body.then((bytes) => void (sum += gzipSync(bytes, { level: 9 }).length)))
        })
        await page.addInitScript(stampWhenShown, ready)
        await page.goto(`${master.url}/#${path}`)
        const ms = await stamp(page)
        await Promise.all(bodies)
        // The first round starts processes of the browser.
        if (round > 0) times[name].push(ms)
        if (name === 'overview') bytes = sum
        await context.close()
      }
    }
    const view = median(times.overview)
    return [
      row('first view of the overview, nothing cached', 'ms', view, null, { text: '≤ 1 000 ms', met: view <= 1_000 }),
      row('first view of the jobs page with 100 000 jobs', 'ms', median(times.jobs), null, none),
      row('scripts of the first view, gzipped', 'kB', bytes / 1000, null, { text: '≤ 350 kB', met: bytes <= 350_000 }),
    ]
  })
}

/** The table of 100 000 jobs under a wheel that does not stop. */
export function tableScroll(): Promise<readonly Row[]> {
  return withConsole('scroll', async (browser, master) => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(`${master.url}/#/jobs`)
    await page.locator('.job-line:not(.job-bones)').first().waitFor()
    await page.locator('.jobs-grid').hover()
    const tasks = await traced(browser, page, async () => {
      for (let turn = 0; turn < 200; turn++) {
        await page.mouse.wheel(0, turn % 20 === 19 ? 60_000 : 1_200)
        await delay(25)
      }
      await until(async () => (await page.locator('.job-bones').count()) === 0)
    })
    return [
      row('scrolling 100 000 jobs: longest task', 'ms', tasks.longestMs, null, {
        text: '≤ 100 ms',
        met: tasks.longestMs <= 100,
      }),
      row('… tasks over 50 ms', '', tasks.long, null, none),
    ]
  })
}

/** A log that grows by 5 000 lines a second, followed in the page through the master. */
export function tailRate(): Promise<readonly Row[]> {
  return withConsole('tail', async (browser, master, slave) => {
    const { id, key } = await runningSleeper(master)
    const file = join(slave.folder, 'logs/bench/sleeper', `${id}.log`)
    await until(() => existsSync(file))
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(`${master.url}/#/jobs/${key}`)
    await page.locator('.log-row').first().waitFor()
    let written = 0
    const lags: number[] = []
    const begun = performance.now()
    const write = () => {
      const due = Math.floor(((performance.now() - begun) / 1000) * LINES_PER_SECOND)
      let text = ''
      for (; written < due; written++) {
        text += `2026-11-22 22:10:40 [scrapy.core.engine] DEBUG: Crawled (200) <GET https://news.example/${Date.now()}> (referer: None)\n`
      }
      appendFileSync(file, text)
    }
    const timer = setInterval(write, 20)
    await delay(2_000)
    const tasks = await traced(browser, page, async () => {
      for (let look = 0; look < 40; look++) {
        await delay(200)
        const shown = await page.evaluate(() => {
          const texts = [...document.querySelectorAll('.log-row')].map((one) => one.textContent)
          return [Math.max(...texts.map((text) => Number(/example\/(\d+)/.exec(text)?.[1] ?? 0))), Date.now()] as const
        })
        lags.push(shown[1] - shown[0])
      }
    })
    clearInterval(timer)
    await cancel(master, id)
    return [
      row('log tail of 5 000 lines/s: longest task', 'ms', tasks.longestMs, null, {
        text: '≤ 100 ms',
        met: tasks.longestMs <= 100,
      }),
      row('… a line is on the screen after (median)', 'ms', median(lags), null, none),
      row('… (p95)', 'ms', quantile(lags, 0.95), null, none),
      row('… the page’s main thread is busy', '%', tasks.busy * 100, null, none),
    ]
  })
}

/** A log of 1 GiB on another node: opened at its end, seen at its begin, scrolled. */
export function hugeLog(): Promise<readonly Row[]> {
  return withConsole('huge', async (browser, master, slave) => {
    const { id, key } = await runningSleeper(master)
    const file = join(slave.folder, 'logs/bench/sleeper', `${id}.log`)
    const line = (n: number) =>
      `2026-11-22 22:10:40 [scrapy.core.engine] DEBUG: Crawled (200) <GET https://a.example/${n}>\n`
    for (let written = 0, n = 0; written < 2 ** 30;) {
      const text = Array.from({ length: 100_000 }, () => line(n++)).join('')
      appendFileSync(file, text)
      written += text.length
    }
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    const shows = async (pattern: RegExp) => {
      const begun = performance.now()
      await until(async () => pattern.test((await page.locator('.log-row').allTextContents()).join('\n')))
      return performance.now() - begun
    }
    await page.goto(`${master.url}/#/jobs/${key}`)
    const opened = await shows(/a\.example\/\d{7}/)
    await page.locator('.log-pane').hover()
    await page.locator('.log-pane').focus()
    await page.keyboard.press('Home')
    const top = await shows(/a\.example\/0>/)
    const tasks = await traced(browser, page, async () => {
      for (let turn = 0; turn < 100; turn++) {
        await page.mouse.wheel(0, 1_500)
        await delay(25)
      }
    })
    await cancel(master, id)
    return [
      row('log of 1 GiB on another node: its end is on the screen after', 'ms', opened, null, none),
      row('… its begin, after a jump', 'ms', top, null, none),
      row('… scrolling: longest task', 'ms', tasks.longestMs, null, { text: '≤ 100 ms', met: tasks.longestMs <= 100 }),
    ]
  })
}

/** A job of the spider that does nothing, once it runs. */
async function runningSleeper(master: Server): Promise<{ readonly id: string; readonly key: string }> {
  const id = await schedule(master.url, { project: 'bench', spider: 'sleeper' })
  const key = await until(async () => {
    const { jobs } = (await (await fetch(`${master.url}/api/jobs?q=${id}`)).json()) as {
      jobs: { key: string; state: string }[]
    }
    return jobs[0]?.state === 'running' && jobs[0].key
  })
  return { id, key }
}

async function cancel(master: Server, job: string): Promise<void> {
  const body = new URLSearchParams({ project: 'bench', job, signal: 'KILL' })
  await fetch(`${master.url}/cancel.json`, { method: 'POST', body })
}

/** From a request at the slave itself to the change on the screen of the master's console. */
export function changeToScreen(): Promise<readonly Row[]> {
  return withConsole('change', async (browser, master, slave) => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    // Rows do not jump under the reader's eyes: the page says at once how many are new.
    await page.goto(`${master.url}/#/jobs`)
    await page.locator('.job-line:not(.job-bones)').first().waitFor()
    await delay(2_000)
    const times: number[] = []
    for (let round = 0; round < CHANGES; round++) {
      const seen = page.evaluate(
        (words) =>
          new Promise<number>((resolve) => {
            const look = () => {
              if (!document.querySelector('main')?.textContent.includes(words)) return
              watch.disconnect()
              requestAnimationFrame(() => resolve(Date.now()))
            }
            const watch = new MutationObserver(look)
            watch.observe(document.body, { childList: true, subtree: true, characterData: true })
          }),
        `${round + 1} new`,
      )
      await delay(300 + Math.random() * 200)
      const at = Date.now()
      await schedule(slave.url, { project: 'bench', spider: 'noop' })
      const shown = await seen
      if (round > 1) times.push(shown - at)
      await untilIdle(slave.url)
    }
    const most = Math.max(...times)
    return [
      row('POST at a slave to the change on the console’s screen (median)', 'ms', median(times), null, none),
      row(`… (longest of ${times.length})`, 'ms', most, null, { text: '≤ 200 ms', met: most <= 200 }),
    ]
  })
}

declare global {
  interface Window {
    shownAt?: number
  }
}

/** Runs in the page: remembers when something that fits was painted first. */
function stampWhenShown(selector: string): void {
  const look = () => {
    if (document.querySelector(selector) === null) requestAnimationFrame(look)
    else requestAnimationFrame(() => (window.shownAt = performance.now()))
  }
  requestAnimationFrame(look)
}

async function stamp(page: Page): Promise<number> {
  const handle = await page.waitForFunction(() => window.shownAt)
  return (await handle.jsonValue()) ?? Number.NaN
}

async function until<T>(ask: () => T | false | Promise<T | false>): Promise<T> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await delay(20)) {
    const answer = await ask()
    if (answer !== false) return answer
  }
  throw new Error('waited a minute in vain')
}
