import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { RunSpec } from '../../src-daemon/runner/run.ts'
import {
  changeRecord,
  isAlive,
  linesOf,
  ObservedRun,
  quietRunner,
  recordOf,
  runSpec,
  temporaryFolder,
  waitForEnd,
} from '../helpers/runs.ts'
import { plainPython } from '../helpers/python.ts'

const python = plainPython()
const projectDir = join(import.meta.dirname, '../daemon/runner/fixtures/plain')
const runner = quietRunner()

let folder: string
let target: string

beforeEach(() => {
  folder = temporaryFolder()
  target = join(folder, 'target')
})

function order(spider: string, args: Record<string, string> = {}, more: Partial<RunSpec> = {}): RunSpec {
  const runDir = join(folder, 'run')
  return runSpec({
    python,
    projectDir,
    spider,
    runDir,
    runnerModule: 'plain_runner',
    args: { target, ...args },
    ...more,
  })
}

function start(spec: RunSpec) {
  const observed = new ObservedRun()
  return { observed, run: runner.start(spec, observed), spec }
}

describe('the end of a run', () => {
  it.each([0, 3])('reports exit code %i with times, processor time, memory and the output', async (code) => {
    const { observed } = start(order('exit', { code: String(code) }))
    const record = await observed.end
    const { pid, startedAt } = await observed.start
    expect(record).toMatchObject({ seen: 'exit', exitCode: code, signal: null, pid, startedAt, reason: null })
    expect(record.endedAt).toBeGreaterThanOrEqual(startedAt)
    expect(record.cpuSeconds).toBeGreaterThan(0)
    expect(record.maxRssBytes).toBeGreaterThan(1024 * 1024)
    expect(record.outputTail).toBe('printed by the spider')
    expect(observed.events).toEqual(['started', 'ended'])
  })

  it('reports the signal that a spider died of', async () => {
    const { observed } = start(order('die'))
    expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: null, signal: 'SIGSEGV' })
  })

  it('reports a kill from outside as what it is', async () => {
    const { observed } = start(order('wait'))
    await linesOf(target, 1)
    process.kill((await observed.start).pid, 'SIGKILL')
    expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: null, signal: 'SIGKILL' })
  })

  it('starts nothing before start() has returned', () => {
    const { observed } = start(order('exit', { code: '0' }))
    expect(observed.events).toEqual([])
  })
})

describe('a run that cannot be started', () => {
  async function reasonOf(spec: RunSpec): Promise<string | null> {
    const { observed } = start(spec)
    const record = await observed.end
    expect(record).toMatchObject({ seen: 'unstartable', pid: null, exitCode: null, signal: null })
    expect(observed.events).toEqual(['ended'])
    return record.reason
  }

  it('says that the interpreter is missing, and what to configure', async () => {
    const reason = await reasonOf(order('exit', {}, { python: '/no/such/python' }))
    expect(reason).toMatch(/\/no\/such\/python was not found; name another interpreter in \[python]/)
  })

  it('says that the interpreter may not be executed', async () => {
    const file = join(folder, 'python')
    writeFileSync(file, '')
    expect(await reasonOf(order('exit', {}, { python: file }))).toContain('may not be executed')
  })

  it('says that the folder of the project is gone', async () => {
    const reason = await reasonOf(order('exit', {}, { projectDir: '/no/such/project' }))
    expect(reason).toBe('the folder /no/such/project does not exist')
  })

  it('passes on what an unfit interpreter printed', async () => {
    const file = join(folder, 'python')
    writeFileSync(file, '#!/bin/sh\necho broken interpreter\nexit 9\n', { mode: 0o755 })
    const reason = await reasonOf(order('exit', {}, { python: file }))
    expect(reason).toContain('ended with exit code 9 before the spider was started: broken interpreter')
  })

  it('says that the folder of the run cannot be made', async () => {
    writeFileSync(join(folder, 'run'), 'a file')
    expect(await reasonOf(order('exit'))).toContain('the run could not be started: ')
  })
})

