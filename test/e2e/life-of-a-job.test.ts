import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { livesProject, newspapersProject } from '../helpers/projects.ts'
import { testPython } from '../helpers/setup-python.ts'
import { Stage } from '../helpers/stage.ts'
import { until } from '../helpers/until.ts'

/** What the spider `describe` says of itself in its item. */
interface Described {
  readonly args: Record<string, string>
  readonly settings: Record<string, string>
  readonly env: Record<string, string>
  readonly cwd: string
  readonly python: string
}

describe('the life of a job', () => {
  const stage = new Stage()
  beforeAll(() => stage.open({ projects: { newspapers: newspapersProject } }))
  afterAll(() => stage.close())

  it('goes from the request over a real run to a log that is served and a record that outlives kill -9', async () => {
    const { daemon } = stage
    const scheduled = await daemon.post('/schedule.json', { project: 'newspapers', spider: '云溪日报', jobid: 'first' })
    expect(scheduled.status).toBe(200)
    expect(await scheduled.json()).toEqual({ node_name: 'node1', status: 'ok', jobid: 'first' })

    const job = await daemon.ended('first')
    expect(job).toMatchObject({ outcome: 'finished', exit_code: 0, items: 5, runner: expect.any(String) })
    expect(job.cpu_seconds).toBeGreaterThan(0.1)
    expect(job.max_rss_bytes).toBeGreaterThan(10_000_000)
    expect(job.stats).toMatchObject({ finish_reason: 'finished', item_scraped_count: 5 })
    expect(job.log_url).toBe(`/logs/newspapers/${encodeURIComponent('云溪日报')}/first.log`)

    const seen = async () => {
      const { finished, running, pending } = await daemon.listJobs()
      expect([running, pending]).toEqual([[], []])
      const [row] = finished
      const log = await daemon.get(row?.log_url ?? '')
      const items = await daemon.get(row?.items_url ?? '')
      return {
        row,
        job: await daemon.job('first'),
        log: { status: log.status, type: log.headers.get('content-type'), text: await log.text() },
        items: (await items.text()).trim().split('\n'),
        state: await daemon.client.webservice('status', { job: 'first' }),
      }
    }
    const before = await seen()
    expect(before.row).toMatchObject({
      id: 'first',
      project: 'newspapers',
      spider: '云溪日报',
      outcome: 'finished',
      exit_code: 0,
      cluster_node: 'node1',
      items_url: '/items/newspapers/云溪日报/first.jl',
    })
    expect(before.row?.start_time).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/)
    expect(String(before.row?.end_time) > String(before.row?.start_time)).toBe(true)
    expect(before.log).toMatchObject({ status: 200, type: 'text/plain; charset=utf-8' })
    expect(before.log.text).toContain('Spider opened')
    expect(before.log.text).toContain('云溪')
    expect(before.items).toHaveLength(5)
    expect(before.state).toMatchObject({ currstate: 'finished' })

    await daemon.kill9()
    await daemon.startAgain()
    expect(await seen()).toEqual(before)
  })

  it('gives arguments and settings as they were sent, and its own settings above them', async () => {
    const parameters = new URLSearchParams([
      ['project', 'lives'],
      ['spider', 'own_settings'],
      ['jobid', 'args-1'],
      ['setting', 'MARK=from = the job'],
      ['setting', 'USER_AGENT=新闻 bot'],
      ['setting', 'LOG_FILE=/elsewhere.log'],
      ['category', '体育'],
      ['category', 'only the first counts'],
      ['query', 'a=1&b= 2\nline'],
      ['dash', '--output=/x'],
      ['node', 'an argument on a slave'],
    ])
    expect((await stage.daemon.post('/schedule.json', parameters)).status).toBe(200)
    const job = await stage.daemon.ended('args-1')
    expect(job).toMatchObject({
      outcome: 'finished',
      args: { category: '体育', query: 'a=1&b= 2\nline', dash: '--output=/x', node: 'an argument on a slave' },
      settings: { MARK: 'from = the job', USER_AGENT: '新闻 bot', LOG_FILE: '/elsewhere.log' },
    })
    const items = await stage.daemon.client.call('getItems', { params: { key: job.key } })
    const described = items.items[0] as Described
    expect(described.args).toMatchObject({ ...job.args, _job: 'args-1' })
    expect(described.settings).toMatchObject({
      SPIDER_MARK: 'from the spider',
      MARK: 'from = the job',
      USER_AGENT: '新闻 bot',
      LOG_FILE: join(stage.daemon.logsDir, 'lives', 'own_settings', 'args-1.log'),
    })
    expect(described.cwd).toBe(livesProject)
    expect(described.env).toMatchObject({
      SCRAPY_PROJECT: 'lives',
      SCRAPYD_JOB: 'args-1',
      SCRAPYD_SPIDER: 'own_settings',
      SCRAPYD_NODE: 'node1',
    })
    expect(existsSync('/elsewhere.log')).toBe(false)
  })

  it('keeps what the spider prints', async () => {
    const job = await stage.run('prints')
    expect(job.output_tail).toContain('printed to stdout: 你好')
    expect(job.output_tail).toContain('printed to stderr')
    const output = await stage.daemon.get(`/api/jobs/${job.key}/output`)
    expect(await output.text()).toContain('printed to stdout: 你好')
    await stage.daemon.kill9()
    await stage.daemon.startAgain()
    expect(await (await stage.daemon.get(`/api/jobs/${job.key}/output`)).text()).toContain('printed to stdout: 你好')
  })

  it('shows counters and stats while the spider runs', async () => {
    const events = new AbortController()
    const seen: number[] = []
    const { id, key } = await stage.started('long')
    const stats = (async () => {
      for await (const event of stage.daemon.client.openEvents({ live: true, signal: events.signal })) {
        if (event.type === 'stats' && event.key === key) seen.push(event.items ?? 0)
        if (seen.length === 2) break
      }
    })()
    await stats
    expect(seen[1]).toBeGreaterThan(seen[0] ?? 0)
    const job = await stage.daemon.job(id)
    expect(job.items).toBeGreaterThan(0)
    expect(job.stats).toMatchObject({ item_scraped_count: expect.any(Number) })
    expect(await stage.daemon.listJobs('lives')).toMatchObject({ running: [{ id, pid: job.pid }] })
    await stage.cancel(id)
    await stage.daemon.ended(id)
  })

  describe('and its id', () => {
    it('is made when none is given: 32 hexadecimal digits', async () => {
      await stage.pause()
      const id = await stage.daemon.schedule('lives', 'quick')
      expect(id).toMatch(/^[0-9a-f]{32}$/)
      await stage.cancel(id)
      await stage.resume()
    })

    it.each([['a'], ['A.b_c-9'], ['-dash'], ['x'.repeat(200)]])('may be %s', async (jobid) => {
      await stage.pause()
      expect(await stage.daemon.schedule('lives', 'quick', { jobid })).toBe(jobid)
      expect(await stage.cancel(jobid)).toBe('pending')
      await stage.resume()
    })

    it.each([[''], ['.'], ['..'], ['.hidden'], ['a/b'], ['../../evil'], ['a b'], ['新闻'], ['a\n'], ['x'.repeat(201)]])(
      'may not be %j',
      async (jobid) => {
        const answer = await stage.daemon.post('/schedule.json', { project: 'lives', spider: 'quick', jobid })
        expect(answer.status).toBe(200)
        expect(await answer.json()).toEqual({
          node_name: 'node1',
          status: 'error',
          message:
            'jobid is invalid: 1 to 200 characters out of A-Z a-z 0-9 . _ -, not beginning with a dot (it becomes a file name)',
        })
      },
    )

    it('is not scheduled twice while it is pending or running, and may be used again once it has finished', async () => {
      const { daemon } = stage
      const until = stage.workshop.path('until')
      const order = { project: 'lives', spider: 'long', jobid: 'daily', until }
      const post = async () => (await daemon.post('/schedule.json', order)).json()
      await stage.pause()
      expect(await post()).toEqual({ node_name: 'node1', status: 'ok', jobid: 'daily' })
      expect(await post()).toEqual({ node_name: 'node1', status: 'ok', jobid: 'daily', duplicate: true })
      await stage.resume()
      const first = await daemon.running('daily')
      expect(await post()).toMatchObject({ duplicate: true })
      // The same id in another project is another job.
      const other = await daemon.client.webservice('schedule', {
        project: 'newspapers',
        spider: 'river_post',
        jobid: 'daily',
      })
      expect(other).not.toHaveProperty('duplicate')
      stage.workshop.touch(until)
      await daemon.ended('daily')
      await waitForEndOf(first.key)
      expect(await post()).toEqual({ node_name: 'node1', status: 'ok', jobid: 'daily' })
      await daemon.ended('daily')
      const { jobs } = await daemon.client.call('listJobs', { query: { q: 'daily', project: ['lives'] } })
      expect(jobs.map((job) => [job.id, job.outcome])).toEqual([
        ['daily', 'finished'],
        ['daily', 'finished'],
      ])
      expect(new Set(jobs.map((job) => job.key)).size).toBe(2)
    })

    async function waitForEndOf(key: string) {
      await until('it has ended', async () => {
        return (await stage.daemon.client.call('getJob', { params: { key } })).state === 'finished'
      })
    }

    it('is the same for a request that is repeated with its Idempotency-Key, also after a restart', async () => {
      const { daemon } = stage
      const send = async (key: string) => {
        const answer = await daemon.post(
          '/schedule.json',
          { project: 'lives', spider: 'nothing_at_all' },
          { headers: { 'Idempotency-Key': key } },
        )
        return ((await answer.json()) as { jobid: string }).jobid
      }
      const first = await send('once')
      expect(await send('once')).toBe(first)
      await daemon.ended(first)
      await daemon.kill9()
      await daemon.startAgain()
      expect(await send('once')).toBe(first)
      const second = await send('twice')
      expect(second).not.toBe(first)
      await daemon.ended(second)
      expect((await daemon.client.call('listJobs', { query: { q: first } })).total).toBe(1)
    })
  })

  it('refuses a version that is not checked out', async () => {
    const answer = await stage.daemon.post('/schedule.json', { project: 'lives', spider: 'quick', _version: 'r1' })
    expect(await answer.json()).toEqual({
      node_name: 'node1',
      status: 'error',
      message: "version 'r1' not found",
    })
  })
})

