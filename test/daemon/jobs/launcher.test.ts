import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { numberedEvent } from '../../../src-daemon/api/contract/events.ts'
import { ProjectNotFoundError } from '../../../src-daemon/errors.ts'
import { fillDisk, newRow, rowIn, rowThat, temporaryFolder } from '../../helpers/ledger-parts.ts'
import { openLauncher, SOME_CODE, type LauncherTestParts } from '../../helpers/launcher-parts.ts'

const BIG = { big: 'x'.repeat(50_000) }

const statesOf = ({ events }: LauncherTestParts, key: string) =>
  events
    .read(0, 1_000)
    .map(({ json }) => numberedEvent.parse(JSON.parse(json)))
    .flatMap((event) => (event.type === 'job' && event.job.key === key ? [event.job.outcome ?? event.job.state] : []))

const freed = (parts: LauncherTestParts, used = 0) =>
  vi.waitFor(() => expect(parts.launcher.used).toBe(used), { interval: 1 })

describe('Launcher.launch', () => {
  it('takes a job from the queue to its end, with an event at each step', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch({ args: { tag: 'a' } })
    expect(parts.jobs.get(key)).toMatchObject({ state: 'starting', attempt: 1, node: 'n1', node_id: 'local' })
    expect(run.spec).toMatchObject({ key, attempt: 1, args: { tag: 'a' }, projectDir: '/projects/news' })
    expect(run.spec!.token).toBe(parts.jobs.get(key)!.token)

    run.begin({ pid: 77, startedAt: 5_000.4, modeNote: 'no warm process' })
    expect(await rowIn(parts, key, 'running')).toMatchObject({
      pid: 77,
      started_at: 5_000,
      version: 'abc',
      runner: 'cold',
      runner_note: 'no warm process',
    })

    run.end({ endedAt: 9_000.6, cpuSeconds: 0.25, maxRssBytes: 1_000.5 })
    expect(await rowIn(parts, key, 'finished')).toMatchObject({
      outcome: 'finished',
      ended_at: 9_001,
      exit_code: 0,
      finish_reason: 'finished',
      pages: 3,
      items: 2,
      errors: 0,
      cpu_seconds: 0.25,
      max_rss_bytes: 1_001,
    })
    expect(parts.stats.get(key)).toEqual({ response_received_count: 3, item_scraped_count: 2 })
    expect(statesOf(parts, key)).toEqual(['pending', 'starting', 'running', 'finished'])
    const { id, project, spider } = parts.jobs.get(key)!
    const name = `job ${id} (${project}/${spider}, ${key})`
    expect(parts.log.lines).toEqual([`${name} has started, pid 77`, `${name} has ended: finished`])
    await freed(parts)
  })

  it('never takes more jobs than it has slots, also in one turn', async () => {
    const parts = openLauncher()
    const keys = await Promise.all([1, 2, 3, 4].map(() => parts.schedule()))
    const rows = await Promise.all(keys.map((key) => parts.launcher.launch(key, 'news')))

    expect(rows.map((row) => row?.state ?? null)).toEqual(['starting', 'starting', null, null])
    expect([parts.launcher.used, parts.launcher.free]).toEqual([2, 0])
    expect(parts.jobs.counts()).toMatchObject({ pending: 2, starting: 2 })
  })

  it('starts a job once, whoever asks', async () => {
    const parts = openLauncher()
    const key = await parts.schedule()
    const rows = await Promise.all([parts.launcher.launch(key, 'news'), parts.launcher.launch(key, 'news')])
    await parts.runner.run(key)

    expect(rows.filter((row) => row !== null)).toHaveLength(1)
    expect(await parts.launcher.launch(key, 'news')).toBeNull()
    expect(parts.runner.runs).toHaveLength(1)
    expect(parts.launcher.used).toBe(1)
  })

  it('gives the slot back when the job was cancelled in the same turn', async () => {
    const parts = openLauncher()
    const key = await parts.schedule()
    const [, row] = await Promise.all([
      parts.ledger.finish(key, { outcome: 'cancelled', reason: null, ended_at: 1 }),
      parts.launcher.launch(key, 'news'),
    ])

    expect(row).toBeNull()
    expect([parts.launcher.used, parts.runner.runs.length]).toEqual([0, 0])
  })

  it('gives the slot back when the start cannot be stored', async () => {
    const parts = openLauncher()
    const key = await parts.schedule({ args: BIG })
    const freeSpace = fillDisk(parts)

    await expect(parts.launcher.launch(key, 'news')).rejects.toThrow(/full/)
    expect(parts.launcher.used).toBe(0)
    freeSpace()
    expect((await parts.launcher.launch(key, 'news'))?.state).toBe('starting')
  })

  it('tells who waits for a free slot', async () => {
    const parts = openLauncher()
    const told: number[] = []
    parts.launcher.onFree(() => told.push(parts.launcher.free))
    const { run } = await parts.launch()
    run.begin()
    run.end()
    await freed(parts)

    expect(told).toEqual([2])
    expect(parts.runner.discarded).toEqual([{ runDir: run.spec!.runDir, keepOutput: false }])
  })

  it('knows how many slots a project uses', async () => {
    const parts = openLauncher()
    await parts.launch({ project: 'a' })
    await parts.launch({ project: 'b' })

    expect(['a', 'b', 'c'].map((project) => parts.launcher.runningOf(project))).toEqual([1, 1, 0])
  })
})