describe('what a spider is given', () => {
  interface Description {
    argv: string[]
    cwd: string
    path: string[]
    env: Record<string, string>
    descriptors: string[]
    group: boolean
    loaded: string[]
  }

  async function describeRun(more: Partial<RunSpec> = {}, environment: NodeJS.ProcessEnv = process.env) {
    const spec = order('describe', {}, more)
    const observed = new ObservedRun()
    quietRunner({ environment }).start(spec, observed)
    expect((await observed.end).exitCode).toBe(0)
    return { spec, seen: JSON.parse(readFileSync(target, 'utf8')) as Description }
  }

  it('runs in the project, with the project first on sys.path and nothing of the daemon', async () => {
    const { seen } = await describeRun()
    expect(seen.cwd).toBe(projectDir)
    expect(seen.path[0]).toBe(projectDir)
    expect(seen.path.filter((entry) => entry.includes('scrapyd_service') || entry.includes('src-daemon'))).toEqual([])
    expect(seen.loaded).not.toContain('scrapyd_service.crawler')
  })

  it('sets the variables of Scrapy and Scrapyd, and passes on no settings and no secrets', async () => {
    const { spec, seen } = await describeRun(
      { jobId: 'job-7', spider: 'describe' },
      {
        PATH: process.env.PATH,
        HOME: '/somewhere',
        SCRAPY_SETTINGS_MODULE: 'other.settings',
        SCRAPY_LOG_LEVEL: 'ERROR',
        SCRAPYD_PASSWORD: 'secret',
        SCRAPYD_SERVICE_NODE: 'x',
        ELECTRON_RUN_AS_NODE: '1',
      },
    )
    const { env } = seen
    expect(env).toMatchObject({
      HOME: '/somewhere',
      SCRAPY_PROJECT: 'a-project',
      SCRAPY_SETTINGS_MODULE: 'plain.settings',
      SCRAPYD_JOB: 'job-7',
      SCRAPYD_SPIDER: 'describe',
      SCRAPYD_NODE: 'a-node',
      SCRAPYD_RUN_TOKEN: spec.token,
    })
    expect(
      Object.keys(env)
        .filter((name) => /^(SCRAPY|ELECTRON)/.test(name))
        .toSorted(),
    ).toEqual([
      'SCRAPYD_JOB',
      'SCRAPYD_NODE',
      'SCRAPYD_RUN_TOKEN',
      'SCRAPYD_SPIDER',
      'SCRAPY_PROJECT',
      'SCRAPY_SETTINGS_MODULE',
    ])
  })

  it('leads a process group and holds no descriptor but its own FIFO beside the standard ones', async () => {
    const { spec, seen } = await describeRun()
    expect(seen.group).toBe(true)
    const output = join(spec.runDir, 'output')
    expect(seen.descriptors.filter((path) => !path.startsWith('/proc/') && path !== target)).toEqual(
      ['/dev/null', join(spec.runDir, 'alive'), output, output].toSorted(),
    )
  })

  it('gets arguments of 200 kB, with the job id among them', async () => {
    const long = `${'长'.repeat(66_000)}'"\n\\ --x`
    const { seen } = await describeRun({ args: { target, long }, settings: { A: 'b=c' } })
    expect(seen.argv.slice(1, 5)).toEqual(['crawl', 'describe', '-s', 'A=b=c'])
    expect(seen.argv.slice(5)).toEqual(['-a', `target=${target}`, '-a', `long=${long}`, '-a', '_job=a-job'])
  })

  it('keeps the order in a file for its owner only', async () => {
    const { spec } = await describeRun()
    expect(statSync(join(spec.runDir, 'job.json')).mode & 0o777).toBe(0o600)
  })
})

