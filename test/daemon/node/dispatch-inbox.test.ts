import { describe, expect, it } from 'vitest'
import { dispatchReply, type DispatchRequest } from '../../../src-daemon/api/contract/endpoints.ts'
import {
  ProjectNotFoundError,
  RunnerError,
  SpiderNotFoundError,
  VersionNotFoundError,
} from '../../../src-daemon/errors.ts'
import { JobDesk, type Reach } from '../../../src-daemon/jobs/job-desk.ts'
import { DispatchInbox } from '../../../src-daemon/node/dispatch-inbox.ts'
import { Owner } from '../../../src-daemon/node/owner.ts'
import { newKey } from '../../../src-daemon/storage/key.ts'
import { anyUrl, fillDisk, rowIn } from '../../helpers/ledger-parts.ts'
import { openLauncher } from '../../helpers/launcher-parts.ts'

const MASTER = { instance: 'master-1', node_name: 'm1' }
const OTHER = { instance: 'master-2', node_name: 'm2' }

function request(changes: Partial<DispatchRequest> = {}, job: Partial<DispatchRequest['job']> = {}): DispatchRequest {
  return {
    owner: MASTER,
    attempt: 1,
    expires_at: null,
    takeover: false,
    ...changes,
    job: {
      id: 'daily',
      project: 'news',
      spider: 'herald',
      priority: 2,
      args: { tag: 'a' },
      settings: { LOG_LEVEL: 'INFO' },
      version: null,
      scheduled_by: 'ann',
      created_at: '2026-07-08T09:10:11.123Z',
      ...job,
    },
  }
}

/** The inbox of a slave with two slots. `list` is what stands between a request and its spider. */
function openInbox(list: (project: string, spider: string) => Promise<void> = () => Promise.resolve()) {
  const parts = openLauncher()
  const owner = new Owner(parts.meta, parts.writer)
  let isPaused = false
  const reach = {
    requireSpider: list,
    requireProject: () => {},
    requireNode: (name) => name,
    passCancel: () => Promise.resolve(),
    whyPending: () => null,
  } satisfies Reach
  const desk = new JobDesk({ ...parts, reach, fileUrl: anyUrl, nodeName: 'n1', finishedToKeep: 9, logsDir: '/l' })
  const inbox = new DispatchInbox({ ...parts, owner, desk, reach, isPaused: () => isPaused })
  return {
    ...parts,
    owner,
    inbox,
    key: newKey(),
    setPaused: (paused: boolean) => {
      isPaused = paused
    },
  }
}

/** A list of spiders that is ready when the test says so. */
function slowly() {
  const ready = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  return {
    ready: ready.resolve,
    asked: asked.promise,
    list: () => {
      asked.resolve()
      return ready.promise
    },
  }
}

