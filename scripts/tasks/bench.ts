import { join } from 'node:path'
import { ensureChromium } from '../lib/chromium.ts'
import { ensureConsole } from '../lib/console-build.ts'
import { buildDaemon } from '../lib/daemon-build.ts'
import { endLike, runInForeground } from '../lib/processes.mjs'
import { root } from '../lib/root.ts'
import { ensurePeers } from '../lib/scrapy.ts'
import { runTask } from '../lib/task.mjs'

// Our daemon as it is published (JavaScript), beside stock Scrapyd from PyPI; both run spiders with the same Scrapy.
await runTask(async () => {
  const peers = await ensurePeers()
  const CHROMIUM_PATH = await ensureChromium()
  await ensureConsole()
  await buildDaemon()
  const env = {
    ...process.env,
    CHROMIUM_PATH,
    SCRAPYD_SERVICE_TEST_PYTHON: peers,
    SCRAPYD_SERVICE_PEERS_PYTHON: peers,
  }
  endLike(
    await runInForeground(process.execPath, [join(root, 'scripts/bench/main.ts'), ...process.argv.slice(2)], {
      cwd: root,
      env,
    }),
  )
})
