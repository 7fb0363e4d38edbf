import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { crashRun } from '../helpers/crash-run.ts'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { parentOf } from '../helpers/processes.ts'
import { livesProject } from '../helpers/projects.ts'
import { isAlive, waitForEnd } from '../helpers/runs.ts'
import { Stage } from '../helpers/stage.ts'
import { until } from '../helpers/until.ts'

const nothing = { lost: [], twice: [], never: [], wrong: [], stuck: [], crowded: [] }

describe('kill -9 at random moments under load', () => {
  it('of a slave loses no job, runs none twice, and tells every exit code right', async () => {
    const found = await crashRun({ identity: 'slave', kills: 10, jobs: 30, killsSpiders: false })
    expect(found).toEqual({ ...nothing, runs: 30 })
  })

  it('of a slave, of supervisors and of spiders loses no job, runs none twice, leaves none stuck', async () => {
    const found = await crashRun({ identity: 'slave', kills: 4, jobs: 12, killsSpiders: true })
    expect(found).toEqual({ ...nothing, runs: expect.any(Number) })
  })
})

describe('a daemon that goes away', () => {
  const stage = new Stage()
  beforeAll(() => stage.open({ scrapyd: { max_proc: 2 } }))
  afterAll(() => stage.close())
  afterEach(async () => {
    for (const { id } of (await stage.daemon.listJobs()).running) await stage.cancel(id, { signal: 'KILL' })
    await until('nothing runs', async () => (await stage.daemon.listJobs()).running.length === 0)
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
    'by %s leaves its spiders running for the next one',
    async (how) => {
      const { daemon } = stage
      const { id, pid, key } = await stage.started('long')
      const pending = await Promise.all([
        daemon.schedule('lives', 'long', { until: stage.workshop.folder }),
        daemon.schedule('lives', 'nothing_at_all'),
      ])
      const ended = await daemon.stop(how)
      expect(ended).toMatchObject(how === 'SIGKILL' ? { signal: 'SIGKILL' } : { code: 0, signal: null })
      expect(isAlive(pid)).toBe(true)

      await daemon.startAgain()
      const { running } = await daemon.listJobs()
      expect(running).toContainEqual(expect.objectContaining({ id, pid }))
      // It counts against max_proc: only one of the others can run at a time.
      expect((await daemon.client.call('getNode')).max_proc).toBe(2)
      await Promise.all(pending.map((one) => daemon.ended(one)))
      expect(await daemon.client.call('getNode')).toMatchObject({ running: 1 })
      expect(isAlive(pid)).toBe(true)

      expect(await stage.cancel(id)).toBe('running')
      expect(await daemon.ended(id)).toMatchObject({
        key,
        outcome: 'cancelled',
        finish_reason: 'shutdown',
        exit_code: 0,
        pid,
        attempt: 1,
      })
      expect(isAlive(pid)).toBe(false)
    },
  )

  it('lets adopted spiders take their slots, and no more', async () => {
    const { daemon } = stage
    const first = await stage.started('long')
    const second = await stage.started('long')
    const third = await daemon.schedule('lives', 'nothing_at_all')
    await daemon.kill9()
    await daemon.startAgain()
    expect((await daemon.listJobs()).running.map(({ pid }) => pid)).toEqual([first.pid, second.pid])
    expect((await daemon.job(third)).state).toBe('pending')
    expect((await daemon.job(third)).reason).toContain('slot')
    await stage.cancel(first.id)
    expect(await daemon.ended(third)).toMatchObject({ outcome: 'finished' })
  })

  it('learns the real end of those that ended while it was down', async () => {
    const { daemon } = stage
    const gate = stage.workshop.path('gate')
    const { id, pid } = await stage.started('long', { until: gate, code: '42' })
    const other = await stage.started('long', { until: gate })
    await daemon.kill9()
    const supervisors = [pid, other.pid].map(parentOf)
    stage.workshop.touch(gate)
    await Promise.all(supervisors.map(waitForEnd))
    const downUntil = Date.now()
    await daemon.startAgain()
    const job = await daemon.ended(id)
    expect(job).toMatchObject({
      outcome: 'failed',
      exit_code: 42,
      finish_reason: 'finished',
      reason: expect.stringMatching(/^Exit code 42/),
    })
    expect(Date.parse(String(job.ended_at))).toBeLessThanOrEqual(downUntil)
    expect(Date.parse(String(job.ended_at))).toBeGreaterThan(Date.parse(String(job.started_at)))
    expect(await daemon.ended(other.id)).toMatchObject({ outcome: 'finished', exit_code: 0 })
  })

  it('delivers a cancel that was stored before the crash', async () => {
    const { daemon } = stage
    const { id, pid } = await stage.started('deaf')
    expect(await stage.cancel(id)).toBe('running')
    await daemon.kill9()
    daemon.configure({ scrapyd: { cancel_timeout: 1 } })
    await daemon.startAgain()
    expect(await daemon.ended(id)).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' })
    expect(isAlive(pid)).toBe(false)
  })

  it('shows a job to the event stream without gaps over a restart', async () => {
    const { daemon } = stage
    const id = await daemon.schedule('lives', 'nothing_at_all')
    await daemon.ended(id)
    const collect = async (cursor: string) => {
      const stop = new AbortController()
      const numbers: number[] = []
      let feed = ''
      for await (const event of daemon.client.openEvents({ cursor, signal: stop.signal })) {
        if (event.type === 'reset') throw new Error(event.reason)
        if (event.type === 'hello') feed = event.feed
        if ('seq' in event) {
          numbers.push(event.seq)
          if (event.type === 'job' && event.job.id === id && event.job.state === 'finished') stop.abort()
        }
      }
      return { feed, numbers }
    }
    const { feed } = await daemon.client.call('getNode')
    const before = await collect(`${feed}:0`)
    expect(before.numbers).toEqual(before.numbers.map((_, index) => index + 1))
    await daemon.kill9()
    await daemon.startAgain()
    const after = await collect(`${feed}:0`)
    expect(after).toEqual(before)
  })

  it('is not joined by a second one on the same dbs_dir, which names its pid', async () => {
    const { daemon } = stage
    const second = await daemon.spawn().ended
    expect(second).toMatchObject({ code: 75, stdout: '' })
    expect(second.stderr).toContain(`${daemon.dbsDir} is in use by the scrapyd-service with pid ${daemon.pid}`)
    expect(second.stderr).not.toContain('    at ')
    expect((await daemon.get('/healthz')).status).toBe(200)
    expect(readFileSync(join(daemon.dbsDir, 'scrapyd_service.pid'), 'utf8').trim()).toBe(String(daemon.pid))
  })
})

describe('a daemon with --drain', () => {
  it('takes nothing new, and ends when its spiders have ended', async () => {
    const stage = new Stage()
    try {
      await stage.open({ args: ['--drain'] })
      const gate = stage.workshop.path('gate')
      const { id, pid } = await stage.started('long', { until: gate, code: '3' })
      const ended = stage.daemon.stop()
      await until('it says that it waits', () => stage.daemon.logs.includes('waiting for the running spiders'))
      // It still answers, and keeps what comes for later.
      const later = await stage.daemon.schedule('lives', 'nothing_at_all')
      expect((await stage.daemon.job(later)).state).toBe('pending')
      expect(isAlive(pid)).toBe(true)
      stage.workshop.touch(gate)
      expect(await ended).toMatchObject({ code: 0 })
      expect(isAlive(pid)).toBe(false)
      await stage.daemon.startAgain()
      expect(await stage.daemon.job(id)).toMatchObject({ state: 'finished', exit_code: 3 })
      expect(await stage.daemon.ended(later)).toMatchObject({ outcome: 'finished' })
    } finally {
      await stage.close()
    }
  })

  it('ends at once when it is told again, and leaves the spiders to the next one', async () => {
    const daemon = await DaemonProcess.start({ projects: { lives: livesProject }, args: ['--drain'] })
    try {
      const id = await daemon.schedule('lives', 'long')
      const { pid } = await daemon.running(id)
      const [first, second] = [daemon.stop('SIGINT'), daemon.stop('SIGINT')]
      await until('it says that it waits', () => daemon.logs.includes('waiting for the running spiders'))
      // A signal that is repeated at once is one (a shell sends it to the whole group); patience ends later.
      const third = await until('it ends', async () => {
        const ended = daemon.stop('SIGTERM')
        return !daemon.isRunning && ended
      })
      expect(third).toMatchObject({ code: 143, stderr: expect.stringContaining('SIGTERM again: stopping at once') })
      expect(await Promise.all([first, second])).toEqual([third, third])
      await daemon.startAgain()
      expect(await daemon.running(id)).toMatchObject({ pid })
    } finally {
      await daemon.remove()
    }
  })
})
