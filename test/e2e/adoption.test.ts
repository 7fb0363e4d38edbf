import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Adoption, RunSpec } from '../../src-daemon/runner/run.ts'
import { startedByDeadDaemon } from '../helpers/dead-daemon.ts'
import { plainPython } from '../helpers/python.ts'
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

const python = plainPython()
const projectDir = join(import.meta.dirname, '../daemon/runner/fixtures/plain')
const runner = quietRunner()

let folder: string
let target: string

beforeEach(() => {
  folder = temporaryFolder()
  target = join(folder, 'target')
})

function order(spider: string, args: Record<string, string> = {}): RunSpec {
  const runDir = join(folder, 'run')
  return runSpec({ python, projectDir, spider, runDir, runnerModule: 'plain_runner', args: { target, ...args } })
}

async function adopt(spec: RunSpec) {
  const observed = new ObservedRun()
  const adoption = await runner.adopt(spec, observed)
  return { observed, adoption }
}

function runOf(adoption: Adoption) {
  if (adoption.found !== 'running') throw new Error(`the run was found ${adoption.found}`)
  return adoption.run
}

function endOf(adoption: Adoption) {
  if (adoption.found !== 'ended') throw new Error(`the run was found ${adoption.found}`)
  return adoption.record
}

describe('a run that never began', () => {
  it('is unclaimed when there is no folder', async () => {
    expect((await adopt(order('count'))).adoption).toEqual({ found: 'unclaimed' })
  })

  it('is unclaimed, and can be started, when its claimer died before the spider began', async () => {
    const spec = order('count')
    mkdirSync(spec.runDir)
    writeFileSync(join(spec.runDir, 'record'), '')
    expect((await adopt(spec)).adoption).toEqual({ found: 'unclaimed' })
    const observed = new ObservedRun()
    runner.start(spec, observed)
    expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0 })
    expect(readFileSync(target, 'utf8')).toBe('ran\n')
  })

  it('runs once, whether the child of the dead daemon or the new one claims it', async () => {
    const spec = order('count')
    await startedByDeadDaemon(spec, 'ordered')
    const { adoption, observed } = await adopt(spec)
    if (adoption.found === 'unclaimed') runner.start(spec, observed)
    const record = adoption.found === 'ended' ? adoption.record : await observed.end
    expect(record).toMatchObject({ seen: 'exit', exitCode: 0 })
    expect(readFileSync(target, 'utf8')).toBe('ran\n')
  })
})

describe('a run that lives on', () => {
  it('is found running, can be told to stop, and ends with its exit code', async () => {
    const spec = order('wait')
    await startedByDeadDaemon(spec, 'started')
    await linesOf(target, 1)
    const { adoption, observed } = await adopt(spec)
    const run = runOf(adoption)
    expect(observed.events).toEqual([])
    const { pid, mode } = await observed.start
    expect(isAlive(pid)).toBe(true)
    expect(mode).toBe('cold')
    expect(await run.signal('SIGINT')).toBe(true)
    expect(await observed.end).toMatchObject({ seen: 'exit', exitCode: 0, pid })
    expect(observed.events).toEqual(['started', 'ended'])
  })

  it('can be killed with all that it started', async () => {
    const spec = order('tree', { stay: 'yes' })
    await startedByDeadDaemon(spec, 'started')
    const pids = (await linesOf(target, 5)).map(Number)
    const { adoption, observed } = await adopt(spec)
    await runOf(adoption).kill()
    expect(await observed.end).toMatchObject({ seen: 'exit', signal: 'SIGKILL' })
    await Promise.all(pids.map(waitForEnd))
  })

  it('prints on, although the daemon that started it is dead', async () => {
    const spec = order('print', { lines: '50' })
    await startedByDeadDaemon(spec, 'started')
    const { adoption, observed } = await adopt(spec)
    runOf(adoption)
    expect(await observed.end).toMatchObject({ exitCode: 0 })
    expect(readFileSync(join(spec.runDir, 'output'), 'utf8')).toMatch(/the last line\n$/)
  })

  it('is released by stop() and goes on', async () => {
    const spec = order('wait')
    const first = quietRunner()
    const before = new ObservedRun()
    first.start(spec, before)
    const { pid } = await before.start
    await first.stop()
    const { adoption, observed } = await adopt(spec)
    expect(isAlive(pid)).toBe(true)
    await runOf(adoption).kill()
    await observed.end
    expect(before.events).toEqual(['started'])
  })
})

