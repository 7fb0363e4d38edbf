import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parentOf } from '../helpers/processes.ts'
import { livesProject } from '../helpers/projects.ts'
import { changeRecord, isAlive, waitForEnd } from '../helpers/runs.ts'
import { scrapyPythons } from '../helpers/scrapy-pythons.ts'
import { testPython } from '../helpers/setup-python.ts'
import { Stage } from '../helpers/stage.ts'
import { until } from '../helpers/until.ts'

// The outcomes of HTTP_API.md, row by row, each by a spider that really goes that way.

describe.each(scrapyPythons())('the outcome of a spider with Scrapy $version', ({ python }) => {
  const stage = new Stage()
  beforeAll(() => stage.open({ scrapyd: { python, max_proc: 4, cancel_timeout: 5 } }))
  afterAll(() => stage.close())

  describe.concurrent('is finished', () => {
    it('when the spider has done its work', async () => {
      expect(await stage.run('quick')).toMatchObject({
        state: 'finished',
        outcome: 'finished',
        reason: null,
        exit_code: 0,
        signal: null,
        finish_reason: 'finished',
        pages: 1,
        items: 1,
        errors: 0,
      })
    })

    it('when errors were logged, but there are items', async () => {
      expect(await stage.run('errors_and_items')).toMatchObject({ outcome: 'finished', items: 1, errors: 1 })
    })

    it('when errors were logged, but there are pages', async () => {
      expect(await stage.run('errors_and_pages')).toMatchObject({ outcome: 'finished', pages: 1, items: 0, errors: 1 })
    })

    it('when there was nothing to do', async () => {
      expect(await stage.run('nothing_at_all')).toMatchObject({ outcome: 'finished', reason: null, errors: 0 })
    })

    it('when the spider closed itself for a reason of its own', async () => {
      expect(await stage.run('had_enough')).toMatchObject({ outcome: 'finished', finish_reason: 'had_enough' })
    })

    it('when it was cancelled, but finished by itself all the same', async () => {
      const { id } = await stage.started('own_way')
      expect(await stage.cancel(id)).toBe('running')
      expect(await stage.daemon.ended(id)).toMatchObject({
        outcome: 'finished',
        finish_reason: 'finished',
        exit_code: 0,
        cancel_requested_at: expect.any(String),
      })
    })
  })

  describe.concurrent('is failed', () => {
    it('when the exit status is not 0', async () => {
      expect(await stage.run('leaves')).toMatchObject({
        outcome: 'failed',
        exit_code: 7,
        signal: null,
        reason: 'Exit code 7: leaving with 7',
      })
    })

    it('when a signal that we did not send has ended it', async () => {
      const { id, pid } = await stage.started('long')
      process.kill(pid, 'SIGKILL')
      expect(await stage.daemon.ended(id)).toMatchObject({
        outcome: 'failed',
        exit_code: null,
        signal: 'SIGKILL',
        reason: 'Ended by SIGKILL, not sent by us (out of memory?)',
      })
    })

    it('when it crashed', async () => {
      expect(await stage.run('crashes')).toMatchObject({ outcome: 'failed', exit_code: null, signal: 'SIGSEGV' })
    })

    it('when somebody else has shut it down', async () => {
      const { id, pid } = await stage.started('long')
      process.kill(pid, 'SIGINT')
      expect(await stage.daemon.ended(id)).toMatchObject({
        outcome: 'failed',
        exit_code: 0,
        finish_reason: 'shutdown',
        reason: 'Stopped by a signal that was not sent by us (finish_reason: shutdown)',
      })
    })

    it('when there is an error, and neither page nor item', async () => {
      const job = await stage.run('only_errors')
      expect(job).toMatchObject({ outcome: 'failed', exit_code: 0, pages: 0, items: 0 })
      expect(job.reason).toMatch(/^\d errors? logged, no response and no item: .*nowhere/)
    })

    it.each(['raises_at_start', 'raises_at_init'])('when the spider %s', async (spider) => {
      const job = await stage.run(spider)
      expect(job.outcome).toBe('failed')
      expect(job.reason).toContain(`ValueError: ${spider.replace('raises_at_', 'raised at ')}`)
    })
  })

  describe.concurrent('is cancelled', () => {
    it('when the spider closed because of it', async () => {
      const { id, target } = await stage.started('long')
      expect(await stage.cancel(id)).toBe('running')
      const job = await stage.daemon.ended(id)
      expect(job).toMatchObject({ outcome: 'cancelled', finish_reason: 'shutdown', exit_code: 0, signal: null })
      expect(job.reason).toMatch(/^Cancelled after \d+ s$/)
      expect(readFileSync(target, 'utf8')).toContain('closed: shutdown')
      expect(await stage.cancel(id)).toBe(null)
    })

    it('when the spider did not listen, and was killed with all that it had started', async () => {
      const { id, told } = await stage.started('deaf_with_tree', {}, 6)
      const pids = told.map(Number)
      expect(pids.every(isAlive)).toBe(true)
      await stage.cancel(id)
      const job = await stage.daemon.ended(id)
      expect(job).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' })
      expect(job.reason).toMatch(/^Cancelled after \d+ s; it did not close in time and was killed$/)
      expect(pids.filter(isAlive)).toEqual([])
    })

    it('at once, when it was cancelled by KILL', async () => {
      const { id, pid } = await stage.started('deaf')
      await stage.cancel(id, { signal: 'KILL' })
      const job = await stage.daemon.ended(id)
      expect(job).toMatchObject({ outcome: 'cancelled', signal: 'SIGKILL' })
      // It was not given time to close.
      expect(job.reason).toMatch(/^Cancelled after \d+ s$/)
      expect(isAlive(pid)).toBe(false)
    })

    it('when the signal of the cancel is another one', async () => {
      const { id } = await stage.started('long')
      await stage.cancel(id, { signal: '15' })
      expect(await stage.daemon.ended(id)).toMatchObject({ outcome: 'cancelled', finish_reason: 'shutdown' })
    })
  })
})