describe('a job that cannot be started', () => {
  it.each([
    [
      'its project is gone',
      { findCode: () => Promise.reject(new ProjectNotFoundError('news')) },
      /project 'news' not found/,
    ],
    ['something unexpected is wrong', { findCode: () => Promise.reject(new Error('surprise')) }, /surprise/],
    [
      'its log folder cannot be made',
      { folders: { logsDir: '/dev/null/logs', itemsDir: null, jobsDir: null, runsDir: '/r' } },
      /folder for log or items cannot be written/,
    ],
  ])('fails with the reason when %s', async (_what, options, reason) => {
    const parts = openLauncher(options)
    const key = await parts.schedule()
    await parts.launcher.launch(key, 'news')

    const row = await rowIn(parts, key, 'finished')
    expect(row).toMatchObject({ outcome: 'failed', started_at: null, exit_code: null })
    expect(row.reason).toMatch(reason)
    await freed(parts)
  })

  it('fails with what the runner says', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.end({
      seen: 'unstartable',
      exitCode: null,
      finishReason: null,
      stats: null,
      reason: 'the interpreter was not found',
      outputTail: 'words',
    })

    expect(await rowIn(parts, key, 'finished')).toMatchObject({
      outcome: 'failed',
      reason: 'the interpreter was not found',
    })
    await freed(parts)
    expect(parts.runner.discarded[0]!.keepOutput).toBe(true)
  })

  it('fails when its spider would leave the folder', async () => {
    const parts = openLauncher()
    const key = await parts.schedule({ spider: '../evil' })
    await parts.launcher.launch(key, 'news')

    expect((await rowIn(parts, key, 'finished')).reason).toMatch(/DirectoryTraversal/)
    await freed(parts)
    expect(readdirSync(parts.dir)).not.toContain('evil')
  })
})

