import { afterEach, describe, expect, it, vi } from 'vitest'
import { fillDisk, newRow, rowIn, rowThat } from '../../helpers/ledger-parts.ts'
import { openLauncher, type LauncherTestParts } from '../../helpers/launcher-parts.ts'
import { endRecord } from '../../helpers/scripted-runner.ts'

/** A job that an earlier daemon held, in that state. */
function left(parts: LauncherTestParts, row: Parameters<typeof newRow>[0]): string {
  const job = newRow({ node_id: 'local', node: 'n1', attempt: 1, token: 'secret', ...row })
  parts.jobs.insert(job)
  return job.key
}

const freed = (parts: LauncherTestParts) => vi.waitFor(() => expect(parts.launcher.used).toBe(0), { interval: 1 })

describe('Launcher.adopt', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('follows a spider that runs on: it keeps its slot, can be cancelled, and ends with its own outcome', async () => {
    const parts = openLauncher()
    const key = left(parts, { state: 'running', pid: 42, started_at: 1_000, created_at: 900 })
    parts.runner.left.set(key, 'running')
    await parts.launcher.adopt()
    const run = await parts.runner.run(key)
    run.begin({ pid: 42, startedAt: 1_000 })

    expect([parts.launcher.used, parts.launcher.free, parts.launcher.runningOf('news')]).toEqual([1, 1, 1])
    await parts.ledger.change(
      key,
      () => true,
      () => ({ cancel_requested_at: 5 }),
    )
    await parts.launcher.cancel(key)
    expect(run.signals).toEqual(['SIGINT'])
    run.end({ finishReason: 'shutdown' })
    expect((await rowIn(parts, key, 'finished')).outcome).toBe('cancelled')
    await freed(parts)
  })

  it('learns of a start that the earlier daemon had not stored', async () => {
    const parts = openLauncher()
    const key = left(parts, { state: 'starting' })
    parts.runner.left.set(key, 'running')
    await parts.launcher.adopt()
    ;(await parts.runner.run(key)).begin({ pid: 55, startedAt: 2_000 })

    expect(await rowIn(parts, key, 'running')).toMatchObject({ pid: 55, started_at: 2_000 })
  })

  it.each([
    [
      'its real exit code',
      endRecord({ exitCode: 3, endedAt: 5_000, startedAt: 2_000 }),
      { outcome: 'failed', exit_code: 3, ended_at: 5_000 },
    ],
    ['its good end', endRecord({ endedAt: 5_000, startedAt: 2_000 }), { outcome: 'finished', ended_at: 5_000 }],
    ['that nobody saw it go', endRecord({ seen: 'gone', exitCode: null, finishReason: null }), { outcome: 'failed' }],
    [
      'that the machine went down',
      endRecord({ seen: 'rebooted', exitCode: null, finishReason: null }),
      { outcome: 'lost' },
    ],
  ])('gives a job that ended meanwhile %s', async (_what, record, expected) => {
    const parts = openLauncher()
    const key = left(parts, { state: 'running', created_at: 1_000, started_at: 2_000 })
    parts.runner.left.set(key, record)
    await parts.launcher.adopt()

    expect(await rowIn(parts, key, 'finished')).toMatchObject(expected)
    await freed(parts)
    expect(parts.runner.discarded).toHaveLength(1)
  })

  it('starts a job again that never claimed its folder, as the same attempt', async () => {
    const parts = openLauncher()
    const key = left(parts, { state: 'starting', attempt: 3 })
    await parts.launcher.adopt()
    const run = await parts.runner.run(key)

    expect(run.spec).toMatchObject({ attempt: 3, token: 'secret' })
    expect(parts.launcher.used).toBe(1)
    run.begin()
    run.end()
    expect((await rowIn(parts, key, 'finished')).outcome).toBe('finished')
  })

  it('does not start it when it was cancelled meanwhile', async () => {
    const parts = openLauncher()
    const key = left(parts, { state: 'starting', cancel_requested_at: 5, cancelled_by: 'ann' })
    await parts.launcher.adopt()

    expect(await rowIn(parts, key, 'finished')).toMatchObject({
      outcome: 'cancelled',
      reason: 'Cancelled by ann before it was started',
    })
    expect(parts.runner.runs).toEqual([])
    await freed(parts)
  })

  it.each([
    ['delivers a cancel that was stored only', { cancel_delivered: 0, cancel_signal: null }, ['SIGINT']],
    ['delivers the signal of the cancel', { cancel_delivered: 0, cancel_signal: 'SIGTERM' }, ['SIGTERM']],
    ['sends no second INT', { cancel_delivered: 1, cancel_signal: null }, []],
    ['sends no second TERM', { cancel_delivered: 1, cancel_signal: 'SIGTERM' }, []],
  ])('%s, and kills after cancel_timeout', async (_what, row, signals) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const parts = openLauncher({ cancelTimeoutMs: 10_000 })
    const key = left(parts, { state: 'running', cancel_requested_at: 5, ...row })
    parts.runner.left.set(key, 'running')
    await parts.launcher.adopt()
    const run = await parts.runner.run(key)
    run.begin({ pid: 42 })
    await rowThat(parts, key, (now) => now.cancel_delivered === 1)

    expect(run.signals).toEqual(signals)
    vi.advanceTimersByTime(10_000)
    expect(run.kills).toBe(1)
  })

  it('counts more running jobs than slots, and frees none before it has room', async () => {
    const parts = openLauncher({ maxProc: 1 })
    const keys = [1, 2, 3].map(() => left(parts, { state: 'running' }))
    for (const key of keys) parts.runner.left.set(key, 'running')
    await parts.launcher.adopt()
    expect([parts.launcher.used, parts.launcher.free]).toEqual([3, 0])

    for (const key of keys.slice(1)) (await parts.runner.run(key)).end()
    await vi.waitFor(() => expect(parts.launcher.used).toBe(1), { interval: 1 })
    expect(parts.launcher.free).toBe(0)
  })

  it('fails a job that cannot be looked at, with the reason, and goes on with the others', async () => {
    const parts = openLauncher()
    const [bad, good] = [left(parts, { state: 'running' }), left(parts, { state: 'running' })]
    parts.runner.left.set(bad, new Error('EACCES'))
    parts.runner.left.set(good, endRecord())
    await parts.launcher.adopt()

    expect((await rowIn(parts, bad, 'finished')).reason).toMatch(/Could not be taken over after a restart: EACCES/)
    expect((await rowIn(parts, good, 'finished')).outcome).toBe('finished')
    await freed(parts)
  })

  it('leaves alone what waits, what ended, and what another node holds', async () => {
    const parts = openLauncher()
    left(parts, { state: 'pending', node_id: null })
    left(parts, { state: 'finished' })
    left(parts, { state: 'running', node_id: 'other' })
    await parts.launcher.adopt()

    expect(parts.launcher.used).toBe(0)
    expect(parts.jobs.counts()).toMatchObject({ pending: 1, running: 1, finished: 1 })
  })

  it('does not make the daemon wait for a full disk or a slow list of spiders', async () => {
    const parts = openLauncher({ findCode: () => new Promise(() => {}) })
    const ended = left(parts, { state: 'running', args: JSON.stringify({ big: 'x'.repeat(50_000) }) })
    parts.runner.left.set(ended, endRecord())
    left(parts, { state: 'starting' })
    const freeSpace = fillDisk(parts)
    await parts.launcher.adopt()
    expect(parts.launcher.used).toBe(2)

    freeSpace()
    await rowIn(parts, ended, 'finished')
  })
})