describe('the output', () => {
  it('is cut to its end when it grows over the limit', async () => {
    const spec = order('print', { lines: '3000' })
    const observed = new ObservedRun()
    quietRunner({ outputLimit: 100_000 }).start(spec, observed)
    expect((await observed.end).outputTail).toMatch(/the last line$/)
    const output = readFileSync(join(spec.runDir, 'output'), 'utf8')
    expect(output.length).toBeLessThan(100_000)
    expect(output).toMatch(/^\[the beginning of this output was dropped/)
    expect(output.split('\n')[1]).toMatch(/^line \d+ x+$/)
  })
})

describe('the claim', () => {
  it('lets one of many concurrent starts of an attempt run, and tells all of them how it went', async () => {
    const spec = order('count')
    const runs = Array.from({ length: 12 }, () => {
      const observed = new ObservedRun()
      quietRunner().start(spec, observed)
      return observed
    })
    const records = await Promise.all(runs.map(({ end }) => end))
    expect(readFileSync(target, 'utf8')).toBe('ran\n')
    expect(new Set(records.map(({ pid }) => pid)).size).toBe(1)
    for (const record of records) expect(record).toMatchObject({ seen: 'exit', exitCode: 0 })
  })
})

describe('a claim whose owner let no spider begin', () => {
  /** What a supervisor leaves that got no further than its claim. */
  function claimOf(spec: RunSpec): string {
    mkdirSync(spec.runDir)
    writeFileSync(
      join(spec.runDir, 'record'),
      `{"attempt": 1, "pid": 1, "token": "${spec.token}"}\n${' '.repeat(1024)}\n`,
    )
    return join(spec.runDir, 'alive')
  }

  it('is given to another process when its owner is dead', async () => {
    const spec = order('count')
    claimOf(spec)
    const { observed } = start(spec)
    expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0 })
    expect((await observed.start).modeNote).toBe(
      'the process that had claimed the run ended before the spider was started',
    )
    expect(readFileSync(target, 'utf8')).toBe('ran\n')
  })

  it('is taken from an owner that hangs', async () => {
    const spec = order('count')
    const alive = claimOf(spec)
    const script = `import os, sys, time\nos.mkfifo(sys.argv[1])\nheld = os.open(sys.argv[1], os.O_RDWR)\nprint(flush=True)\ntime.sleep(600)`
    const owner = spawn(python, ['-c', script, alive], {
      env: { ...process.env, SCRAPYD_RUN_TOKEN: spec.token },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void owner.kill('SIGKILL'))
    await once(owner.stdout, 'data')
    const observed = new ObservedRun()
    quietRunner({ claimTimeoutMs: 100 }).start(spec, observed)
    expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0 })
    expect(readFileSync(target, 'utf8')).toBe('ran\n')
    expect(isAlive(owner.pid!)).toBe(false)
  })
})

describe('signals', () => {
  it('tell the spider only, and resolve to whether it was there', async () => {
    const { observed, run } = start(order('wait'))
    await linesOf(target, 1)
    expect(await run.signal('SIGINT')).toBe(true)
    expect(await linesOf(target, 2)).toEqual(['ready', 'told to stop'])
    expect(await observed.end).toMatchObject({ exitCode: 0 })
    expect(await run.signal('SIGINT')).toBe(false)
  })

  it('reach a spider that is still being started', async () => {
    const { observed, run } = start(order('deaf'))
    expect(await run.signal('SIGKILL')).toBe(true)
    expect(await observed.end).toMatchObject({ signal: 'SIGKILL' })
  })

  it('are not sent to a process that only has the pid', async () => {
    const { observed, run, spec } = start(order('deaf'))
    const { pid } = await observed.start
    const other = quietRunner()
    const stranger = new ObservedRun()
    // The same process under another attempt's token: as if the pid had been used again.
    const runDir = join(folder, 'other')
    mkdirSync(runDir)
    changeRecord(runDir, 'start', { ...recordOf(spec.runDir, 'start'), token: 'other' })
    const adoption = await other.adopt({ key: 'b', attempt: 1, token: 'other', runDir }, stranger)
    expect(adoption).toMatchObject({ found: 'ended', record: { seen: 'gone' } })
    expect(isAlive(pid)).toBe(true)
    await run.kill()
    await observed.end
  })
})