describe('the queue of a node', () => {
  const stage = new Stage()
  beforeAll(() => stage.open({ projects: { other: livesProject, third: livesProject }, scrapyd: { max_proc: 1 } }))
  afterAll(() => stage.close())

  it('goes by priority over all projects, then by age, one at a time', async () => {
    const { daemon } = stage
    await stage.pause()
    const order: [string, string, string?][] = [
      ['lives', 'low', '-1'],
      ['lives', 'usual'],
      ['other', 'high', '5'],
      ['third', 'highest', '5.5'],
      ['other', 'later', '0'],
    ]
    for (const [project, jobid, priority] of order) {
      await daemon.schedule(project, 'nothing_at_all', { jobid, ...(priority === undefined ? {} : { priority }) })
    }
    const expected = ['highest', 'high', 'usual', 'later', 'low']
    const { pending } = await daemon.listJobs()
    expect(pending.map(({ id }) => id)).toEqual(expected)
    expect(pending.map(({ priority }) => priority)).toEqual([5.5, 5, 0, 0, -1])
    expect((await daemon.job('low')).reason).toContain('paused')
    await stage.resume()
    const jobs = await Promise.all(expected.map((id) => daemon.ended(id)))
    const moments = jobs.flatMap((job) => [String(job.started_at), String(job.ended_at)])
    expect(moments).toEqual(moments.toSorted())
    expect((await daemon.listJobs()).finished.map(({ id }) => id)).toEqual(expected.toReversed())
  })

  it('stays paused over kill -9, with the note, until it is resumed', async () => {
    const { daemon } = stage
    await daemon.client.call('pauseNode', { body: { note: 'the disk is changed 换硬盘' } })
    const id = await daemon.schedule('lives', 'nothing_at_all')
    await daemon.kill9()
    await daemon.startAgain()
    expect(await daemon.client.call('getNode')).toMatchObject({
      paused: true,
      pause_note: 'the disk is changed 换硬盘',
    })
    expect(await daemon.job(id)).toMatchObject({ state: 'pending', reason: expect.stringContaining('paused') })
    await stage.resume()
    expect(await daemon.ended(id)).toMatchObject({ outcome: 'finished' })
  })

  it('is fair between projects, and never runs more than max_proc', async () => {
    const { daemon } = stage
    await daemon.stop()
    daemon.configure({ scrapyd: { max_proc: 2 } })
    await daemon.startAgain()
    await stage.pause()
    const gates = new Map<string, string>()
    for (const jobid of ['a1', 'a2', 'a3', 'b1', 'b2']) {
      const gate = stage.workshop.path(jobid)
      gates.set(jobid, gate)
      await daemon.schedule(jobid.startsWith('a') ? 'lives' : 'other', 'long', { jobid, until: gate })
    }
    const runs = async () => (await daemon.listJobs()).running.map(({ id }) => id).toSorted()
    const open = async (id: string) => {
      stage.workshop.touch(gates.get(id) ?? '')
      await daemon.ended(id)
    }
    await stage.resume()
    await Promise.all(['a1', 'b1'].map((id) => daemon.running(id)))
    expect(await runs()).toEqual(['a1', 'b1'])
    expect((await daemon.job('a2')).reason).toContain('slot')
    expect(await daemon.client.call('getNode')).toMatchObject({ running: 2, max_proc: 2, pending: 3 })
    await open('b1')
    await daemon.running('b2')
    expect(await runs()).toEqual(['a1', 'b2'])
    await open('b2')
    await daemon.running('a2')
    expect(await runs()).toEqual(['a1', 'a2'])
    await open('a1')
    await daemon.running('a3')
    await Promise.all(['a2', 'a3'].map(open))
  })
})

