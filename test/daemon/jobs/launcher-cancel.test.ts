import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { fillDisk, rowIn, rowThat } from '../../helpers/ledger-parts.ts'
import { openLauncher, SOME_CODE, type LauncherTestParts } from '../../helpers/launcher-parts.ts'
import type { ScriptedRun } from '../../helpers/scripted-runner.ts'

const TIMEOUT = 10_000

/** Stores a cancel, as JobDesk does, and passes it on. */
async function cancel(parts: LauncherTestParts, key: string, signal: NodeJS.Signals | null = null): Promise<void> {
  await storeCancel(parts, key, signal)
  await parts.launcher.cancel(key)
}

function storeCancel({ ledger }: LauncherTestParts, key: string, signal: NodeJS.Signals | null = null) {
  return ledger.change(
    key,
    (row) => row.state !== 'finished',
    (row) => ({
      cancel_requested_at: row.cancel_requested_at ?? Date.now(),
      cancelled_by: 'ann',
      cancel_signal: signal ?? row.cancel_signal,
    }),
  )
}

async function running(parts: LauncherTestParts): Promise<{ key: string; run: ScriptedRun }> {
  const { key, run } = await parts.launch()
  run.begin()
  await rowIn(parts, key, 'running')
  return { key, run }
}

const delivered = (parts: LauncherTestParts, key: string) => rowThat(parts, key, (row) => row.cancel_delivered === 1)

