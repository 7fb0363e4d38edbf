import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { RunSpec } from '../../src-daemon/runner/run.ts'
import { killTree } from '../../src-daemon/runner/kill-tree.ts'
import type { SpiderRunnerOptions } from '../../src-daemon/runner/spider-runner.ts'
import { startedByDeadDaemon } from '../helpers/dead-daemon.ts'
import { isAlive, linesOf, ObservedRun, quietRunner, runSpec, temporaryFolder, waitForEnd } from '../helpers/runs.ts'
import { scrapyPythons } from '../helpers/scrapy-pythons.ts'
import { until } from '../helpers/until.ts'

const fixture = join(import.meta.dirname, 'fixtures/crawls')

/** The parent of a process. */
function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

describe.each(scrapyPythons())('the warm runner with Scrapy $version', ({ python, isNewest }) => {
  let folder: string
  let projectDir: string
  let target: string
  let runs: number
  let said: string[]

  beforeEach(() => {
    folder = temporaryFolder()
    target = join(folder, 'target')
    projectDir = join(folder, 'project')
    cpSync(fixture, projectDir, { recursive: true, filter: (path) => !path.includes('__pycache__') })
    runs = 0
    said = []
  })

  function open(options: Partial<SpiderRunnerOptions> = {}) {
    const say = (message: string) => said.push(message)
    const runner = quietRunner({ log: { info: say, warn: say, error: say }, ...options })
    onTestFinished(() => runner.stop())
    return runner
  }

  function order(spider: string, module: string, more: Partial<RunSpec> = {}): RunSpec {
    runs += 1
    return runSpec({
      python,
      projectDir,
      spider,
      settingsModule: 'crawls.settings',
      spiderModule: `crawls.spiders.${module}`,
      runDir: join(folder, `run-${runs}`),
      warm: 'auto',
      codeVersion: 'first',
      jobId: `job-${runs}`,
      ...more,
      args: { target, ...more.args },
      settings: { LOG_FILE: join(folder, `log-${runs}`), ...more.settings },
    })
  }

  async function finish(runner: ReturnType<typeof open>, spec: RunSpec) {
    const observed = new ObservedRun()
    runner.start(spec, observed)
    const record = await observed.end
    return { record, start: await observed.start }
  }

  /** Starts a spider that goes on; resolves with the pids of spider, supervisor and warm process. */
  async function begin(runner: ReturnType<typeof open>, more: Partial<RunSpec> = {}) {
    const own = join(folder, `slow-${runs}`)
    const spec = order('slow', 'slow', { ...more, args: { target: own } })
    const observed = new ObservedRun()
    const run = runner.start(spec, observed)
    const { pid, supervisorPid } = await observed.start
    const warmPid = parentOf(supervisorPid)
    await linesOf(own, 1)
    return { run, observed, pid, supervisorPid, warmPid, spec, target: own }
  }

  function addModule(name: string, text: string): void {
    writeFileSync(join(projectDir, `crawls/spiders/${name}.py`), text)
  }

  /** An interpreter like `python` with a folder of its own for packages. */
  function interpreterWithPackages(packages: Record<string, string>): { python: string; packagesDir: string } {
    const env = join(folder, 'env')
    execFileSync(python, ['-m', 'venv', '--without-pip', env], { stdio: 'ignore' })
    const lib = join(env, 'lib')
    const packagesDir = join(lib, readdirSync(lib)[0] as string, 'site-packages')
    const code = 'import sys; print("\\n".join(p for p in sys.path if p.endswith("-packages")))'
    writeFileSync(join(packagesDir, 'others.pth'), execFileSync(python, ['-c', code]))
    for (const [name, text] of Object.entries(packages)) {
      const file = join(packagesDir, `${name}.py`)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
    }
    return { python: join(env, 'bin/python'), packagesDir }
  }

  it('logs the versions of what it runs on, as a cold run does', async () => {
    const runner = open()
    const versionsOf = async (warm: 'off' | 'on') => {
      const spec = order('plain', 'plain', { warm })
      const { start } = await finish(runner, spec)
      expect(start.mode).toBe(warm === 'on' ? 'warm' : 'cold')
      const log = readFileSync(join(folder, `log-${runs}`), 'utf8')
      return /INFO: (Versions:.*?)\n\d{4}-/s.exec(log)?.[1]
    }
    const cold = await versionsOf('off')
    expect(cold).toMatch(/Twisted'?:? '?\d/)
    // Twice: what the warm process has read once counts for the second job as well.
    expect(await versionsOf('on')).toBe(cold)
    expect(await versionsOf('on')).toBe(cold)
  })

  describe('what is imported beforehand', () => {
    const trap = (name: string, harm: string) => `import os\nimport time\n${harm}\nPIDS = {"${name}": os.getpid()}\n`
    const packages = {
      harmless: trap('harmless', ''),
      starts_thread: trap(
        'starts_thread',
        'import threading\nBEATS = []\ndef beat():\n    while True:\n        BEATS.append(1)\n        time.sleep(0.01)\nthreading.Thread(target=beat, daemon=True).start()',
      ),
      needs_thread: trap('needs_thread', 'import starts_thread'),
      takes_reactor: trap('takes_reactor', 'from twisted.internet import reactor'),
      needs_hidden: trap('needs_hidden', 'import hides_reactor'),
      hides_reactor: trap(
        'hides_reactor',
        'try:\n    from twisted.internet import reactor\nexcept Exception:\n    reactor = None',
      ),
      needs_it_too: trap('needs_it_too', 'import hides_reactor'),
      opens_file: trap('opens_file', 'FILE = open(__file__)'),
      changes_environment: trap('changes_environment', 'os.environ["CHANGED"] = "yes"'),
      handles_signals: trap('handles_signals', 'import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)'),
      ends_others: trap('ends_others', 'if "SCRAPYD_JOB" not in os.environ:\n    os._exit(3)'),
      fails_elsewhere: trap('fails_elsewhere', 'os.environ["SCRAPYD_JOB"]'),
      rolls_dice: trap('rolls_dice', 'import random\nDICE = random.Random()\nDICE.random()'),
    }

    it('is what jobs import, except what is not safe to share', async () => {
      const { python } = interpreterWithPackages(packages)
      const names = Object.keys(packages)
      addModule(
        'importing',
        `import json, os
import ${names.filter((name) => name !== 'takes_reactor').join(', ')}
import scrapy

class Importing(scrapy.Spider):
    name = 'importing'
    start_urls = ['data:,x']

    def parse(self, response):
        import takes_reactor, time
        beats = len(starts_thread.BEATS)
        while len(starts_thread.BEATS) == beats:
            time.sleep(0.01)
        modules = [${names.join(', ')}]
        pids = {name: pid for module in modules for name, pid in module.PIDS.items()}
        shared = sorted(name for name, pid in pids.items() if pid != os.getpid())
        line = {'shared': shared, 'dice': rolls_dice.DICE.random(), 'changed': os.environ.get('CHANGED'),
                'reactor': hides_reactor.reactor is not None}
        with open(self.target, 'a') as file:
            file.write(json.dumps(line) + '\\n')
`,
      )
      const runner = open()
      const seen: { shared: string[]; dice: number; changed: string; reactor: boolean }[] = []
      const isLearned = () => seen.at(-1)?.shared.includes('rolls_dice') === true
      while (!isLearned() && seen.length < 40) {
        const { record, start } = await finish(
          runner,
          order('importing', 'importing', { python, settings: { TWISTED_REACTOR: '' } }),
        )
        expect(record).toMatchObject({ exitCode: 0, finishReason: 'finished' })
        expect(record.stats?.['log_count/ERROR']).toBeUndefined()
        expect(start.mode).toBe('warm')
        seen.push(
          ...(await linesOf(target, seen.length + 1)).slice(seen.length).map((line) => JSON.parse(line) as never),
        )
      }
      expect(seen.at(-1)?.shared).toEqual(['harmless', 'rolls_dice'])
      expect(new Set(seen.map(({ dice }) => dice)).size).toBe(seen.length)
      for (const { changed, reactor } of seen) expect({ changed, reactor }).toEqual({ changed: 'yes', reactor: true })
    })
  })

  // What follows is the work of our own code and of the operating system: Scrapy's version makes no difference to it.
  if (!isNewest) return

  describe('when the world changes', () => {
    it('runs the code that is on disk, whether or not it was told of a change', async () => {
      const runner = open()
      const spider = (word: string) => `import scrapy

class Changing(scrapy.Spider):
    name = 'changing'
    start_urls = ['data:,x']

    def parse(self, response):
        open(self.target, 'a').write('${word}\\n')
`
      addModule('changing', spider('first, long ago'))
      expect((await finish(runner, order('changing', 'changing'))).start.mode).toBe('warm')
      addModule('changing', spider('second'))
      expect((await finish(runner, order('changing', 'changing'))).start.mode).toBe('warm')
      expect(readFileSync(target, 'utf8')).toBe('first, long ago\nsecond\n')
    })

    it('takes another process when the version of the code is another', async () => {
      const runner = open()
      const first = await begin(runner)
      const second = await begin(runner)
      const third = await begin(runner, { codeVersion: 'second' })
      expect(second.warmPid).toBe(first.warmPid)
      expect(third.warmPid).not.toBe(first.warmPid)
      await waitForEnd(first.warmPid)
      expect([first.pid, second.pid].map(isAlive)).toEqual([true, true])
      for (const { run, observed } of [first, second, third]) {
        await run.signal('SIGINT')
        expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0, finishReason: 'shutdown' })
      }
    })

    const installed = (packagesDir: string) => writeFileSync(join(packagesDir, 'another.py'), '')
    const upgraded = (_packagesDir: string, python: string) => {
      copyFileSync(python, `${python}.new`)
      renameSync(`${python}.new`, python)
    }
    it.each([
      ['a package was installed', installed, /^the packages of .* have changed/],
      ['the interpreter was upgraded', upgraded, /^the interpreter .* has changed/],
    ])('takes another process when %s', async (_what, change, words) => {
      const { python, packagesDir } = interpreterWithPackages({ installed: 'VERSION = "old"\n' })
      // Its own file, not a link to one that is not the test's to change.
      const program = realpathSync(python)
      rmSync(python)
      copyFileSync(program, python)
      const runner = open()
      const first = await begin(runner, { python })
      change(packagesDir, python)
      const second = await begin(runner, { python })
      expect(second.warmPid).not.toBe(first.warmPid)
      expect(said).toEqual([expect.stringMatching(words)])
      await Promise.all([first.run.kill(), second.run.kill()])
    })
  })

  describe('when processes die', () => {
    it('loses no run with its warm process, and starts another', async () => {
      const runner = open()
      const before = await begin(runner)
      process.kill(before.warmPid, 'SIGKILL')
      await waitForEnd(before.warmPid)
      const after = await begin(runner)
      expect(after.warmPid).not.toBe(before.warmPid)
      expect([before.pid, before.supervisorPid, after.pid].map(isAlive)).toEqual([true, true, true])
      for (const { run, observed } of [before, after]) {
        await run.signal('SIGINT')
        expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0, finishReason: 'shutdown' })
      }
    })

    it('kills all of a run although its warm process and its supervisor are dead', async () => {
      const runner = open()
      const spec = order('slow_with_tree', 'slow')
      const observed = new ObservedRun()
      const run = runner.start(spec, observed)
      const { supervisorPid } = await observed.start
      const pids = (await linesOf(target, 4)).map(Number)
      process.kill(parentOf(supervisorPid), 'SIGKILL')
      process.kill(supervisorPid, 'SIGKILL')
      await waitForEnd(supervisorPid)
      await run.kill()
      expect(await observed.end).toMatchObject({ seen: 'gone' })
      await Promise.all(pids.map(waitForEnd))
    })

    it('runs a job once when the warm process is killed while it starts it', async () => {
      const runner = open()
      addModule(
        'counting',
        `import scrapy

class Counting(scrapy.Spider):
    name = 'counting'
    start_urls = ['data:,x']

    def parse(self, response):
        open(self.target, 'a').write('ran\\n')
`,
      )
      for (let round = 0; round < 4; round += 1) {
        const { run, observed, warmPid } = await begin(runner)
        const again = new ObservedRun()
        const marks = join(folder, `marks-${round}`)
        runner.start(order('counting', 'counting', { args: { target: marks } }), again)
        // Some before the order was read, some after.
        for (let turn = 0; turn < round * 100; turn += 1) await new Promise(setImmediate)
        process.kill(warmPid, 'SIGKILL')
        expect(await again.end).toMatchObject({ seen: 'exit', exitCode: 0 })
        expect(readFileSync(marks, 'utf8')).toBe('ran\n')
        expect(again.events.filter((event) => event !== 'stats')).toEqual(['started', 'ended'])
        await run.kill()
        await observed.end
      }
    })

    it('ends with its daemon, and what it started is adopted', async () => {
      const spec = order('slow', 'slow')
      await startedByDeadDaemon(spec, 'started')
      await linesOf(target, 1)
      const observed = new ObservedRun()
      const adoption = await open().adopt(spec, observed)
      const { mode, supervisorPid, pid } = await observed.start
      expect(mode).toBe('warm')
      expect(isAlive(pid)).toBe(true)
      // Its parent was the warm process of the dead daemon.
      await waitForEnd(pidOfWarmProcess(supervisorPid))
      if (adoption.found === 'running') await adoption.run.signal('SIGINT')
      expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0, finishReason: 'shutdown' })
    })
  })

  /** The parent, unless that is gone already and something else has taken its place. */
  function pidOfWarmProcess(supervisorPid: number): number {
    const parent = parentOf(supervisorPid)
    const command = parent === 1 ? '' : readFileSync(`/proc/${parent}/cmdline`, 'latin1')
    return command.includes('scrapyd_service') ? parent : 2 ** 30
  }

  it('gives every job random numbers of its own, from numpy too', async () => {
    // As numpy keeps it: one generator for all, made at the import.
    const { python } = interpreterWithPackages({
      'numpy/__init__': '',
      'numpy/random': 'import random as plain\n_G = plain.Random(1)\nrandom, seed = _G.random, _G.seed\n_G = [_G]\n',
    })
    addModule(
      'dicing',
      `import numpy.random
import scrapy

class Dicing(scrapy.Spider):
    name = 'dicing'
    start_urls = ['data:,x']

    def parse(self, response):
        open(self.target, 'a').write(f'{numpy.random.random()}\\n')
`,
    )
    const runner = open()
    // The first ones import it themselves, with the seed that it was made with; then they have it from the warm process.
    const thrown = new Set<string>()
    await until('jobs throw numbers of their own', async () => {
      await finish(runner, order('dicing', 'dicing', { python }))
      for (const line of readFileSync(target, 'utf8').trim().split('\n')) thrown.add(line)
      return thrown.size >= 4
    })
  })

  describe('what cannot be started warm', () => {
    it('is started cold, with the reason in the job and once in the log', async () => {
      const { python, packagesDir } = interpreterWithPackages({
        hook: 'import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n',
      })
      writeFileSync(join(packagesDir, 'hook.pth'), 'import hook\n')
      const runner = open()
      for (let round = 0; round < 4; round += 1) {
        const { record, start } = await finish(runner, order('plain', 'plain', { python }))
        expect(record.exitCode).toBe(0)
        expect(start).toMatchObject({
          mode: 'cold',
          modeNote: 'an import of the interpreter or of Scrapy has started a thread',
        })
      }
      expect(said.filter((message) => message.includes('is started cold'))).toHaveLength(1)
      // Tried again once, in case it was an accident; then left alone.
      expect(said.filter((message) => message.includes('is gone'))).toHaveLength(2)
    })

    it('is an interpreter without Scrapy, and the job says so', async () => {
      const env = join(folder, 'bare')
      execFileSync(python, ['-m', 'venv', '--without-pip', env], { stdio: 'ignore' })
      const { record, start } = await finish(open(), order('plain', 'plain', { python: join(env, 'bin/python') }))
      expect(record).toMatchObject({ seen: 'exit', exitCode: 1 })
      expect(record.outputTail).toContain("No module named 'scrapy'")
      expect(start.modeNote).toContain("No module named 'scrapy'")
    })

    it('is a missing interpreter: the run is unstartable', async () => {
      const observed = new ObservedRun()
      open().start(order('plain', 'plain', { python: '/no/such/python' }), observed)
      expect(await observed.end).toMatchObject({ seen: 'unstartable' })
      expect((await observed.end).reason).toContain('the interpreter /no/such/python was not found')
    })
  })

  describe('its supervisors', () => {
    it('do one job after the other, each with nothing of the one before', async () => {
      addModule(
        'leaving',
        `import json, os, subprocess
import scrapy

class Leaving(scrapy.Spider):
    name = 'leaving'
    start_urls = ['data:,x']

    def parse(self, response):
        left = subprocess.Popen(['sleep', '600'], start_new_session=True, env={})
        print('printed by', self.word)
        line = {'left': left.pid, 'token': os.environ['SCRAPYD_RUN_TOKEN'], 'job': os.environ['SCRAPYD_JOB'],
                'odd': os.environ.get('ODD')}
        os.environ['ODD'] = self.word
        with open(self.target, 'a') as file:
            file.write(json.dumps(line) + '\\n')
`,
      )
      const runner = open()
      const supervisors: number[] = []
      // The first jobs teach the warm process something, and what it has forked before that does no more.
      while (supervisors.length < 3 || (supervisors.at(-1) !== supervisors.at(-2) && supervisors.length < 12)) {
        const word = `job ${supervisors.length}`
        const spec = order('leaving', 'leaving', { args: { word } })
        const { record, start } = await finish(runner, spec)
        const seen = JSON.parse((await linesOf(target, runs)).at(-1) as string) as Record<string, unknown>
        expect(record).toMatchObject({ seen: 'exit', exitCode: 0, finishReason: 'finished' })
        expect(record.outputTail).toBe(`settings are read\nprinted by ${word}`)
        expect(seen).toMatchObject({ token: spec.token, job: spec.jobId, odd: null })
        expect(isAlive(seen['left'] as number)).toBe(false)
        supervisors.push(start.supervisorPid)
      }
      expect(supervisors.at(-1)).toBe(supervisors.at(-2))
    })

    it('have nothing to do with a job that is over: a late kill meets only its own', async () => {
      const runner = open()
      let [first, third] = [await begin(runner), await begin(runner)]
      for (let round = 0; third.supervisorPid !== first.supervisorPid && round < 12; round += 1) {
        await first.run.kill()
        first = third
        await first.run.signal('SIGINT')
        await first.observed.end
        third = await begin(runner)
      }
      expect(third.supervisorPid).toBe(first.supervisorPid)
      await first.run.kill()
      // As a daemon does that finds the run of a dead supervisor.
      await killTree(first.spec.token, [], null)
      expect([third.pid, third.supervisorPid].map(isAlive)).toEqual([true, true])
      await third.run.kill()
      expect(await third.observed.end).toMatchObject({ seen: 'exit', signal: 'SIGKILL' })
    })
  })

  describe('its life', () => {
    it('ends when it is idle; the next job starts another', async () => {
      const runner = open({ warmIdleMs: 300 })
      const first = await begin(runner)
      await waitForEnd(first.warmPid)
      expect(isAlive(first.pid)).toBe(true)
      const second = await begin(runner)
      expect(second.warmPid).not.toBe(first.warmPid)
      await Promise.all([first.run.kill(), second.run.kill()])
    })

    it('ends soon once memory is scarce', async () => {
      let isScarce = false
      let asked = 0
      const isNow = () => {
        asked += 1
        return isScarce
      }
      const runner = open({ warmScarcity: { isNow, idleMs: 50 } })
      const { run, pid, warmPid } = await begin(runner)
      const before = asked
      await until('it was looked for idle processes', () => asked > before + 3)
      expect(isAlive(warmPid)).toBe(true)
      isScarce = true
      await waitForEnd(warmPid)
      expect(isAlive(pid)).toBe(true)
      await run.kill()
    })

    it('makes room for another project', async () => {
      const runner = open({ warmLimit: 1 })
      const first = await begin(runner)
      const second = await begin(runner, { project: 'another-project' })
      expect(second.warmPid).not.toBe(first.warmPid)
      await waitForEnd(first.warmPid)
      await Promise.all([first.run.kill(), second.run.kill()])
    })

    it('ends with stop(), and harms nothing that runs', async () => {
      const runner = open()
      const { warmPid, pid, spec, observed: before } = await begin(runner)
      await runner.stop()
      await waitForEnd(warmPid)
      expect(isAlive(pid)).toBe(true)
      const observed = new ObservedRun()
      const adoption = await open().adopt(spec, observed)
      if (adoption.found === 'running') await adoption.run.signal('SIGINT')
      expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0, finishReason: 'shutdown' })
      expect(before.events).not.toContain('ended')
    })
  })

  it('starts many jobs at once, each right', async () => {
    const runner = open()
    mkdirSync(join(folder, 'many'))
    const records = await Promise.all(
      Array.from({ length: 24 }, async (_, number) => {
        const own = join(folder, 'many', String(number))
        const { record, start } = await finish(
          runner,
          order('describe', 'plain', { args: { target: own, number: String(number) }, jobId: `many-${number}` }),
        )
        const seen = JSON.parse(readFileSync(own, 'utf8')) as { arguments: object; env: object; processEnv: string[] }
        expect(seen.arguments).toMatchObject({ number: String(number), _job: `many-${number}` })
        expect(seen.env).toMatchObject({ SCRAPYD_JOB: `many-${number}` })
        expect(start.mode).toBe('warm')
        return record
      }),
    )
    expect(records.map(({ exitCode }) => exitCode)).toEqual(Array.from({ length: 24 }, () => 0))
    expect(new Set(records.map(({ pid }) => pid)).size).toBe(24)
  })

  it('writes what a module has left in an open file', async () => {
    addModule(
      'open_file',
      `import gzip
import scrapy

FILES = []

class OpenFile(scrapy.Spider):
    name = 'open_file'
    start_urls = ['data:,x']

    def parse(self, response):
        FILES.append(open(self.target, 'w'))
        FILES.append(gzip.open(self.target + '.gz', 'wt'))
        for file in FILES:
            file.write('never flushed')
`,
    )
    expect((await finish(open(), order('open_file', 'open_file'))).record.exitCode).toBe(0)
    expect(readFileSync(target, 'utf8')).toBe('never flushed')
    expect(execFileSync('gunzip', ['-c', `${target}.gz`], { encoding: 'utf8' })).toBe('never flushed')
  })
})