describe('DispatchInbox.put', () => {
  it('accepts a job, which is started at once and never waits', async () => {
    const { inbox, key, jobs, runner, events } = openInbox()
    const reply = dispatchReply.parse(await inbox.put(key, request()))

    expect(reply).toMatchObject({
      answer: 'accepted',
      reason: null,
      job: {
        key,
        id: 'daily',
        state: 'starting',
        created_at: '2026-07-08T09:10:11.123Z',
        priority: 2,
        scheduled_by: 'ann',
      },
    })
    expect(jobs.get(key)).toMatchObject({ owner: 'master-1', owner_attempt: 1, attempt: 1, node: 'n1' })
    expect(events.head()).toBe(1)
    expect((await runner.run(key)).spec).toMatchObject({
      jobId: 'daily',
      args: { tag: 'a' },
      settings: { LOG_LEVEL: 'INFO' },
    })
  })

  it('answers a repeated request with the state of the job, to its end and after it', async () => {
    const parts = openInbox()
    const { inbox, key } = parts
    await inbox.put(key, request())
    const run = await parts.runner.run(key)
    expect(await inbox.put(key, request())).toMatchObject({ answer: 'already', job: { state: 'starting' } })
    run.begin()
    await rowIn(parts, key, 'running')
    expect(await inbox.put(key, request({ attempt: 2 }))).toMatchObject({
      answer: 'already',
      job: { state: 'running' },
    })
    run.end()
    await rowIn(parts, key, 'finished')
    // Neither a pause nor an expiry changes what has happened.
    parts.setPaused(true)
    expect(await inbox.put(key, request({ expires_at: '2020-01-01T00:00:00Z' }))).toMatchObject({
      answer: 'already',
      job: { state: 'finished', outcome: 'finished' },
    })
    expect(parts.runner.runs).toHaveLength(1)
  })

  it('lets a request that is repeated meanwhile wait for the first: it is never told busy', async () => {
    const { list, asked, ready } = slowly()
    const { inbox, key, runner, jobs } = openInbox(list)
    const answers = [inbox.put(key, request()), inbox.put(key, request()), inbox.put(key, request({ attempt: 2 }))]
    await asked
    ready()

    expect((await Promise.all(answers)).map(({ answer }) => answer)).toEqual(['accepted', 'already', 'already'])
    await runner.run(key)
    expect(runner.runs).toHaveLength(1)
    expect(jobs.counts().starting).toBe(1)
  })

  it('lets the second try when the first has failed', async () => {
    let calls = 0
    const { inbox, key } = openInbox(async () => {
      if (++calls === 1) throw new TypeError('surprise')
    })
    const [first, second] = await Promise.allSettled([inbox.put(key, request()), inbox.put(key, request())])

    expect(first).toMatchObject({ status: 'rejected', reason: { message: 'surprise' } })
    expect(second).toMatchObject({ status: 'fulfilled', value: { answer: 'accepted' } })
  })

  it('is busy when all slots are in use, also when they are taken meanwhile', async () => {
    const { inbox, launcher, jobs, runner } = openInbox()
    const keys = [newKey(), newKey(), newKey(), newKey()]
    const replies = await Promise.all(keys.map((key, i) => inbox.put(key, request({}, { id: `j${i}` }))))

    expect(replies.map(({ answer }) => answer)).toEqual(['accepted', 'accepted', 'busy', 'busy'])
    expect(replies[2]).toMatchObject({ job: null, reason: 'All 2 slots of this node are in use' })
    expect([launcher.used, jobs.counts().starting]).toEqual([2, 2])
    expect(inbox.get(keys[2]!)).toEqual({ known: false, revoked: false, job: null })

    // A node that said no may be asked again.
    const run = await runner.run(keys[0]!)
    run.begin()
    run.end()
    await rowIn({ jobs }, keys[0]!, 'finished')
    expect((await inbox.put(keys[2]!, request({ attempt: 2 }))).answer).toBe('accepted')
  })

  it('is busy while it is paused, also when that happens while the spiders are listed', async () => {
    const { list, asked, ready } = slowly()
    const { inbox, key, jobs, setPaused, launcher } = openInbox(list)
    setPaused(true)
    expect(await inbox.put(key, request())).toEqual({ answer: 'busy', job: null, reason: 'This node is paused' })
    setPaused(false)
    const answer = inbox.put(key, request())
    await asked
    setPaused(true)
    ready()

    expect((await answer).answer).toBe('busy')
    expect([jobs.get(key), launcher.used]).toEqual([null, 0])
  })

  it.each([
    ['no-project', new ProjectNotFoundError('news')],
    ['no-spider', new SpiderNotFoundError('herald')],
    ['unstartable', new VersionNotFoundError('abc')],
    ['unstartable', new RunnerError('python is missing')],
  ])('answers %s with the reason', async (answer, error) => {
    const { inbox, key, jobs, launcher } = openInbox(() => Promise.reject(error))

    expect(await inbox.put(key, request())).toEqual({ answer, job: null, reason: error.message })
    expect([jobs.get(key), launcher.used]).toEqual([null, 0])
  })

  it('says nothing of the job where something unexpected is wrong', async () => {
    const { inbox, key } = openInbox(async () => {
      throw new TypeError('surprise')
    })

    await expect(inbox.put(key, request())).rejects.toThrow('surprise')
  })

  it('is busy when it cannot store the job: it may go elsewhere', async () => {
    const parts = openInbox()
    const { inbox, key, owner, launcher, runner } = parts
    await owner.claim(MASTER, false)
    const freeSpace = fillDisk(parts)
    const big = request({}, { args: { big: 'x'.repeat(50_000) } })

    const reply = await inbox.put(key, big)
    expect(reply).toMatchObject({ answer: 'busy', job: null })
    expect(reply.reason).toMatch(/disk .* is full/)
    expect([launcher.used, inbox.get(key).known, runner.runs]).toEqual([0, false, []])
    freeSpace()
    expect((await inbox.put(key, big)).answer).toBe('accepted')
  })

  it('refuses a request that lay in a buffer for too long, by its own clock', async () => {
    const { list, asked, ready } = slowly()
    const { inbox, key, jobs } = openInbox(list)
    const past = new Date(Date.now() - 1_000).toISOString()
    expect(await inbox.put(key, request({ expires_at: past }))).toMatchObject({ answer: 'expired', job: null })

    const soon = new Date(Date.now() + 30).toISOString()
    const answer = inbox.put(key, request({ expires_at: soon }))
    await asked
    while (Date.now() <= Date.parse(soon)) await new Promise(setImmediate)
    ready()
    expect((await answer).answer).toBe('expired')
    expect(jobs.get(key)).toBeNull()

    const later = new Date(Date.now() + 60_000).toISOString()
    expect((await inbox.put(key, request({ expires_at: later }))).answer).toBe('accepted')
  })
})

