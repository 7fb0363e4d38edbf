import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Poller } from '../../../src-daemon/jobs/poller.ts'
import { fillDisk, rowIn } from '../../helpers/ledger-parts.ts'
import { openLauncher, type LauncherTestParts } from '../../helpers/launcher-parts.ts'

/** A node as createSlave wires it: commits and freed slots wake the poller. */
function openPoller(options: Parameters<typeof openLauncher>[0] & { readonly intervalMs?: number } = {}) {
  const { intervalMs = 60_000, ...rest } = options
  const parts = openLauncher(rest)
  let isPaused = false
  const poller = new Poller({ ...parts, isPaused: () => isPaused, intervalMs })
  onTestFinished(() => poller.stop())
  return {
    ...parts,
    poller,
    start() {
      parts.writer.onCommit(() => poller.wake())
      parts.launcher.onFree(() => poller.wake())
      poller.start()
    },
    setPaused: (paused: boolean) => {
      isPaused = paused
    },
  }
}

/** Plays the spiders: each begins and ends as soon as it is started; resolves to the keys in the order of their starts. */
async function runAll(parts: LauncherTestParts, count: number): Promise<readonly string[]> {
  const order: string[] = []
  while (order.length < count) {
    const run = await vi.waitUntil(() => parts.runner.runs[order.length], { interval: 1 })
    order.push(run.key)
    run.begin()
    run.end()
  }
  return order
}

describe('Poller', () => {
  it('starts a job the moment it is committed, without waiting for its timer', async () => {
    const parts = openPoller()
    parts.start()
    const key = await parts.schedule()

    expect((await parts.runner.run(key)).key).toBe(key)
  })

  it('takes jobs by priority over the whole node, then fairly between projects, then by age', async () => {
    const parts = openPoller({ maxProc: 1 })
    const add = async (project: string, priority: number) =>
      [project, await parts.schedule({ project, priority })] as const
    const keys = [
      await add('a', 0),
      await add('a', 0),
      await add('b', 0),
      await add('c', 5),
      await add('b', -1),
      await add('a', 5),
    ]
    const nameOf = new Map(keys.map(([project, key], i) => [key, `${project}${i}`]))
    parts.start()
    const order = await runAll(parts, 6)

    expect(order.map((key) => nameOf.get(key))).toEqual(['c3', 'a5', 'a0', 'a1', 'b2', 'b4'])
  })

  it('shares the slots between projects', async () => {
    const parts = openPoller({ maxProc: 4 })
    for (let i = 0; i < 10; i++) await parts.schedule({ project: 'flood' })
    for (let i = 0; i < 10; i++) await parts.schedule({ project: 'small' })
    parts.start()
    await vi.waitFor(() => expect(parts.launcher.used).toBe(4), { interval: 1 })

    expect([parts.launcher.runningOf('flood'), parts.launcher.runningOf('small')]).toEqual([2, 2])
  })

  it('fills a freed slot at once, never has more than max_proc, and runs every job once', async () => {
    const parts = openPoller({ maxProc: 3 })
    parts.start()
    const keys = await Promise.all(Array.from({ length: 40 }, (_, i) => parts.schedule({ project: `p${i % 3}` })))
    let most = 0
    parts.writer.onCommit(() => {
      const { starting, running } = parts.jobs.counts()
      most = Math.max(most, starting + running)
    })
    const order = await runAll(parts, 40)
    await vi.waitFor(() => expect(parts.jobs.counts().finished).toBe(40), { interval: 1 })

    expect(order.toSorted()).toEqual(keys.toSorted())
    expect(most).toBe(3)
    expect(parts.launcher.used).toBe(0)
  })

  it('starts nothing while the node is paused, and goes on when it is woken', async () => {
    const parts = openPoller()
    parts.setPaused(true)
    parts.start()
    const key = await parts.schedule()
    await parts.schedule()
    expect(parts.jobs.counts()).toMatchObject({ pending: 2 })

    parts.setPaused(false)
    parts.poller.wake()
    await rowIn(parts, key, 'starting')
  })

  it('goes on with the queue when a job cannot be started', async () => {
    const parts = openPoller({ maxProc: 1 })
    const bad = await parts.schedule({ spider: '../evil' })
    const good = await parts.schedule()
    parts.start()

    await rowIn(parts, bad, 'finished')
    expect((await parts.runner.run(good)).key).toBe(good)
  })

  it('tries again by its timer when the disk was full; the jobs stay pending', async () => {
    const parts = openPoller({ intervalMs: 20 })
    const key = await parts.schedule({ args: { big: 'x'.repeat(50_000) } })
    const freeSpace = fillDisk(parts)
    parts.start()
    await vi.waitFor(() => expect(parts.log.lines.join()).toMatch(/no job could be started.*full/), { interval: 1 })
    expect(parts.jobs.get(key)!.state).toBe('pending')
    expect(parts.launcher.used).toBe(0)

    freeSpace()
    await rowIn(parts, key, 'starting')
  })

  it('does not spin when a job cannot be launched although it waits', async () => {
    const parts = openPoller()
    const launch = vi.spyOn(parts.launcher, 'launch').mockResolvedValue(null)
    await parts.schedule()
    parts.start()
    await new Promise(setImmediate)
    const calls = launch.mock.calls.length
    await new Promise(setImmediate)

    expect(launch.mock.calls.length).toBe(calls)
  })

  it('starts nothing after stop, which waits for the start that is under way', async () => {
    const parts = openPoller()
    const key = await parts.schedule()
    parts.start()
    await parts.poller.stop()
    expect(parts.jobs.get(key)!.state).toBe('starting')

    const late = await parts.schedule()
    parts.poller.wake()
    await parts.schedule()
    expect(parts.jobs.get(late)!.state).toBe('pending')
  })
})
