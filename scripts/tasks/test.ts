import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureChromium, testsNeedChromium } from '../lib/chromium.ts'
import { endLike, runInForeground } from '../lib/processes.mjs'
import { root } from '../lib/root.ts'
import { ensurePeers, ensureScrapy } from '../lib/scrapy.ts'
import { cacheDir } from '../lib/set-up.mjs'
import { runTask } from '../lib/task.mjs'

/** Vitest's own account of the last run, for whoever sums up (`.ci/run`). */
const results = join(cacheDir(root), 'test-results.json')

// `npm test -- ANYTHING`: the projects come first (from boot.mjs), the rest is for vitest: file names, -t, --reporter …
const [list = 'unit', ...args] = process.argv.slice(2)
const projects = list.split(',')

await runTask(async () => {
  const { python, scrapyVersion } = await ensureScrapy()
  const env: NodeJS.ProcessEnv = { ...process.env, SCRAPYD_SERVICE_TEST_PYTHON: python }
  console.error(`Scrapy ${scrapyVersion} of ${python}`)
  if (projects.some((project) => project === 'e2e' || project === 'soak')) {
    env['SCRAPYD_SERVICE_PEERS_PYTHON'] = await ensurePeers()
  }
  if (projects.some((project) => project === 'e2e' || project === 'desktop')) {
    if (testsNeedChromium()) env['CHROMIUM_PATH'] = await ensureChromium()
  }
  // The variable chooses an interpreter for the set-up above; daemons under test must not inherit it.
  delete env['SCRAPYD_SERVICE_PYTHON']
  if (existsSync(results)) rmSync(results)
  const reporters = args.some((arg) => arg.startsWith('--reporter')) ? [] : ['--reporter=default']
  endLike(
    await runInForeground(
      process.execPath,
      [
        join(root, 'node_modules/vitest/vitest.mjs'),
        'run',
        ...projects.flatMap((project) => ['--project', project]),
        ...reporters,
        '--reporter=json',
        `--outputFile.json=${results}`,
        ...args,
      ],
      { cwd: root, env },
    ),
  )
})