describe('the outcome of a job', () => {
  const stage = new Stage()
  const python = testPython()
  const moved = stage.workshop.copyOf(livesProject)
  const gone = stage.workshop.interpreter(python, '')
  const gate = stage.workshop.path('gate')
  // The list comes at once; a job waits at the gate before its interpreter starts.
  const gated = stage.workshop.interpreter(python, `[ "$2" = crawl ] && while [ ! -e '${gate}' ]; do sleep 0.02; done`)

  beforeAll(async () => {
    await stage.open({ projects: { gone: livesProject, gated: livesProject }, python: { gone, gated } })
    // A folder that is named in the configuration has to be there when the daemon starts; one that was added has not.
    await stage.daemon.client.webservice('addproject', { project: 'moved', path: moved })
  })
  afterAll(() => stage.close())

  describe('is failed, when it could not be started', () => {
    async function whilePaused(project: string, change: () => void) {
      await stage.pause()
      const id = await stage.daemon.schedule(project, 'quick')
      change()
      await stage.resume()
      return stage.daemon.ended(id)
    }

    it('because its interpreter is gone', async () => {
      expect(await whilePaused('gone', () => rmSync(gone))).toMatchObject({
        outcome: 'failed',
        reason: expect.stringContaining(`the interpreter ${gone} was not found`),
        pid: null,
        started_at: null,
        log_url: null,
      })
    })

    it('because its folder is gone', async () => {
      const job = await whilePaused('moved', () => rmSync(moved, { recursive: true }))
      expect(job).toMatchObject({ outcome: 'failed', pid: null, started_at: null })
      expect(job.reason).toBe(`project 'moved' cannot be used: the folder ${moved} does not exist`)
    })

    it('and gives its slot back', async () => {
      expect(await stage.daemon.client.call('getNode')).toMatchObject({ running: 0, pending: 0 })
      expect(await stage.run('quick')).toMatchObject({ outcome: 'finished' })
    })
  })

  describe('is cancelled', () => {
    it('when a cancel came while it was waiting', async () => {
      await stage.pause()
      const id = await stage.daemon.schedule('lives', 'quick')
      expect(await stage.cancel(id)).toBe('pending')
      expect(await stage.cancel(id)).toBe(null)
      await stage.resume()
      expect(await stage.daemon.ended(id)).toMatchObject({
        outcome: 'cancelled',
        reason: 'Cancelled before it was started',
        started_at: null,
        pid: null,
        exit_code: null,
      })
    })

    it('when a cancel came while its interpreter was starting', async () => {
      const id = await stage.daemon.schedule('gated', 'long')
      await until('it is being started', async () => (await stage.daemon.job(id)).state === 'starting')
      expect(await stage.cancel(id, { project: 'gated' })).toBe('pending')
      stage.workshop.touch(gate)
      expect(await stage.daemon.ended(id)).toMatchObject({ outcome: 'cancelled', finish_reason: null })
    })
  })

  describe('when the daemon was not there', () => {
    it('is failed, status unknown, when spider and supervisor were killed', async () => {
      const { id, pid } = await stage.started('long')
      const supervisor = parentOf(pid)
      await stage.daemon.kill9()
      process.kill(supervisor, 'SIGKILL')
      process.kill(pid, 'SIGKILL')
      await Promise.all([waitForEnd(pid), waitForEnd(supervisor)])
      await stage.daemon.startAgain()
      expect(await stage.daemon.ended(id)).toMatchObject({
        outcome: 'failed',
        exit_code: null,
        signal: null,
        reason: expect.stringMatching(/^Killed, status unknown/),
      })
    })

    it('is lost, when the machine was restarted', async () => {
      const { id, key, pid } = await stage.started('long')
      const supervisor = parentOf(pid)
      const { attempt } = await stage.daemon.job(id)
      await stage.daemon.kill9()
      process.kill(supervisor, 'SIGKILL')
      process.kill(pid, 'SIGKILL')
      await Promise.all([waitForEnd(pid), waitForEnd(supervisor)])
      changeRecord(join(stage.daemon.dbsDir, 'runs', `${key}.${attempt}`), 'start', { bootId: 'the boot before' })
      await stage.daemon.startAgain()
      expect(await stage.daemon.ended(id)).toMatchObject({
        outcome: 'lost',
        reason: 'The machine was restarted while the spider ran',
      })
    })

    it('is what the spider wrote itself, when only its supervisor was killed', async () => {
      const { id, pid } = await stage.started('own_way')
      const supervisor = parentOf(pid)
      process.kill(supervisor, 'SIGKILL')
      await waitForEnd(supervisor)
      expect((await stage.daemon.job(id)).state).toBe('running')
      process.kill(pid, 'SIGUSR1')
      expect(await stage.daemon.ended(id)).toMatchObject({
        outcome: 'finished',
        finish_reason: 'finished',
        exit_code: null,
      })
    })
  })
})
