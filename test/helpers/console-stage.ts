import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureConsole } from '../../scripts/lib/console-build.ts'
import { steadyPort } from './test-cluster.ts'
import type { JobDetail } from '../../src-daemon/api/contract/values.ts'
import { ConsoleBrowser } from './console-browser.ts'
import { DaemonProcess } from './daemon-process.ts'
import { livesProject, newspapersProject, Workshop } from './projects.ts'
import { until } from './until.ts'

/** What a page must never take for markup. */
export const evil = `<img src=x onerror="document.title='owned'">`

const HOSTILE_SPIDER = `
import scrapy

EVIL = """${evil}"""


class Hostile(scrapy.Spider):
    """Its name, its log, its items and what it prints are markup."""

    name = EVIL
    start_urls = ["data:,x"]

    def parse(self, response):
        self.logger.warning("warned %s \\x1b[31mred\\x1b[0m", EVIL)
        self.logger.error("<script>document.title='owned'</script>")
        print(EVIL, flush=True)
        yield {EVIL: EVIL, "nested": {"html": EVIL}}
`

/** A master and a slave with real Scrapy, and a browser in front of them. */
export class ConsoleStage {
  readonly workshop = new Workshop()
  #master: DaemonProcess | null = null
  #slave: DaemonProcess | null = null
  #browser: ConsoleBrowser | null = null

  get master(): DaemonProcess {
    return need(this.#master)
  }

  get slave(): DaemonProcess {
    return need(this.#slave)
  }

  get browser(): ConsoleBrowser {
    return need(this.#browser)
  }

  async open(): Promise<void> {
    if (!(await ensureConsole())) throw new Error('The console could not be built; the reason is above.')
    const hostile = this.workshop.copyOf(livesProject)
    writeFileSync(join(hostile, 'lives/spiders/hostile.py'), HOSTILE_SPIDER)
    const projects = { lives: hostile, newspapers: newspapersProject }
    // The master keeps its port over a restart, as a real one does.
    const [slave, port, browser] = await Promise.all([
      DaemonProcess.start({ identity: 'slave', nodeName: 'crawl-01', projects, scrapyd: { max_proc: 12 } }),
      steadyPort(),
      ConsoleBrowser.launch(),
    ])
    this.#slave = slave
    this.#browser = browser
    this.#master = await DaemonProcess.start({
      identity: 'master',
      nodeName: 'hq-01',
      projects,
      scrapyd: { max_proc: 4, http_port: port },
      cluster: { cluster_name: 'press', slave_hosts: `["127.0.0.1:${slave.port}"]` },
    })
    await until('the slave is online', async () => {
      const { nodes } = await this.master.client.call('listNodes')
      return nodes.every(({ state }) => state === 'online')
    })
  }

  async close(): Promise<void> {
    await this.#browser?.close()
    await this.#master?.remove()
    await this.#slave?.remove()
    this.workshop.remove()
  }

  /** Runs a spider on the slave to its end. */
  async run(spider: string, more: Record<string, string> = {}, project = 'lives'): Promise<JobDetail> {
    return this.master.ended(await this.master.schedule(project, spider, { node: 'crawl-01', ...more }))
  }

  /** Starts a spider on the slave that logs steadily and goes on until it is told to stop. */
  async start(more: Record<string, string> = {}): Promise<JobDetail> {
    const args = { node: 'crawl-01', rate: '5', ...more }
    return this.master.running(await this.master.schedule('newspapers', 'night_ticker', args))
  }

  async cancel({ key }: { readonly key: string }): Promise<void> {
    await this.master.client.call('cancelJob', { params: { key }, body: {} })
  }
}

function need<T>(value: T | null): T {
  if (value === null) throw new Error('the stage was not opened')
  return value
}