describe('DispatchInbox.revoke', () => {
  it('before the request: it is refused, a newer attempt is not', async () => {
    const { inbox, key } = openInbox()
    expect(await inbox.revoke(key, 1)).toEqual({ revoked: true, job: null })
    expect(inbox.get(key)).toEqual({ known: false, revoked: true, job: null })

    expect(await inbox.put(key, request())).toMatchObject({ answer: 'revoked', job: null })
    expect((await inbox.put(key, request({ attempt: 2 }))).answer).toBe('accepted')
    expect(inbox.get(key)).toMatchObject({ known: true, revoked: false, job: { state: 'starting' } })
  })

  it('after the job was accepted: the job is told instead', async () => {
    const { inbox, key } = openInbox()
    await inbox.put(key, request())

    expect(await inbox.revoke(key, 1)).toMatchObject({ revoked: false, job: { key, state: 'starting' } })
    expect((await inbox.put(key, request())).answer).toBe('already')
  })

  it('while the spiders are listed: nothing is started', async () => {
    const { list, asked, ready } = slowly()
    const { inbox, key, jobs, launcher } = openInbox(list)
    const answer = inbox.put(key, request())
    await asked
    expect((await inbox.revoke(key, 1)).revoked).toBe(true)
    ready()

    expect((await answer).answer).toBe('revoked')
    expect([jobs.get(key), launcher.used]).toEqual([null, 0])
  })

  it.each([0, 1, 2, 3, 4, 5, 6, 8, 10])(
    'meets the commit after %d turns: either revoked or accepted, the same on both sides',
    async (turns) => {
      const { inbox, key, owner, jobs, launcher, runner } = openInbox()
      await owner.claim(MASTER, false)
      const putting = inbox.put(key, request())
      for (let i = 0; i < turns; i++) await Promise.resolve()
      const [put, revoke] = await Promise.all([putting, inbox.revoke(key, 1)])

      expect([put.answer, revoke.revoked]).toEqual(jobs.get(key) === null ? ['revoked', true] : ['accepted', false])
      expect(launcher.used).toBe(jobs.get(key) === null ? 0 : 1)
      expect(runner.runs.length).toBeLessThanOrEqual(launcher.used)
    },
  )

  it('is remembered over a restart', async () => {
    const first = openInbox()
    await first.inbox.revoke(first.key, 3)
    first.close()
    const { revocations } = openLauncher({ dir: first.dir })

    expect(revocations.attempt(first.key)).toBe(3)
  })
})

describe('the owner of a slave', () => {
  it('is the first master that dispatches; another one is refused by name', async () => {
    const { inbox, key, owner, jobs } = openInbox()
    await inbox.put(key, request())
    const reply = dispatchReply.parse(await inbox.put(newKey(), request({ owner: OTHER })))

    expect(owner.master).toEqual(MASTER)
    expect(reply).toMatchObject({ answer: 'foreign', job: null })
    expect(reply.reason).toMatch(/master 'm1' \(master-1\)/)
    expect(jobs.counts().starting).toBe(1)
  })

  it('can be taken over explicitly; then the former one is foreign', async () => {
    const { inbox, owner } = openInbox()
    await inbox.put(newKey(), request())

    expect((await inbox.put(newKey(), request({ owner: OTHER, takeover: true }))).answer).toBe('accepted')
    expect(owner.master).toEqual(OTHER)
    expect((await inbox.put(newKey(), request())).answer).toBe('foreign')
  })

  it('that loses the slave while the spiders are listed starts nothing there', async () => {
    const { list, asked, ready } = slowly()
    const { inbox, key, owner, jobs } = openInbox(list)
    const answer = inbox.put(key, request())
    await asked
    await owner.claim(OTHER, true)
    ready()

    expect((await answer).answer).toBe('foreign')
    expect(jobs.get(key)).toBeNull()
  })
})
