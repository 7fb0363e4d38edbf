import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { RunSpec } from '../../src-daemon/runner/run.ts'
import { isAlive, linesOf, ObservedRun, quietRunner, runSpec, temporaryFolder, waitForEnd } from '../helpers/runs.ts'
import { scrapyPythons } from '../helpers/scrapy-pythons.ts'

const projectDir = join(import.meta.dirname, 'fixtures/crawls')
const modules: Record<string, string> = {
  plain: 'plain',
  新闻: 'plain',
  describe: 'plain',
  own_settings: 'plain',
  slow: 'slow',
  slow_with_tree: 'slow',
  odd_stats: 'slow',
  siblings: 'siblings',
  processes: 'processes',
  unflushed: 'unflushed',
}

interface Description {
  arguments: Record<string, string>
  cwd: string
  path: string[]
  argv: string[]
  env: Record<string, string>
  processEnv: string[]
  group: boolean
  session: number
  threads: number
  descriptors: string[]
  modules: string[]
  settings: Record<string, [unknown, number | null]>
}

const asyncio = 'twisted.internet.asyncioreactor.AsyncioSelectorReactor'

const ways = scrapyPythons().flatMap((scrapy) => (['cold', 'warm'] as const).map((mode) => ({ ...scrapy, mode })))