describe('a cancel', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: false })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it('of a running job sends INT to the spider, once', async () => {
    const parts = openLauncher()
    const { key, run } = await running(parts)
    await cancel(parts, key)
    await cancel(parts, key)
    await cancel(parts, key)
    await delivered(parts, key)

    expect(run.signals).toEqual(['SIGINT'])
    expect(run.kills).toBe(0)
    run.end({ finishReason: 'shutdown' })
    expect(await rowIn(parts, key, 'finished')).toMatchObject({ outcome: 'cancelled', cancelled_by: 'ann' })
  })

  it('kills the whole tree when the spider has not closed after cancel_timeout', async () => {
    const parts = openLauncher({ cancelTimeoutMs: TIMEOUT })
    const { key, run } = await running(parts)
    await cancel(parts, key)
    vi.advanceTimersByTime(TIMEOUT - 1)
    expect(run.kills).toBe(0)
    vi.advanceTimersByTime(1)
    expect(run.kills).toBe(1)
    vi.advanceTimersByTime(100 * TIMEOUT)
    expect(run.kills).toBe(1)

    run.end({ exitCode: null, signal: 'SIGKILL', finishReason: null })
    expect((await rowIn(parts, key, 'finished')).reason).toMatch(/did not close in time and was killed/)
  })

  it('is not answered by a kill when the spider closes in time', async () => {
    const parts = openLauncher({ cancelTimeoutMs: TIMEOUT })
    const { key, run } = await running(parts)
    await cancel(parts, key)
    run.end({ finishReason: 'shutdown' })
    await rowIn(parts, key, 'finished')
    vi.advanceTimersByTime(2 * TIMEOUT)

    expect(run.kills).toBe(0)
  })

  it('asked again does not put the kill off', async () => {
    const parts = openLauncher({ cancelTimeoutMs: TIMEOUT })
    const { key, run } = await running(parts)
    await cancel(parts, key)
    vi.advanceTimersByTime(TIMEOUT - 100)
    await cancel(parts, key)
    vi.advanceTimersByTime(100)

    expect(run.kills).toBe(1)
  })

  it('passes the signal that is asked for, once, and after INT too; INT after another is not sent', async () => {
    const parts = openLauncher({ maxProc: 5 })
    const first = await running(parts)
    await cancel(parts, first.key, 'SIGTERM')
    await cancel(parts, first.key, 'SIGTERM')
    await cancel(parts, first.key, 'SIGINT')
    expect(first.run.signals).toEqual(['SIGTERM'])

    const second = await running(parts)
    await cancel(parts, second.key)
    await cancel(parts, second.key, 'SIGTERM')
    expect(second.run.signals).toEqual(['SIGINT', 'SIGTERM'])
  })

  it('with KILL kills the tree at once, and does not wait for it', async () => {
    const parts = openLauncher()
    const { key, run } = await running(parts)
    run.kill = () => {
      run.kills++
      return new Promise(() => {})
    }
    await cancel(parts, key, 'SIGKILL')
    await delivered(parts, key)

    expect([run.kills, run.signals]).toEqual([1, []])
  })

  it('that comes while the job is prepared ends it before anything is started', async () => {
    const code = Promise.withResolvers<typeof SOME_CODE>()
    const parts = openLauncher({ findCode: () => code.promise })
    const key = await parts.schedule()
    await parts.launcher.launch(key, 'news')
    await cancel(parts, key)
    expect(parts.jobs.get(key)!.state).toBe('starting')
    code.resolve(SOME_CODE)

    expect(await rowIn(parts, key, 'finished')).toMatchObject({
      outcome: 'cancelled',
      reason: 'Cancelled by ann before it was started',
    })
    expect(parts.runner.runs).toEqual([])
    expect(parts.launcher.used).toBe(0)
  })

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'with %s that comes before the process exists reaches it once it does',
    async (signal) => {
      const parts = openLauncher()
      const { key, run } = await parts.launch()
      await cancel(parts, key, signal)
      expect(run.signals).toEqual([])
      run.begin()
      await delivered(parts, key)

      expect(run.signals).toEqual([signal])
    },
  )

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'with %s that is stored together with the start is sent once',
    async (signal) => {
      const parts = openLauncher()
      for (const isFirst of [true, false]) {
        const { key, run } = await parts.launch()
        // Both commit in one transaction, and both then want to pass the cancel on.
        if (isFirst) run.begin()
        const cancelling = cancel(parts, key, signal)
        if (!isFirst) run.begin()
        await cancelling
        await delivered(parts, key)
        expect(run.signals).toEqual([signal])
      }
    },
  )

  it('after the end changes nothing', async () => {
    const parts = openLauncher()
    const { key, run } = await running(parts)
    run.end()
    await rowIn(parts, key, 'finished')
    await parts.launcher.cancel(key)
    await parts.launcher.cancel('unknown')

    expect(run.signals).toEqual([])
  })

  it('does not wait for the disk to kill what does not close', async () => {
    const parts = openLauncher({ cancelTimeoutMs: TIMEOUT })
    const { key, run } = await parts.launch({ args: { big: 'x'.repeat(50_000) } })
    run.begin()
    await rowIn(parts, key, 'running')
    await storeCancel(parts, key)
    fillDisk(parts)
    void parts.launcher.cancel(key)
    await vi.waitFor(() => expect(parts.log.lines.join()).toMatch(/could not be stored/), { interval: 1 })
    vi.advanceTimersByTime(TIMEOUT)

    expect([run.signals, run.kills]).toEqual([['SIGINT'], 1])
  })

  it('is told of when the spider cannot be reached, and the kill still follows', async () => {
    const parts = openLauncher({ cancelTimeoutMs: TIMEOUT })
    const { key, run } = await running(parts)
    run.signal = () => Promise.reject(new Error('EPERM'))
    run.kill = () => {
      run.kills++
      return Promise.reject(new Error('EPERM'))
    }
    await cancel(parts, key)
    vi.advanceTimersByTime(TIMEOUT)
    await vi.waitFor(() => expect(parts.log.lines.join()).toMatch(/could not be killed: EPERM/), { interval: 1 })

    expect(run.kills).toBe(1)
    expect(parts.log.lines.join()).toMatch(/could not be sent SIGINT: EPERM/)
  })

  it('is left to the next daemon after a stop', async () => {
    const parts = openLauncher({ cancelTimeoutMs: TIMEOUT })
    const { key, run } = await running(parts)
    await cancel(parts, key)
    await parts.launcher.stop()
    vi.advanceTimersByTime(2 * TIMEOUT)

    expect(run.kills).toBe(0)
  })
})