describe('the files of a job', () => {
  const stage = new Stage()
  const jobsDir = stage.workshop.path('state')
  const itemsDir = stage.workshop.path('items')
  beforeAll(() => stage.open({ scrapyd: { jobs_dir: jobsDir, items_dir: itemsDir, logs_dir: 'own/logs' } }))
  afterAll(() => stage.close())

  it('lie where the configuration says', async () => {
    const job = await stage.run('describe', { jobid: 'places' })
    const { settings } = (await stage.daemon.client.call('getItems', { params: { key: job.key } }))
      .items[0] as Described
    expect(settings['LOG_FILE']).toBe(join(stage.daemon.folder, 'own/logs/lives/describe/places.log'))
    expect(settings['JOBDIR']).toBe(join(jobsDir, 'lives/describe/places'))
    expect(existsSync(settings['JOBDIR'] ?? '')).toBe(true)
    expect(readFileSync(join(itemsDir, 'lives/describe/places.jl'), 'utf8')).toContain('"cwd"')
    expect(readFileSync(settings['LOG_FILE'] ?? '', 'utf8')).toContain('Spider closed')
  })

  it('are not made for items when items_dir is not set', async () => {
    await stage.daemon.stop()
    stage.daemon.configure({ scrapyd: { items_dir: '' } })
    await stage.daemon.startAgain()
    const job = await stage.run('quick')
    expect(job).toMatchObject({ outcome: 'finished', items: 1, items_url: null })
    expect((await stage.daemon.get('/items/')).status).toBe(404)
    expect((await stage.daemon.listJobs()).finished[0]).toMatchObject({ id: job.id, items_url: null })
  })
})

