import { describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../../../src-daemon/api/contract/endpoints.ts'
import type { Requester, ScheduleInput } from '../../../src-daemon/api/contract/scrapyd-api.ts'
import { job as jobSchema, jobDetail } from '../../../src-daemon/api/contract/values.ts'
import {
  ConflictError,
  InvalidParameterError,
  JobNotFoundError,
  ProjectNotFoundError,
  SpiderNotFoundError,
} from '../../../src-daemon/errors.ts'
import { JobDesk, type Reach } from '../../../src-daemon/jobs/job-desk.ts'
import type { JobRow } from '../../../src-daemon/storage/jobs.ts'
import { anyUrl, fillDisk, newRow, rowIn } from '../../helpers/ledger-parts.ts'
import { openLauncher } from '../../helpers/launcher-parts.ts'

const ANN: Requester = { name: 'ann', via: 'webservice', address: null, idempotencyKey: null }
const NOBODY: Requester = { ...ANN, name: null }
const withKey = (idempotencyKey: string): Requester => ({ ...ANN, idempotencyKey })

const scheduled: ScheduleInput = {
  project: 'news',
  spider: 'herald',
  version: null,
  jobid: null,
  priority: 0,
  settings: {},
  args: {},
  node: null,
}

/** A desk in front of one node that has the project `news` with the spider `herald`. */
function openDesk(options: { readonly nodeName?: string | null; readonly finishedToKeep?: number } = {}) {
  const parts = openLauncher()
  const passed: string[] = []
  const projects = new Set(['news'])
  const reach: Reach = {
    requireProject(name) {
      if (!projects.has(name)) throw new ProjectNotFoundError(name)
    },
    async requireSpider(project, spider) {
      this.requireProject(project)
      if (spider === 'none') throw new SpiderNotFoundError(spider)
    },
    requireNode(name) {
      // By its host as well; what is kept is its name.
      if (name !== 'n2' && name !== 'b:6800') throw new InvalidParameterError('node', `node '${name}' not found`)
      return 'n2'
    },
    async passCancel(row: JobRow) {
      passed.push(row.key)
      await parts.launcher.cancel(row.key)
    },
    whyPending: () => 'Waits: no free slot (2 of 2 in use)',
  }
  const desk = new JobDesk({
    ...parts,
    reach,
    fileUrl: anyUrl,
    nodeName: 'n1',
    finishedToKeep: options.finishedToKeep ?? 100,
    logsDir: parts.folders.logsDir,
  })
  const insert = (row: Parameters<typeof newRow>[0]) => {
    const job = newRow(row)
    parts.jobs.insert(job)
    return job.key
  }
  return { ...parts, desk, passed, projects, insert }
}

describe('JobDesk.schedule', () => {
  it('answers with the id, the key and the node', async () => {
    const { desk, jobs } = openDesk()
    const reply = await desk.schedule({ ...scheduled, jobid: 'daily', args: { tag: 'a' } }, ANN)

    expect(reply).toEqual({ jobid: 'daily', key: expect.any(String) as string, node_name: 'n1' })
    expect(jobs.get(reply.key)).toMatchObject({ id: 'daily', scheduled_by: 'ann', args: '{"tag":"a"}' })
    expect(await desk.schedule({ ...scheduled, jobid: 'daily' }, ANN)).toEqual({ ...reply, duplicate: true })
  })

  it.each([
    ['an unknown project', { project: 'none' }, ProjectNotFoundError],
    ['an unknown spider', { spider: 'none' }, SpiderNotFoundError],
    ['an id with a slash', { jobid: 'a/b' }, InvalidParameterError],
    ['an id that begins with a dot', { jobid: '.hidden' }, InvalidParameterError],
    ['an empty id', { jobid: '' }, InvalidParameterError],
    ['an id of 201 characters', { jobid: 'x'.repeat(201) }, InvalidParameterError],
    ['an id with a line break at its end', { jobid: 'a\n' }, InvalidParameterError],
    ['an unknown node', { node: 'n9' }, InvalidParameterError],
    ['a spider that is no folder', { spider: '../x' }, Error],
    ['a spider of 300 bytes', { spider: 'x'.repeat(300) }, InvalidParameterError],
  ])('refuses %s before anything is stored', async (_what, input, error) => {
    const { desk, events } = openDesk()

    await expect(desk.schedule({ ...scheduled, ...input }, ANN)).rejects.toThrow(error)
    expect(events.head()).toBe(0)
  })

  it('takes an id of 200 characters', async () => {
    const { desk } = openDesk()
    const jobid = `-_.A${'9'.repeat(196)}`

    expect((await desk.schedule({ ...scheduled, jobid }, ANN)).jobid).toBe(jobid)
  })

  it('gives the first answer to an idempotency key, also when the project is gone by now', async () => {
    const { desk, jobs, projects } = openDesk()
    const first = await desk.schedule(scheduled, withKey('k'))
    projects.clear()

    expect(await desk.schedule(scheduled, withKey('k'))).toEqual(first)
    await expect(desk.schedule(scheduled, withKey('other'))).rejects.toThrow(ProjectNotFoundError)
    expect(jobs.counts().pending).toBe(1)
  })
})

describe('JobDesk.cancel', () => {
  it('ends a waiting job at once', async () => {
    const { desk, jobs, ledger, passed } = openDesk()
    const { key } = await desk.schedule({ ...scheduled, jobid: 'daily' }, ANN)
    const ended: string[] = []
    ledger.onEnd((one) => ended.push(one))

    expect(await desk.cancel({ project: 'news', job: 'daily', signal: null, host: null }, ANN)).toEqual({
      prevstate: 'pending',
    })
    expect(jobs.get(key)).toMatchObject({
      state: 'finished',
      outcome: 'cancelled',
      cancelled_by: 'ann',
      reason: 'Cancelled by ann before it was started',
    })
    expect([passed, ended]).toEqual([[], [key]])
  })

  it.each([
    ['running', 'running'],
    ['starting', 'pending'],
    ['assigned', 'pending'],
  ] as const)('stores the cancel of a job that is %s, then passes it on', async (state, prevstate) => {
    const { desk, jobs, passed, insert } = openDesk()
    const key = insert({ state, id: 'daily', node_id: 'other', node: 'n2' })

    expect(await desk.cancel({ project: 'news', job: 'daily', signal: 'SIGTERM', host: null }, ANN)).toEqual({
      prevstate,
    })
    expect(jobs.get(key)).toMatchObject({ state, cancelled_by: 'ann', cancel_signal: 'SIGTERM', cancel_delivered: 0 })
    expect(passed).toEqual([key])
  })

  it('passes the cancel of a job that waits on another node on to it', async () => {
    const { desk, jobs, passed, insert } = openDesk()
    const key = insert({ state: 'pending', id: 'daily', node_id: 'other', node: 'n2' })

    expect(await desk.cancel({ project: 'news', job: 'daily', signal: null, host: null }, ANN)).toEqual({
      prevstate: 'pending',
    })
    expect(jobs.get(key)).toMatchObject({ state: 'pending', cancelled_by: 'ann' })
    expect(passed).toEqual([key])
  })

  it('keeps who asked first, and when', async () => {
    const { desk, jobs, insert } = openDesk()
    const key = insert({ state: 'running', id: 'daily' })
    const input = { project: 'news', job: 'daily', signal: null, host: null }
    await desk.cancel(input, ANN)
    const { cancel_requested_at } = jobs.get(key)!
    await desk.cancel({ ...input, signal: 'SIGTERM' }, { ...ANN, name: 'bob' })

    expect(jobs.get(key)).toMatchObject({ cancelled_by: 'ann', cancel_requested_at, cancel_signal: 'SIGTERM' })
  })

  it('takes the host for a hint where one job has the id, and guesses nothing where several have it', async () => {
    const { desk, insert, passed } = openDesk()
    const one = insert({ state: 'running', id: 'one', node: 'n2' })
    const cancel = (job: string, host: string) => desk.cancel({ project: 'news', job, signal: null, host }, ANN)

    expect(await cancel('one', 'elsewhere')).toEqual({ prevstate: 'running' })
    expect(passed).toEqual([one])
    const [, second] = ['n2', 'n3'].map((node) => insert({ state: 'running', id: 'same', node }))
    await expect(cancel('same', 'elsewhere')).rejects.toThrow("none of the 2 jobs 'same' is on 'elsewhere' (n2, n3)")
    expect(passed).toEqual([one])
    expect(await cancel('same', 'n3')).toEqual({ prevstate: 'running' })
    expect(passed).toEqual([one, second])
  })

  it('answers null for a job that has ended or never was, and refuses an unknown project', async () => {
    const { desk, insert } = openDesk()
    insert({ state: 'finished', id: 'done' })

    expect(await desk.cancel({ project: 'news', job: 'done', signal: null, host: null }, ANN)).toEqual({
      prevstate: null,
    })
    expect(await desk.cancel({ project: 'news', job: 'none', signal: null, host: null }, ANN)).toEqual({
      prevstate: null,
    })
    await expect(desk.cancel({ project: 'x', job: 'a', signal: null, host: null }, ANN)).rejects.toThrow(
      ProjectNotFoundError,
    )
  })

  it('meets a launch in the same turn: the job is either dropped or told, never forgotten', async () => {
    for (const cancelFirst of [true, false]) {
      const parts = openDesk()
      const { key } = await parts.desk.schedule({ ...scheduled, jobid: 'daily' }, ANN)
      const cancel = () => parts.desk.cancel({ project: 'news', job: 'daily', signal: null, host: null }, ANN)
      const launch = () => parts.launcher.launch(key, 'news')
      const answers = await Promise.all(cancelFirst ? [cancel(), launch()] : [launch(), cancel()])
      expect(answers).toContainEqual({ prevstate: 'pending' })
      const run = parts.runner.runs[0]
      run?.begin()
      run?.end({ finishReason: 'shutdown' })

      expect((await rowIn(parts, key, 'finished')).outcome).toBe('cancelled')
    }
  })

  it('says so when it cannot be stored, and tells nobody', async () => {
    const parts = openDesk()
    parts.insert({ state: 'running', id: 'daily', args: JSON.stringify({ big: 'x'.repeat(50_000) }) })
    fillDisk(parts)

    await expect(parts.desk.cancel({ project: 'news', job: 'daily', signal: null, host: null }, ANN)).rejects.toThrow(
      /full/,
    )
    expect(parts.passed).toEqual([])
  })
})

describe('JobDesk.status', () => {
  it.each([
    ['pending', 'pending'],
    ['assigned', 'pending'],
    ['starting', 'pending'],
    ['running', 'running'],
    ['finished', 'finished'],
  ] as const)('calls a job that is %s %s', (state, currstate) => {
    const { desk, insert } = openDesk()
    insert({ state, id: 'daily' })

    expect(desk.status({ job: 'daily', project: null })).toEqual({ currstate })
    expect(desk.status({ job: 'daily', project: 'news' })).toEqual({ currstate })
    expect(desk.status({ job: 'none', project: null })).toEqual({ currstate: null })
    expect(() => desk.status({ job: 'daily', project: 'x' })).toThrow(ProjectNotFoundError)
  })
})

describe('JobDesk.counts', () => {
  it("gives Scrapyd's three numbers, finished as many as listjobs shows", () => {
    const { desk, insert } = openDesk({ finishedToKeep: 2 })
    for (const state of ['pending', 'assigned', 'starting', 'running', 'finished', 'finished', 'finished'] as const)
      insert({ state })

    expect(desk.counts()).toEqual({ pending: 3, running: 1, finished: 2 })
  })
})

describe('JobDesk.page', () => {
  const query = { sort: 'default', limit: 2 } as const

  it('gives a page that fits the contract, with why a job waits and live counters', async () => {
    const { desk, insert, rates } = openDesk()
    insert({ state: 'pending' })
    const running = insert({ state: 'running' })
    insert({ state: 'finished' })
    rates.add(running, { at: 0, stats: { response_received_count: 7 } })
    const page = ENDPOINTS.listJobs.reply.parse(await desk.page(query))

    expect(page).toMatchObject({ total: 3, start: 0 })
    expect(page.jobs.map(({ state, reason, pages }) => [state, reason, pages])).toEqual([
      ['pending', 'Waits: no free slot (2 of 2 in use)', null],
      ['running', null, 7],
    ])
    const rest = await desk.page({ ...query, cursor: page.next! })
    expect(rest).toMatchObject({ start: 2, next: null })
  })

  it('searches', async () => {
    const { desk, insert } = openDesk()
    insert({ state: 'finished', id: 'needle' })
    insert({ state: 'finished', id: 'hay' })

    expect(await desk.page({ ...query, q: 'NEED' })).toMatchObject({ total: 1, jobs: [{ id: 'needle' }] })
    expect(await desk.page({ ...query, q: '' })).toMatchObject({ total: 2 })
  })

  it('refuses cursors and moments that it cannot read, by name', async () => {
    const { desk } = openDesk()

    await expect(desk.page({ ...query, cursor: 'rubbish' })).rejects.toThrow(/^cursor/)
    await expect(desk.page({ ...query, from: 'yesterday' })).rejects.toThrow(/^from/)
  })
})

describe('JobDesk.create', () => {
  const job = { project: 'news', spider: 'herald', priority: 0, args: {}, settings: {} }

  it('schedules many, with a result for each', async () => {
    const { desk, jobs } = openDesk()
    const reply = ENDPOINTS.createJobs.reply.parse(
      await desk.create([job, { ...job, spider: 'none' }, { ...job, jobid: 'daily' }, { ...job, jobid: 'daily' }], ANN),
    )

    expect(reply.results.map(({ ok, duplicate, code }) => [ok, duplicate, code])).toEqual([
      [true, false, null],
      [false, false, 'spider-not-found'],
      [true, false, null],
      [true, true, null],
    ])
    expect(jobs.counts().pending).toBe(2)
  })

  it('repeats a whole batch by its idempotency key without scheduling anything twice', async () => {
    const { desk, jobs } = openDesk()
    const first = await desk.create([job, job, job], withKey('k'))
    const second = await desk.create([job, job, job], withKey('k'))

    expect(second.results.map((result) => result.job!.key)).toEqual(first.results.map((result) => result.job!.key))
    expect(new Set(first.results.map((result) => result.job!.key)).size).toBe(3)
    expect(jobs.counts().pending).toBe(3)
  })

  it('repeats an answer whose job is no longer in the ledger', async () => {
    const { desk, db } = openDesk()
    await desk.create([job], withKey('k'))
    db.prepare('DELETE FROM jobs').run()

    expect((await desk.create([job], withKey('k'))).results).toEqual([
      { ok: true, job: null, duplicate: false, error: null, code: null },
    ])
  })

  it('shares commits', async () => {
    const { desk, writer } = openDesk()
    let commits = 0
    writer.onCommit(() => commits++)
    await desk.create(
      Array.from({ length: 300 }, () => job),
      ANN,
    )

    expect(commits).toBeLessThan(5)
  })
})

describe('JobDesk.get and detail', () => {
  it('fit the contract in every state', () => {
    const { desk, insert } = openDesk()
    for (const state of ['pending', 'assigned', 'starting', 'running', 'finished'] as const) {
      const key = insert({ state, node_id: state === 'pending' ? null : 'local' })
      expect(jobSchema.parse(desk.get(key)).state).toBe(state)
      expect(jobDetail.parse(desk.detail(key)).key).toBe(key)
    }
  })

  it('give stats, usual figures, files and output of a finished job', async () => {
    const { desk, insert, stats, writer } = openDesk()
    const key = insert({ state: 'finished', id: 'daily', pages: 5, items: 2, output_tail: 'words' })
    await writer.write(() => stats.put(key, '{"finish_reason":"finished"}'))

    expect(desk.detail(key)).toMatchObject({
      stats: { finish_reason: 'finished' },
      usual: { runs: 1, pages: 5, items: 2 },
      log_url: '/logs/news/herald/daily.log',
      items_url: null,
      output_tail: 'words',
    })
    expect(desk.detail(insert({ state: 'pending' }))).toMatchObject({ log_url: null, stats: null, rates: [] })
  })

  it('say that a job is not there', () => {
    const { desk } = openDesk()
    expect(() => desk.get('x')).toThrow(JobNotFoundError)
    expect(() => desk.detail('x')).toThrow(JobNotFoundError)
  })
})

describe('JobDesk.cancelByKey', () => {
  it('gives the job after the cancel, and refuses one that has ended', async () => {
    const { desk, insert } = openDesk()
    const waiting = insert({ state: 'pending' })

    expect(await desk.cancelByKey(waiting, null, NOBODY)).toMatchObject({
      outcome: 'cancelled',
      reason: 'Cancelled before it was started',
    })
    await expect(desk.cancelByKey(waiting, null, ANN)).rejects.toThrow(ConflictError)
    await expect(desk.cancelByKey('x', null, ANN)).rejects.toThrow(JobNotFoundError)
  })
})

describe('JobDesk.cancelMany', () => {
  it('cancels by keys', async () => {
    const { desk, insert, passed } = openDesk()
    const keys = [
      insert({ state: 'pending' }),
      insert({ state: 'running' }),
      insert({ state: 'finished' }),
      'x'.repeat(26),
    ]

    expect(await desk.cancelMany({ keys }, ANN)).toEqual({ cancelled: 2, skipped: 2, errors: [] })
    expect(passed).toEqual([keys[1]])
  })

  it('cancels what a filter matches, of that only what has not ended', async () => {
    const { desk, insert, jobs } = openDesk()
    for (const state of ['pending', 'running', 'finished'] as const) {
      insert({ state })
      insert({ state, project: 'other' })
    }

    expect(await desk.cancelMany({ filter: { project: ['news'] } }, ANN)).toMatchObject({ cancelled: 2, skipped: 0 })
    expect(jobs.counts()).toMatchObject({ pending: 1, running: 2, finished: 3 })
  })

  it('shares commits between many', async () => {
    const { desk, db, jobs, writer } = openDesk()
    db.transaction(() => {
      for (let i = 0; i < 1_000; i++) jobs.insert(newRow({ state: 'pending' }))
    })()
    let commits = 0
    writer.onCommit(() => commits++)

    expect(await desk.cancelMany({ filter: {} }, ANN)).toMatchObject({ cancelled: 1_000 })
    expect(commits).toBeLessThan(20)
  })
})

describe('JobDesk.rerun', () => {
  it('schedules the same once more under a new id', async () => {
    const { desk, insert } = openDesk()
    const key = insert({
      state: 'finished',
      id: 'daily',
      priority: 3,
      args: '{"tag":"a"}',
      settings: '{"A":"1"}',
      pinned_node: 'n2',
      version: 'old',
    })
    const again = await desk.rerun(key, ANN)

    expect(again).toMatchObject({
      state: 'pending',
      priority: 3,
      args: { tag: 'a' },
      settings: { A: '1' },
      pinned_node: 'n2',
      version: null,
      scheduled_by: 'ann',
    })
    expect(again.id).not.toBe('daily')
    expect(again.key).not.toBe(key)
  })

  it('says why it cannot', async () => {
    const { desk, insert, projects } = openDesk()
    const key = insert({ state: 'finished' })
    projects.clear()

    await expect(desk.rerun(key, ANN)).rejects.toThrow(/project 'news' not found/)
    await expect(desk.rerun('x', ANN)).rejects.toThrow(JobNotFoundError)
  })

  it('schedules many', async () => {
    const { desk, insert, jobs } = openDesk()
    insert({ state: 'finished', outcome: 'failed' })
    insert({ state: 'finished', outcome: 'failed', spider: 'none' })
    insert({ state: 'finished' })

    const { results } = await desk.rerunMany({ filter: { outcome: ['failed'] } }, ANN)
    expect(results.map(({ ok }) => ok)).toEqual([false, true])
    expect(jobs.counts().pending).toBe(1)
  })
})
