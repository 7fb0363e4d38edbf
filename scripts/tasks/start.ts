import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureConsole } from '../lib/console-build.ts'
import { freePort } from '../lib/free-port.ts'
import { endLike, ended } from '../lib/processes.mjs'
import { root } from '../lib/root.ts'
import { ensureScrapy } from '../lib/scrapy.ts'
import { SetUpError } from '../lib/set-up.mjs'
import { runTask } from '../lib/task.mjs'

const host = '127.0.0.1'
const usualPort = 6800
/** A second Ctrl-C within this time is the echo of the first (npm and the terminal both send it). */
const echoMs = 1_500

async function choosePort(): Promise<number> {
  const chosen = process.env['SCRAPYD_HTTP_PORT']
  if (Number(chosen)) return Number(chosen)
  const port = await freePort(host, usualPort)
  if (port === 0) throw new SetUpError(`Port ${usualPort} and the hundred after it are taken.`)
  if (port !== usualPort) console.log(`\nPort ${usualPort} is taken on this machine: using ${port} instead.`)
  return port
}

/** Until the daemon answers, or is gone. */
async function answers(url: string, daemon: ChildProcess): Promise<boolean> {
  while (daemon.exitCode === null && daemon.signalCode === null) {
    try {
      const { ok } = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) })
      if (ok) return true
    } catch {
      // Not listening yet.
    }
    await delay(50)
  }
  return false
}

/** Asks the daemon to stop on the first signal, and ends it on a later one that is meant. */
function stopOnSignals(daemon: ChildProcess): void {
  let asked: number | null = null
  const stop = (signal: NodeJS.Signals) => {
    if (asked === null) {
      asked = performance.now()
      console.log('\nStopping …')
      // A terminal has sent Ctrl-C to the daemon as well.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) daemon.kill('SIGTERM')
    } else if (performance.now() - asked > echoMs) {
      console.log('Ended by force.')
      daemon.kill('SIGKILL')
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
}

await runTask(async () => {
  const { python, scrapyVersion } = await ensureScrapy()
  if (!(await ensureConsole())) console.error('The daemon starts without its console.')
  const port = await choosePort()
  const url = `http://${host}:${port}`
  const config = 'conf/scrapyd_service.conf'
  const daemon = spawn(
    process.execPath,
    [join(root, 'src-daemon/bin/scrapyd-service.mjs'), '--config', config, ...process.argv.slice(2)],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, SCRAPYD_HTTP_PORT: String(port), SCRAPYD_SERVICE_PYTHON: python },
    },
  )
  const end = ended(daemon)
  stopOnSignals(daemon)
  if (await answers(url, daemon)) {
    console.log(
      [
        '',
        `Scrapyd Service is running: ${url}`,
        `  project   newspapers (examples/newspapers), with Scrapy ${scrapyVersion} of ${relative(root, python).startsWith('..') ? python : relative(root, python)}`,
        `  settings  ${config}`,
        '  data      .data (records, logs, items; remove the folder to start afresh)',
        'Schedule a spider:',
        `  curl ${url}/schedule.json -d project=newspapers -d spider=harbour_times`,
        'Stop with Ctrl-C. Spiders that are running then go on; the next start finds them again.',
        '',
      ].join('\n'),
    )
  }
  const { code, signal } = await end
  if (code === 0) console.log('Stopped.')
  endLike({ code, signal })
})