describe('the code of a project', () => {
  const stage = new Stage()
  let changing: string
  let owning: string

  beforeAll(async () => {
    changing = stage.workshop.copyOf(livesProject)
    owning = stage.workshop.copyOf(livesProject)
    await stage.open({ projects: { changing, owning } })
  })
  afterAll(() => stage.close())

  async function spiders(project: string): Promise<unknown> {
    return (await stage.daemon.client.webservice('listspiders', { project }))['spiders']
  }

  it('is listed anew when it has changed on disk', async () => {
    const all = (await spiders('changing')) as string[]
    expect(all).toEqual(all.toSorted())
    expect(all).toContain('新闻')
    expect(all).not.toContain('fresh')
    const file = join(changing, 'lives/spiders/fresh.py')
    const code = (name: string) => `import scrapy\n\n\nclass Fresh(scrapy.Spider):\n    name = "${name}"\n`
    writeFileSync(file, code('fresh'))
    await until('the new spider is listed', async () => ((await spiders('changing')) as string[]).includes('fresh'))
    expect(await stage.daemon.ended(await stage.daemon.schedule('changing', 'fresh'))).toMatchObject({
      outcome: 'finished',
    })
    writeFileSync(file, code('renamed'))
    await until('the new name is listed', async () => {
      const names = (await spiders('changing')) as string[]
      return names.includes('renamed') && !names.includes('fresh')
    })
    const answer = await stage.daemon.post('/schedule.json', { project: 'changing', spider: 'fresh' })
    expect(await answer.json()).toMatchObject({ status: 'error', message: "spider 'fresh' not found" })
  })

  it('lists the other spiders beside a module that is broken, and tells its traceback', async () => {
    const file = join(changing, 'lives/spiders/broken.py')
    writeFileSync(file, 'import scrapy\n\nraise RuntimeError("不能导入 this module")\n')
    const list = await until('the broken module is noticed', async () => {
      const found = await stage.daemon.client.call('listSpiders', { params: { project: 'changing' } })
      return found.errors.length > 0 && found
    })
    expect(list.spiders.map(({ name }) => name)).toContain('quick')
    expect(list.errors).toEqual([
      {
        node: 'node1',
        module: 'lives.spiders.broken',
        traceback: expect.stringContaining('RuntimeError: 不能导入 this module'),
      },
    ])
    expect(list.errors[0]?.traceback).toContain(`File "${file}", line 3`)
    expect(stage.daemon.logs).toContain(
      'project changing: lives.spiders.broken cannot be loaded: RuntimeError: 不能导入 this module',
    )
    expect(await stage.daemon.ended(await stage.daemon.schedule('changing', 'quick'))).toMatchObject({
      outcome: 'finished',
    })
    const refused = await stage.daemon.post('/schedule.json', { project: 'changing', spider: 'no_such' })
    expect(await refused.json()).toMatchObject({
      status: 'error',
      message: "spider 'no_such' not found; modules that cannot be loaded: lives.spiders.broken",
    })
    rmSync(file)
    await until('it is well again', async () => {
      return (await stage.daemon.client.call('listSpiders', { params: { project: 'changing' } })).errors.length === 0
    })
  })

  it('that cannot be loaded at all is told with what Python says, and heals', async () => {
    const file = join(changing, 'lives/settings.py')
    const settings = readFileSync(file, 'utf8')
    writeFileSync(file, `${settings}\nraise Exception("these settings are broken")\n`)
    const message = await until('the broken settings are noticed', async () => {
      const answer = (await (await stage.daemon.get('/listspiders.json?project=changing')).json()) as Record<
        string,
        string
      >
      return answer['status'] === 'error' && answer['message']
    })
    expect(message).toMatch(/^RunnerError: .*Exception: these settings are broken$/s)
    writeFileSync(file, settings)
    await until('it is well again', async () => ((await spiders('changing')) as string[]).includes('quick'))
  })

  it('runs under the virtual environment in its own folder', async () => {
    const python = join(owning, '.venv/bin/python')
    mkdirSync(dirname(python), { recursive: true })
    symlinkSync(stage.workshop.interpreter(testPython(), 'export NOT_OURS=the-own-environment'), python)
    const job = await stage.daemon.ended(await stage.daemon.schedule('owning', 'describe'))
    const { env } = (await stage.daemon.client.call('getItems', { params: { key: job.key } })).items[0] as Described
    expect(env['NOT_OURS']).toBe('the-own-environment')
  })

  it('runs under the interpreter that is configured for it', async () => {
    const python = stage.workshop.interpreter(testPython(), 'export NOT_OURS=configured')
    await stage.daemon.stop()
    stage.daemon.configure({ python: { owning: python } })
    await stage.daemon.startAgain()
    const job = await stage.daemon.ended(await stage.daemon.schedule('owning', 'describe'))
    const { env } = (await stage.daemon.client.call('getItems', { params: { key: job.key } })).items[0] as Described
    expect(env['NOT_OURS']).toBe('configured')
  })

  it('is shown as a project, added, taken out of service and kept so over restarts; the code stays', async () => {
    const { daemon } = stage
    const path = stage.workshop.copyOf(livesProject)
    const added = await daemon.post('/addproject.json', { project: 'added', path })
    expect(await added.json()).toEqual({
      node_name: 'node1',
      status: 'ok',
      project: 'added',
      spiders: ((await spiders('owning')) as string[]).length,
    })
    await stage.pause()
    const waiting = await daemon.schedule('added', 'quick')
    await stage.resume()
    await daemon.ended(waiting)
    await daemon.kill9()
    await daemon.startAgain()
    const names = async () => (await daemon.client.webservice('listprojects'))['projects']
    expect(await names()).toEqual(['added', 'changing', 'lives', 'owning'])
    const running = await daemon.schedule('added', 'long')
    const { key, pid } = await daemon.running(running)
    await stage.pause()
    const pending = await daemon.schedule('added', 'quick')
    const answer = await stage.daemon.post('/delproject.json', { project: 'added' })
    expect(await answer.json()).toEqual({ node_name: 'node1', status: 'ok' })
    // What runs runs on, is visible, and can be cancelled.
    expect((await daemon.listJobs()).running).toMatchObject([{ id: running, pid }])
    await daemon.client.call('cancelJob', { params: { key }, body: {} })
    expect(await daemon.ended(running)).toMatchObject({ outcome: 'cancelled', pid })
    await stage.resume()
    expect(await daemon.ended(pending)).toMatchObject({
      outcome: 'cancelled',
      reason: 'Cancelled: the project added was removed',
    })
    // Also one that the configuration names.
    await daemon.client.webservice('delproject', { project: 'changing' })
    expect(await names()).toEqual(['lives', 'owning'])
    await daemon.kill9()
    await daemon.startAgain()
    expect(await names()).toEqual(['lives', 'owning'])
    expect(existsSync(join(path, 'scrapy.cfg'))).toBe(true)
    await daemon.client.webservice('addproject', { project: 'changing', path: changing })
    expect(await names()).toEqual(['changing', 'lives', 'owning'])
  })
})
