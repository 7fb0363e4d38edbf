import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { RunSpec } from '../../src-daemon/runner/run.ts'
import { linesOf, ObservedRun, quietRunner, runSpec, temporaryFolder } from '../helpers/runs.ts'
import { chromiumPath } from '../helpers/setup-chromium.ts'
import { peersPython } from '../helpers/setup-python.ts'
import { until } from '../helpers/until.ts'

const fixture = join(import.meta.dirname, 'fixtures/browser')

/** What is there only once the page's own script has run. */
const PAGE = `<!doctype html><p id="price"></p><script>price.textContent = ['12', '50'].join('.')</script>`

/** The processes that a run has left, by the mark in their environment. */
function remainsOf(token: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(token)
    } catch {
      return false
    }
  })
}

describe('a project with scrapy-playwright', () => {
  async function open() {
    const server = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html')
      response.end(PAGE)
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    const folder = temporaryFolder()
    const projectDir = join(folder, 'project')
    cpSync(fixture, projectDir, { recursive: true, filter: (path) => !path.includes('__pycache__') })
    const runner = quietRunner({ environment: { ...process.env, CHROMIUM_PATH: chromiumPath() } })
    onTestFinished(async () => {
      await runner.stop()
      server.closeAllConnections()
      server.close()
    })
    const target = join(folder, 'target')
    let runs = 0
    const start = (warm: RunSpec['warm'], args: Record<string, string> = {}) => {
      runs += 1
      const spec = runSpec({
        python: peersPython(),
        projectDir,
        spider: 'prices',
        settingsModule: 'shop.settings',
        spiderModule: 'shop.spiders.prices',
        runDir: join(folder, `run-${runs}`),
        warm,
        codeVersion: 'first',
        args: { target, page: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, ...args },
        settings: { LOG_FILE: join(folder, `log-${runs}`) },
      })
      const observed = new ObservedRun()
      return { run: runner.start(spec, observed), observed, token: spec.token }
    }
    return { start, target }
  }

  it.each(['off', 'auto'] as const)('runs its browser (warm_runner = %s), job after job', async (warm) => {
    const { start, target } = await open()
    for (const count of [1, 2]) {
      const { observed, token } = start(warm)
      expect(await observed.end).toMatchObject({ exitCode: 0, finishReason: 'finished' })
      expect((await observed.start).mode).toBe(warm === 'off' ? 'cold' : 'warm')
      expect(await linesOf(target, count)).toEqual(Array(count).fill('12.50'))
      expect(remainsOf(token)).toEqual([])
    }
  })

  it.each(['off', 'auto'] as const)('closes its browser when a job is cancelled (warm_runner = %s)', async (warm) => {
    const { start, target } = await open()
    const { run, observed, token } = start(warm, { stay: 'yes' })
    await linesOf(target, 1)
    await run.signal('SIGINT')
    expect(await observed.end).toMatchObject({ exitCode: 0, finishReason: 'shutdown' })
    expect(remainsOf(token)).toEqual([])
  })

  it('leaves no browser behind when a job is killed', async () => {
    const { start, target } = await open()
    const { run, observed, token } = start('auto', { stay: 'yes' })
    await linesOf(target, 1)
    expect(remainsOf(token).length).toBeGreaterThan(3)
    run.kill()
    await observed.end
    await until('nothing of it is left', () => remainsOf(token).length === 0)
  })
})