describe('a run that has ended meanwhile', () => {
  it('has its real exit code and times', async () => {
    const spec = order('exit', { code: '3' })
    await startedByDeadDaemon(spec, 'started')
    await vi.waitUntil(() => recordOf(spec.runDir, 'end') !== null)
    const { adoption } = await adopt(spec)
    const record = endOf(adoption)
    expect(record).toMatchObject({ seen: 'exit', exitCode: 3, outputTail: 'printed by the spider' })
    expect(record.endedAt).toBeGreaterThanOrEqual(record.startedAt as number)
    expect(record.pid).toBeGreaterThan(0)
  })

  it('is gone when spider and supervisor were killed', async () => {
    const spec = order('wait')
    await startedByDeadDaemon(spec, 'started')
    await linesOf(target, 1)
    const { pid, supervisorPid } = recordOf(spec.runDir, 'start') as { pid: number; supervisorPid: number }
    process.kill(supervisorPid, 'SIGKILL')
    process.kill(pid, 'SIGKILL')
    await Promise.all([pid, supervisorPid].map(waitForEnd))
    const record = endOf((await adopt(spec)).adoption)
    expect(record).toMatchObject({ seen: 'gone', exitCode: null, signal: null, pid })
  })

  it('was rebooted under when its boot was another one', async () => {
    const spec = order('wait')
    const before = new ObservedRun()
    const run = runner.start(spec, before)
    await before.start
    run.release()
    changeRecord(spec.runDir, 'start', { bootId: 'another boot' })
    expect(endOf((await adopt(spec)).adoption)).toMatchObject({ seen: 'rebooted', exitCode: null })
    changeRecord(spec.runDir, 'start', { bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() })
    const again = await adopt(spec)
    await runOf(again.adoption).kill()
  })

  it('knows from the spider itself how it ended, when the supervisor was killed', async () => {
    const spec = order('wait')
    const before = new ObservedRun()
    runner.start(spec, before)
    await linesOf(target, 1)
    const { pid, supervisorPid } = await before.start
    const spider = { token: spec.token, at: 1_700_000_000_000, finishReason: 'finished', stats: { a: 1 }, ended: true }
    writeFileSync(join(spec.runDir, 'spider.jsonl'), `\n{"cut off\n${JSON.stringify(spider)}\n`)
    process.kill(supervisorPid, 'SIGKILL')
    process.kill(pid, 'SIGKILL')
    const expected = { seen: 'self', finishReason: 'finished', stats: { a: 1 }, endedAt: 1_700_000_000_000 }
    expect(await before.end).toMatchObject(expected)
    expect(endOf((await adopt(spec)).adoption)).toMatchObject(expected)
  })

  it('takes no record of another attempt for its own', async () => {
    const spec = order('exit', { code: '0' })
    const before = new ObservedRun()
    runner.start(spec, before)
    await before.end
    changeRecord(spec.runDir, 'end', { token: 'of another attempt' })
    expect(endOf((await adopt(spec)).adoption).seen).toBe('gone')
  })

  it('is not misled by records that a crash has cut off', async () => {
    const spec = order('exit', { code: '0' })
    const before = new ObservedRun()
    runner.start(spec, before)
    await before.end
    changeRecord(spec.runDir, 'end', '{"tok')
    writeFileSync(join(spec.runDir, 'spider.jsonl'), '\n{"tok')
    expect(endOf((await adopt(spec)).adoption).seen).toBe('gone')
  })
})
