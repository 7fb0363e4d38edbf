import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser } from 'playwright-core'
import { chromiumArgs } from '../../test/helpers/setup-chromium.ts'
import { FakeDaemon } from '../../test/helpers/fake-daemon.ts'
import { sampleAnswers } from '../../test/helpers/sample-answers.ts'
import { sampleCluster, type SampleCluster } from '../../test/helpers/sample-cluster.ts'
import { sampleLog } from '../../test/helpers/sample-log.ts'
import { ensureChromium } from '../lib/chromium.ts'
import { consoleDir, ensureConsole } from '../lib/console-build.ts'
import { withPalette } from '../lib/palette-png.ts'
import { root } from '../lib/root.ts'
import { SetUpError } from '../lib/set-up.mjs'
import { runTask } from '../lib/task.mjs'

/** A page, and what shows that it is there. */
interface Shot {
  readonly name: string
  readonly path: string
  readonly ready: string
  /** The same where the window is narrow, and the page another. */
  readonly narrow?: string
  /** Pressed once it is there. */
  readonly keys?: string
  /** As it is before one has signed in. */
  readonly locked?: true
}

interface Look {
  readonly locale: 'en' | 'zh-CN'
  readonly theme: 'light' | 'dark'
  readonly width: number
}

const folder = join(root, 'docs/screenshots')
const looks: readonly Look[] = [
  { locale: 'en', theme: 'light', width: 1440 },
  { locale: 'en', theme: 'dark', width: 1440 },
  { locale: 'zh-CN', theme: 'light', width: 1440 },
  { locale: 'zh-CN', theme: 'dark', width: 1440 },
  { locale: 'en', theme: 'light', width: 1024 },
  { locale: 'en', theme: 'dark', width: 1024 },
  { locale: 'zh-CN', theme: 'light', width: 1024 },
  { locale: 'zh-CN', theme: 'dark', width: 1024 },
]

function shotsOf(cluster: SampleCluster): readonly Shot[] {
  const key = (spider: string, state: string) =>
    cluster.jobs.find((job) => job.spider === spider && (job.state === state || job.outcome === state))?.key ?? ''
  const running = key('sina_finance', 'running')
  return [
    { name: 'overview', path: '/', ready: '.throughput-plot canvas' },
    { name: 'jobs', path: '/jobs', ready: '.job-line' },
    { name: 'job', path: `/jobs/${running}`, ready: '.rate-plot', narrow: '.log-row' },
    { name: 'job-failed', path: `/jobs/${key('xinhua_finance', 'failed')}`, ready: '.log-marked' },
    { name: 'job-items', path: `/jobs/${running}/items`, ready: '.items-table' },
    { name: 'job-stats', path: `/jobs/${running}/stats`, ready: '.stats-table' },
    { name: 'job-configuration', path: `/jobs/${running}/configuration`, ready: '.configuration-tab' },
    { name: 'projects', path: '/projects', ready: '[role=row] >> nth=1' },
    { name: 'project', path: '/projects/newspapers', ready: '.project-aside' },
    { name: 'pull', path: '/projects?pull=newspapers', ready: '[role=row] >> nth=1' },
    { name: 'nodes', path: '/nodes', ready: '.nodes-table [role=row] >> nth=1' },
    { name: 'node', path: `/nodes/${cluster.nodes[1]?.id ?? ''}`, ready: '.node-columns' },
    { name: 'forwards', path: '/forwards', ready: 'main [role=row], main .line, main .tr' },
    { name: 'run', path: '/jobs?run=newspapers&run-spider=sina_finance', ready: '.run-form' },
    { name: 'palette', path: '/', ready: '.throughput-plot canvas', keys: 'Control+k' },
    { name: 'login', path: '/', ready: 'input[type=password]', locked: true },
  ]
}

async function take(browser: Browser, daemon: FakeDaemon, shots: readonly Shot[], look: Look): Promise<number> {
  const { locale, theme, width } = look
  const context = await browser.newContext({ locale, colorScheme: theme, viewport: { width, height: 900 } })
  context.setDefaultTimeout(120_000)
  const page = await context.newPage()
  let bytes = 0
  for (const { name, path, ready, narrow, keys, locked } of shots) {
    daemon.isLocked = locked === true
    await page.goto(`${daemon.base}#${path}`)
    await page.reload()
    await page
      .locator(width > 1200 ? ready : (narrow ?? ready))
      .first()
      .waitFor({ state: 'attached' })
    if (keys !== undefined) await page.keyboard.press(keys)
    // Pictures are of pages at rest: fonts there, nothing asked for any more, no animation on its way.
    await page.waitForLoadState('load')
    await page.evaluate(() => document.fonts.ready.then(() => undefined))
    await page.waitForTimeout(700)
    const picture = withPalette(await page.screenshot({ animations: 'disabled' }))
    const file = `${name}.${locale === 'en' ? 'en' : 'zh'}.${theme}${width === 1440 ? '' : `.${width}`}.png`
    writeFileSync(join(folder, file), picture)
    bytes += picture.length
  }
  daemon.isLocked = false
  await context.close()
  return bytes
}

await runTask(async () => {
  const executablePath = await ensureChromium()
  if (!(await ensureConsole())) throw new SetUpError('The console could not be built; the reason is above.')
  // A copy: another build may come in between.
  const built = mkdtempSync(join(tmpdir(), 'scrapyd-service-screenshots-'))
  cpSync(consoleDir, built, { recursive: true })
  const cluster = sampleCluster()
  const daemon = new FakeDaemon({
    answers: sampleAnswers(cluster),
    console: built,
    tailed: (key) => {
      const job = cluster.jobs.find((each) => each.key === key)
      return job === undefined ? null : { text: sampleLog(job), isOver: job.state === 'finished' }
    },
  })
  await daemon.start()
  const browser = await chromium.launch({ executablePath, args: [...chromiumArgs] })
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  let bytes = 0
  try {
    for (const look of looks) bytes += await take(browser, daemon, shotsOf(cluster), look)
  } finally {
    await browser.close()
    await daemon.stop()
    rmSync(built, { recursive: true, force: true })
  }
  console.log(
    `${looks.length * shotsOf(cluster).length} screenshots in docs/screenshots, ${(bytes / 1e6).toFixed(1)} MB`,
  )
})