describe.each(ways)('a $mode run with Scrapy $version', ({ python, mode, isNewest }) => {
  const runner = quietRunner()
  let folder: string
  let target: string

  beforeEach(() => {
    folder = temporaryFolder()
    target = join(folder, 'target')
  })

  afterAll(() => runner.stop())

  function start(spider: string, more: Partial<RunSpec> = {}) {
    const spec = runSpec({
      python,
      projectDir,
      spider,
      settingsModule: 'crawls.settings',
      spiderModule: `crawls.spiders.${modules[spider] ?? 'failing'}`,
      runDir: join(folder, 'run'),
      warm: mode === 'warm' ? 'on' : 'off',
      codeVersion: 'as committed',
      ...more,
      args: { target, ...more.args },
      settings: { LOG_FILE: join(folder, 'log'), ...more.settings },
    })
    const observed = new ObservedRun()
    return { spec, observed, run: runner.start(spec, observed) }
  }

  async function finish(spider: string, more: Partial<RunSpec> = {}) {
    const started = start(spider, more)
    const record = await started.observed.end
    const { mode: actual, modeNote } = await started.observed.start
    const isForced = started.spec.runnerModule !== null && mode === 'warm'
    const own = { actual: 'cold', modeNote: expect.stringMatching(/^the project has a runner of its own/) as string }
    expect({ actual, modeNote }).toEqual(isForced ? own : { actual: mode, modeNote: null })
    return { ...started, record, log: existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '' }
  }

  async function description(spider: string, more: Partial<RunSpec> = {}): Promise<Description> {
    const { record } = await finish(spider, more)
    expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
    return JSON.parse(readFileSync(target, 'utf8')) as Description
  }

  it('ends with exit code, finish reason, final stats, log and output', async () => {
    const { record, log } = await finish('plain')
    expect(record).toMatchObject({ seen: 'exit', exitCode: 0, signal: null, finishReason: 'finished' })
    expect(record.stats).toMatchObject({
      item_scraped_count: 1,
      response_received_count: 1,
      finish_reason: 'finished',
      own_extension: true,
    })
    expect(record.stats?.start_time).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
    expect(log).toContain('logged by the spider')
    expect(log).toContain("'marked': True")
    expect(record.outputTail).toContain('printed by the spider: 你好')
  })

  it('gives the spider its arguments, the job id, the environment and the working directory of its project', async () => {
    const seen = await description('describe', { args: { category: '体育', dash: '-x=1' }, jobId: 'job-1' })
    expect(seen.arguments).toMatchObject({ category: '体育', dash: '-x=1', _job: 'job-1' })
    expect(seen.cwd).toBe(projectDir)
    expect(seen.path[0]).toBe(projectDir)
    expect(seen.path.filter((entry) => entry.includes('src-daemon'))).toEqual([])
    expect(seen.argv).toEqual(['scrapy', 'crawl', 'describe'])
    expect(seen.env).toMatchObject({ SCRAPY_PROJECT: 'a-project', SCRAPYD_JOB: 'job-1', SCRAPYD_SPIDER: 'describe' })
    expect(seen.settings.JOB_AT_SETTINGS?.[0]).toBe('job-1')
    expect(seen.group).toBe(true)
    expect(seen.descriptors.filter((path) => path.startsWith(folder))).toEqual(
      [
        join(folder, 'log'),
        join(folder, 'run/alive'),
        join(folder, 'run/output'),
        join(folder, 'run/output'),
        target,
      ].toSorted(),
    )
  })

  it('imports the module of the spider alone, and leaves SPIDER_MODULES as it is', async () => {
    const seen = await description('describe')
    expect(seen.modules).toEqual([
      'crawls.extension',
      'crawls.pipeline',
      'crawls.settings',
      'crawls.spiders',
      'crawls.spiders.plain',
    ])
    expect(seen.settings.SPIDER_MODULES?.[0]).toEqual(['crawls.spiders'])
  })

  it('keeps the order of settings: project, spider, job', async () => {
    const seen = await description('own_settings', { settings: { JOB_SETTING: 'from the job' } })
    expect(seen.settings).toMatchObject({
      PROJECT_SETTING: ['from the project', 20],
      SPIDER_SETTING: ['from the spider', 30],
      JOB_SETTING: ['from the job', 40],
    })
  })

  it('lets a spider ask for its siblings', async () => {
    await finish('siblings')
    expect(JSON.parse(readFileSync(target, 'utf8'))).toEqual(expect.arrayContaining(['plain', 'slow', '新闻']))
  })

  it('writes feeds and keeps the state of a crawl', async () => {
    const feed = join(folder, '新闻 100% %(time)s.jl')
    const { record } = await finish('plain', {
      itemsUri: pathToFileURL(feed).href.replaceAll('%', '%%'),
      settings: { FEEDS: '{"/nowhere/items.jl": {"format": "jsonlines"}}', JOBDIR: join(folder, 'state') },
    })
    expect(record.exitCode).toBe(0)
    expect(JSON.parse(readFileSync(feed, 'utf8'))).toEqual({ text: 'hello', job: 'a-job', marked: true })
    expect(existsSync(join(folder, 'state/requests.seen'))).toBe(true)
  })

  it.each([asyncio, 'twisted.internet.selectreactor.SelectReactor'])('runs on the reactor %s', async (reactor) => {
    const { record, log } = await finish('plain', { settings: { TWISTED_REACTOR: reactor } })
    expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
    expect(log).toContain(`Using reactor: ${reactor}`)
  })

  it('runs a spider that imports the reactor, starts a thread and reads the world while it is imported', async () => {
    const before = Date.now() / 1000
    const worldly = {
      spiderModule: 'crawls.worldly.reactor',
      settings: { SPIDER_MODULES: 'crawls.worldly', TWISTED_REACTOR: '' },
    }
    const { record } = await finish('worldly', { ...worldly, jobId: 'worldly-1' })
    expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
    const seen = JSON.parse(readFileSync(target, 'utf8')) as { job: string; importedAt: number; random: number }
    expect(seen.job).toBe('worldly-1')
    expect(seen.importedAt).toBeGreaterThan(before)
    await finish('worldly', { ...worldly, jobId: 'worldly-2', runDir: join(folder, 'second') })
    const again = JSON.parse(readFileSync(target, 'utf8')) as { job: string; random: number }
    expect(again.job).toBe('worldly-2')
    expect(again.random).not.toBe(seen.random)
  })

  describe('that fails', () => {
    it('at the creation of the spider: exit code 1 and the traceback', async () => {
      const { record, log } = await finish('raises_at_init')
      expect(record).toMatchObject({ seen: 'exit', exitCode: 1, finishReason: null })
      expect(`${log}${record.outputTail}`).toContain('ValueError: raised at init')
    })

    it('at the first request: no response, no item, and an error that is logged', async () => {
      const { record, log } = await finish('raises_at_start')
      expect(record).toMatchObject({ seen: 'exit', signal: null })
      expect(`${log}${record.outputTail}`).toContain('ValueError: raised at start')
      const stats = record.stats ?? {}
      expect(stats.response_received_count).toBeUndefined()
      const errors = Number(stats['log_count/ERROR'] ?? 0) + Number(stats['log_count/CRITICAL'] ?? 0)
      expect(record.exitCode === 1 || errors > 0).toBe(true)
    })

    it('in a Deferred that nobody looks at: the error is in the log and in the stats', async () => {
      const { record, log } = await finish('error_in_deferred')
      expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
      expect(log).toContain('nobody handles this')
      expect(record.stats?.['log_count/CRITICAL']).toBe(2)
    })

    it('because there is no such spider: exit code 1 and why', async () => {
      const { record, log } = await finish('nobody')
      expect(record.exitCode).toBe(1)
      expect(`${log}${record.outputTail}`).toContain('Spider not found: nobody')
    })
  })

  describe('that goes on', () => {
    it('ends gracefully by SIGINT: feeds are written, the reason is shutdown', async () => {
      const feed = join(folder, 'items.jl')
      const { observed, run } = start('slow', {
        settings: { FEEDS: JSON.stringify({ [`file://${feed}`]: { format: 'jsonlines' } }) },
      })
      await linesOf(target, 1)
      expect(await run.signal('SIGINT')).toBe(true)
      expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0, signal: null, finishReason: 'shutdown' })
      expect(await linesOf(target, 2)).toContain('closed: shutdown')
      expect(readFileSync(feed, 'utf8').split('\n').length).toBeGreaterThan(1)
    })
  })

  // What follows is the work of our own code and of the operating system: Scrapy's version makes no difference to it.
  if (!isNewest) return

  it('runs a spider with a Chinese name', async () => {
    expect((await finish('新闻')).record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
  })

  it('loads all spiders when the module is not known', async () => {
    const { record } = await finish('plain', { spiderModule: null })
    expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
  })

  it('finds the spider all the same when it has moved to another module', async () => {
    const { record } = await finish('plain', {
      spiderModule: 'crawls.spiders.slow',
    })
    expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
  })

  it('lets a spider use multiprocessing', async () => {
    const { record } = await finish('processes')
    expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
    const results = JSON.parse(readFileSync(target, 'utf8')) as Record<string, number[]>
    expect(results).toEqual({ fork: [1, 4, 9], spawn: [1, 4, 9], forkserver: [1, 4, 9] })
  })

  it('loses nothing that is left to the end of the interpreter', async () => {
    const { record } = await finish('unflushed')
    expect(record.exitCode).toBe(0)
    expect(readFileSync(target, 'utf8')).toBe('never flushed\n')
    expect(readFileSync(`${target}.atexit`, 'utf8')).toBe('at exit')
    expect(readFileSync(`${target}.thread`, 'utf8')).toBe('after the crawl')
  })

  describe('that fails', () => {
    it('in a callback: it finishes, with the error counted', async () => {
      const { record } = await finish('raises_in_parse')
      expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
      expect(record.stats).toMatchObject({ 'log_count/ERROR': 1, 'spider_exceptions/ValueError': 1 })
    })

    it('by leaving: its exit code', async () => {
      expect((await finish('exits')).record).toMatchObject({ seen: 'exit', exitCode: 7, finishReason: null })
    })

    it('by a crash: its signal', async () => {
      expect((await finish('crashes')).record).toMatchObject({ seen: 'exit', exitCode: null, signal: 'SIGSEGV' })
    })

    it('because its settings cannot be loaded: exit code 1 and why', async () => {
      const { record } = await finish('plain', { settingsModule: 'crawls.nothing' })
      expect(record).toMatchObject({ seen: 'exit', exitCode: 1 })
      expect(record.outputTail).toContain("No module named 'crawls.nothing'")
    })
  })

  describe('that goes on', () => {
    it('reports its stats while it runs', async () => {
      const { observed, run } = start('slow')
      const [first, second] = await vi.waitUntil(() => observed.snapshots.length > 1 && observed.snapshots, {
        timeout: 30_000,
        interval: 20,
      })
      const items = (index: typeof first) => Number(index?.stats.item_scraped_count)
      expect(items(second)).toBeGreaterThan(items(first))
      expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(1500)
      expect(observed.events).toEqual(['started', 'stats'])
      await run.kill()
      expect(await observed.end).toMatchObject({ seen: 'exit', signal: 'SIGKILL' })
    })

    it('keeps odd stats readable and short', async () => {
      const { observed, run } = start('odd_stats')
      await linesOf(target, 1)
      await run.signal('SIGINT')
      const { stats, finishReason } = await observed.end
      expect(finishReason).toBe('shutdown')
      expect(stats).toMatchObject({
        'odd/nan': 'nan',
        'odd/time': '2026-01-02T03:04:05Z',
        'odd/span': 90,
        'odd/unprintable': '<Unprintable>',
        item_scraped_count: expect.any(Number),
      })
      expect(JSON.stringify(stats).length).toBeLessThan(70_000)
    })

    it('dies with all that it started', async () => {
      const { observed, run } = start('slow_with_tree')
      const pids = (await linesOf(target, 4)).map(Number)
      expect(pids.map(isAlive)).toEqual([true, true, true, true])
      await run.kill()
      expect(await observed.end).toMatchObject({ seen: 'exit', signal: 'SIGKILL' })
      await Promise.all(pids.map(waitForEnd))
    })

    it('survives its supervisor, and its own record tells how it ended', async () => {
      const { observed, run } = start('slow')
      const { supervisorPid, pid } = await observed.start
      await linesOf(target, 1)
      process.kill(supervisorPid, 'SIGKILL')
      await waitForEnd(supervisorPid)
      expect(isAlive(pid)).toBe(true)
      expect(await run.signal('SIGINT')).toBe(true)
      const record = await observed.end
      expect(record).toMatchObject({ seen: 'self', finishReason: 'shutdown', exitCode: null, pid })
      expect(record.stats?.finish_reason).toBe('shutdown')
    })

    it('is adopted by another daemon, with its stats', async () => {
      const { spec, run } = start('slow')
      await linesOf(target, 1)
      run.release()
      const observed = new ObservedRun()
      const adoption = await quietRunner().adopt(spec, observed)
      await vi.waitUntil(() => observed.snapshots.length > 0, { timeout: 30_000, interval: 20 })
      expect(adoption.found).toBe('running')
      if (adoption.found === 'running') await adoption.run.signal('SIGINT')
      expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0, finishReason: 'shutdown' })
      expect(observed.events).toEqual(['started', 'stats', 'ended'])
    })
  })

  it('supervises the own runner of a project', async () => {
    const { record } = await finish('describe', {
      runnerModule: 'crawls.own_runner',
    })
    expect(record).toMatchObject({ seen: 'exit', exitCode: 0 })
    const seen = JSON.parse(readFileSync(target, 'utf8')) as Description
    expect(seen.env.OWN_RUNNER).toBe('yes')
    expect(seen.arguments).toMatchObject({ _job: 'a-job' })
  })
})