describe('what a run reports', () => {
  it('is stored in order when start and end come at once', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.begin({ startedAt: 1_000 })
    run.end({ endedAt: 1_005 })

    expect(await rowIn(parts, key, 'finished')).toMatchObject({ started_at: 1_000, ended_at: 1_005, runner: 'cold' })
    expect(statesOf(parts, key)).toEqual(['pending', 'starting', 'running', 'finished'])
  })

  it('ends the job once, however often it is said', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.begin()
    run.end()
    run.end({ exitCode: 1 })
    await freed(parts)

    expect(statesOf(parts, key)).toEqual(['pending', 'starting', 'running', 'finished'])
  })

  it('never ends before it began, whatever the clock did', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.begin({ startedAt: 9_000 })
    run.end({ endedAt: 4_000 })

    expect(await rowIn(parts, key, 'finished')).toMatchObject({ started_at: 9_000, ended_at: 9_000 })
  })

  it('tells live counters, and keeps the last stats when the end brings none', async () => {
    const onStats = vi.fn()
    const parts = openLauncher({ onStats })
    const { key, run } = await parts.launch()
    run.begin()
    run.report({ response_received_count: 4, item_scraped_count: 3, 'log_count/ERROR': 1 })
    expect(onStats).toHaveBeenCalledWith(key, { pages: 4, items: 3, errors: 1 }, null)
    expect(parts.rates.live(key)).toEqual({ pages: 4, items: 3, errors: 1 })

    run.end({ seen: 'gone', exitCode: null, finishReason: null, stats: null })
    expect(await rowIn(parts, key, 'finished')).toMatchObject({ outcome: 'failed', pages: 4, items: 3, errors: 1 })
    await freed(parts)
    run.report({ response_received_count: 9 })
    expect(onStats).toHaveBeenCalledTimes(1)
    expect(parts.rates.live(key)).toBeNull()
  })

  it('may hold stats that are no counts', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.begin()
    run.end({ stats: { response_received_count: 2.5, item_scraped_count: 1e300, 'log_count/ERROR': 'many' } })

    expect(await rowIn(parts, key, 'finished')).toMatchObject({ pages: 2, items: Number.MAX_SAFE_INTEGER, errors: 0 })
    await freed(parts)
  })

  it('ends the job also where the database does not take what was reported', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.begin()
    run.end({ exitCode: 1.5 })

    expect(await rowIn(parts, key, 'finished')).toMatchObject({ outcome: 'failed', exit_code: null })
    await freed(parts)
  })

  it('explains a failure by the last error of the log, if this run has written to it', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch({ id: 'daily' })
    const file = join(parts.folders.logsDir, 'news', 'herald', 'daily.log')
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, '2026-07-08 10:00:00 [herald] ERROR: no page')
    run.begin()
    run.end({ exitCode: 1 })

    expect((await rowIn(parts, key, 'finished')).reason).toBe('Exit code 1: no page')
  })

  it('says that a runner of the operator was used', async () => {
    const parts = openLauncher({ runnerModule: 'my.runner' })
    const { key, run } = await parts.launch()
    run.begin()

    expect((await rowIn(parts, key, 'running')).runner).toBe('custom')
  })

  it('waits for a full disk: the slot is kept until the end is stored, and the run folder until then', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch({ args: BIG })
    run.begin()
    await rowIn(parts, key, 'running')
    const freeSpace = fillDisk(parts)
    run.end({ outputTail: 'words' })
    await vi.waitFor(() => expect(parts.log.lines.join()).toMatch(/could not be stored; trying again/), { interval: 1 })

    expect(parts.jobs.get(key)!.state).toBe('running')
    expect([parts.launcher.used, parts.runner.discarded.length]).toEqual([1, 0])
    freeSpace()
    expect(await rowIn(parts, key, 'finished')).toMatchObject({ outcome: 'finished', output_tail: 'words' })
    await freed(parts)
    expect(parts.runner.discarded).toHaveLength(1)
  })

  it('loses no start on a full disk that has space again before the end', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch({ args: BIG })
    const freeSpace = fillDisk(parts)
    run.begin({ pid: 77 })
    await vi.waitFor(() => expect(parts.log.lines.join()).toMatch(/trying again/), { interval: 1 })
    freeSpace()

    expect((await rowIn(parts, key, 'running')).pid).toBe(77)
  })
})