describe('killing', () => {
  it('ends the spider and all that it started, in whatever session or environment', async () => {
    const { observed, run } = start(order('tree', { stay: 'yes' }))
    const pids = (await linesOf(target, 5)).map(Number)
    expect(pids.map(isAlive)).toEqual([true, true, true, true, true])
    await run.kill()
    await run.kill()
    expect(await observed.end).toMatchObject({ seen: 'exit', signal: 'SIGKILL' })
    await Promise.all(pids.map(waitForEnd))
    expect(observed.events).toEqual(['started', 'ended'])
  })

  it('is also done to what a spider leaves behind when it ends by itself', async () => {
    const { observed } = start(order('tree'))
    expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0 })
    for (const pid of await linesOf(target, 5)) await waitForEnd(Number(pid))
  })

  it('ends a run whose supervisor does not answer', async () => {
    const { observed, run } = start(order('deaf'))
    const { supervisorPid, pid } = await observed.start
    process.kill(supervisorPid, 'SIGSTOP')
    await run.kill()
    expect(await observed.end).toMatchObject({ seen: 'gone' })
    await Promise.all([pid, supervisorPid].map(waitForEnd))
  })
})

describe('a killed supervisor', () => {
  async function orphan(spider: string, args: Record<string, string> = {}) {
    const started = start(order(spider, args))
    await linesOf(target, spider === 'tree' ? 5 : 1)
    const { supervisorPid, pid } = await started.observed.start
    process.kill(supervisorPid, 'SIGKILL')
    await waitForEnd(supervisorPid)
    expect(isAlive(pid)).toBe(true)
    return { ...started, pid }
  }

  it('leaves the spider alone, which can still be told to stop', async () => {
    const { observed, run } = await orphan('wait')
    expect(await run.signal('SIGINT')).toBe(true)
    expect(await linesOf(target, 2)).toContain('told to stop')
    expect(await observed.end).toMatchObject({ seen: 'gone', exitCode: null, signal: null })
  })

  it('leaves a tree that can be killed', async () => {
    const { observed, run } = await orphan('tree', { stay: 'yes' })
    // The fifth, an orphan without environment, went to init when the supervisor died: nobody can know it any more.
    const pids = (await linesOf(target, 5)).map(Number)
    await run.kill()
    expect(await observed.end).toMatchObject({ seen: 'gone' })
    await Promise.all(pids.slice(0, 4).map(waitForEnd))
    process.kill(pids[4] as number, 'SIGKILL')
  })

  it('ends the run once the spider is dead as well, without its remains', async () => {
    const { observed, pid } = await orphan('tree', { stay: 'yes' })
    const pids = (await linesOf(target, 5)).map(Number)
    process.kill(pid, 'SIGKILL')
    expect(await observed.end).toMatchObject({ seen: 'gone', pid })
    // Those with the marker in their environment.
    await Promise.all(pids.slice(0, 3).map(waitForEnd))
    for (const left of pids.slice(3)) process.kill(left, 'SIGKILL')
  })
})

describe('discarding', () => {
  it('removes the folder, or all of it but the output', async () => {
    const { observed, spec } = start(order('exit', { code: '0' }))
    await observed.end
    await runner.discard(spec.runDir, true)
    expect(readFileSync(join(spec.runDir, 'output'), 'utf8')).toBe('printed by the spider\n')
    expect(existsSync(join(spec.runDir, 'job.json'))).toBe(false)
    await runner.discard(spec.runDir, false)
    expect(existsSync(spec.runDir)).toBe(false)
    await runner.discard(spec.runDir, true)
  })
})