describe('Launcher.launchNew', () => {
  const row = () => {
    const { state: _, ...rest } = newRow({ state: 'pending', owner: 'm', owner_attempt: 1 })
    return rest
  }

  it('adds and starts a job in one step: it is never pending', async () => {
    const parts = openLauncher()
    const job = row()
    expect((await parts.launcher.launchNew(job, () => false))?.state).toBe('starting')
    await parts.runner.run(job.key)

    expect(statesOf(parts, job.key)).toEqual(['starting'])
    expect(parts.jobs.get(job.key)).toMatchObject({ owner: 'm', attempt: 1, node: 'n1' })
  })

  it('does nothing, and takes no slot, when it is refused, known or there is no slot', async () => {
    const parts = openLauncher({ maxProc: 1 })
    const [first, second] = [row(), row()]
    expect(await parts.launcher.launchNew(first, () => true)).toBeNull()
    expect(parts.launcher.used).toBe(0)
    await parts.launcher.launchNew(first, () => false)
    expect(await parts.launcher.launchNew(first, () => false)).toBeNull()
    expect(await parts.launcher.launchNew(second, () => false)).toBeNull()

    expect(parts.jobs.get(second.key)).toBeNull()
    expect(parts.launcher.used).toBe(1)
    expect(parts.runner.runs.length).toBeLessThanOrEqual(1)
  })
})

describe('Launcher.stop', () => {
  it('leaves running spiders alone, and takes nothing new', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.begin()
    await rowIn(parts, key, 'running')
    const waiting = await parts.schedule()
    await parts.launcher.stop()

    expect([run.isReleased, run.kills, run.signals.length, parts.runner.isStopped]).toEqual([true, 0, 0, true])
    expect(parts.launcher.free).toBe(0)
    expect(await parts.launcher.launch(waiting, 'news')).toBeNull()
    expect(parts.jobs.get(key)!.state).toBe('running')
  })

  it('starts no job that was still being prepared: the next daemon does', async () => {
    const code = Promise.withResolvers<typeof SOME_CODE>()
    const parts = openLauncher({ findCode: () => code.promise })
    const key = await parts.schedule()
    await parts.launcher.launch(key, 'news')
    await parts.launcher.stop()
    code.resolve(SOME_CODE)
    await code.promise
    await new Promise(setImmediate)

    expect(parts.runner.runs).toEqual([])
    expect(parts.jobs.get(key)!.state).toBe('starting')
  })

  it('keeps the run folder of a job whose end could not be stored, so that the next daemon finds it', async () => {
    const dir = temporaryFolder()
    const parts = openLauncher({ dir })
    const { key, run } = await parts.launch({ args: BIG })
    run.begin()
    await rowIn(parts, key, 'running')
    fillDisk(parts)
    run.end()
    await vi.waitFor(() => expect(parts.log.lines.join()).toMatch(/trying again/), { interval: 1 })
    await parts.launcher.stop()
    parts.close()
    expect(parts.runner.discarded).toEqual([])

    const next = openLauncher({ dir })
    expect(next.jobs.get(key)!.state).toBe('running')
  })

  it('waits for what is being stored', async () => {
    const parts = openLauncher()
    const { key, run } = await parts.launch()
    run.begin()
    await rowIn(parts, key, 'running')
    run.end()
    await new Promise<void>((resolve) => {
      queueMicrotask(resolve)
    })
    await parts.launcher.stop()

    // Either it was stored before, or it is left to the next daemon with its folder; never half.
    const isStored = parts.jobs.get(key)!.state === 'finished'
    expect(parts.runner.discarded.length === 0 || isStored).toBe(true)
  })
})

describe('Launcher.drained', () => {
  it('waits for all spiders and takes nothing new meanwhile', async () => {
    const parts = openLauncher({ maxProc: 3 })
    const [first, second] = [await parts.launch(), await parts.launch()]
    let isDrained = false
    const drained = parts.launcher.drained().then(() => {
      isDrained = true
    })
    expect(parts.launcher.free).toBe(0)
    first.run.begin()
    first.run.end()
    await rowThat(parts, first.key, (row) => row.state === 'finished')
    await freed(parts, 1)
    expect(isDrained).toBe(false)
    second.run.begin()
    second.run.end()
    await drained

    expect(parts.launcher.used).toBe(0)
  })

  it('is done at once when nothing runs', async () => {
    await expect(openLauncher().launcher.drained()).resolves.toBeUndefined()
  })
})
