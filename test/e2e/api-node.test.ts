import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiClient } from '../../src-daemon/api/client/api-client.ts'
import { ENDPOINTS } from '../../src-daemon/api/contract/endpoints.ts'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import { newspapersProject } from '../helpers/projects.ts'
import { Stage } from '../helpers/stage.ts'

// The node part of `/api`, answered by a whole daemon about jobs that really ran.

describe('/api of a node', () => {
  const stage = new Stage()
  const username = 'admin'
  const password = '密码'

  beforeAll(async () => {
    await stage.open({ projects: { newspapers: newspapersProject }, scrapyd: { username, password } })
    const { daemon } = stage
    const jobs: [string, string, string, Record<string, string>][] = [
      ['newspapers', 'river_post', 'river', { limit: '3' }],
      ['newspapers', 'patchy_gazette', 'patchy', {}],
      ['newspapers', 'broken_press', 'broken', {}],
      ['lives', 'quick', 'quick', { code: '3', setting: 'LOG_LEVEL=DEBUG' }],
      ['lives', 'nothing_at_all', 'nothing', {}],
    ]
    for (const [project, spider, jobid, more] of jobs) await daemon.schedule(project, spider, { jobid, ...more })
    await Promise.all(jobs.map(([, , id]) => daemon.ended(id)))
  })
  afterAll(() => stage.close())

  const call: ApiClient['call'] = (name, input, options) => stage.daemon.client.call(name, input, options)
  const keyOf = async (id: string) => (await stage.daemon.job(id)).key

  it('tells what the node is', async () => {
    expect(await call('getNode')).toMatchObject({
      node_name: 'node1',
      identity: 'slave',
      running: 0,
      finished: 5,
      scrapy: expect.stringMatching(/^2\./),
      python: expect.stringMatching(/^3\./),
      owner: null,
      disk_free_bytes: expect.any(Number),
      projects: [{ project: 'lives' }, { project: 'newspapers' }],
    })
  })

  it('filters, sorts and pages jobs', async () => {
    const ids = async (query: Record<string, unknown>) => {
      const page = await call('listJobs', { query })
      return { ids: page.jobs.map(({ id }) => id), total: page.total, next: page.next, start: page.start }
    }
    expect((await ids({ project: ['newspapers'], sort: 'created' })).ids).toEqual(['river', 'patchy', 'broken'])
    expect((await ids({ outcome: ['failed'], sort: 'created' })).ids).toEqual(['broken', 'quick'])
    expect((await ids({ q: 'GAZETTE' })).ids).toEqual(['patchy'])
    expect((await ids({ spider: ['quick', 'river_post'], sort: '-created' })).ids).toEqual(['quick', 'river'])
    expect(await ids({ from: '-1h', to: '-30m' })).toMatchObject({ ids: [], total: 0 })
    expect((await ids({ from: '-1h', state: ['finished'] })).total).toBe(5)
    const first = await ids({ sort: 'created', limit: 2 })
    expect(first).toMatchObject({ ids: ['river', 'patchy'], total: 5, start: 0 })
    const second = await ids({ sort: 'created', limit: 2, cursor: first.next ?? '' })
    expect(second).toMatchObject({ ids: ['broken', 'quick'], total: 5, start: 2 })
    const third = await ids({ sort: 'created', limit: 2, cursor: second.next ?? '' })
    expect(third).toMatchObject({ ids: ['nothing'], next: null })
    const bad = await stage.daemon.get('/api/jobs?cursor=rubbish')
    expect(bad.status).toBe(422)
    expect(bad.headers.get('content-type')).toContain('application/problem+json')
  })

  it('gives the log by bytes, its index and what is searched in it', async () => {
    const key = await keyOf('patchy')
    const whole = await (await stage.daemon.get('/logs/newspapers/patchy_gazette/patchy.log')).text()
    const bytes = Buffer.from(whole)
    const piece = await stage.daemon.get(`/api/jobs/${key}/log?offset=10&limit=100`)
    expect(piece.headers.get('x-log-size')).toBe(String(bytes.length))
    expect(await piece.text()).toBe(bytes.subarray(10, 110).toString())
    const tail = await stage.daemon.get(`/api/jobs/${key}/log?offset=-50`)
    expect(await tail.text()).toBe(bytes.subarray(-50).toString())
    const index = await call('getLogIndex', { params: { key } })
    expect(index).toMatchObject({ size: bytes.length, indexed: bytes.length, lines: whole.split('\n').length - 1 })
    const errors = whole.split('\n').filter((line) => / ERROR: /.test(line))
    expect(index.levels.ERROR).toBe(errors.length)
    expect(index.first_error?.offset).toBe(Buffer.byteLength(whole.slice(0, whole.indexOf(errors[0] ?? ''))))
    const found = await call('searchLog', { params: { key }, query: { q: 'torn-out', level: ['ERROR'] } })
    expect(found.total).toBeGreaterThan(0)
    expect(found.matches[0]).toMatchObject({ level: 'ERROR', text: expect.stringContaining('torn-out') })
    const missing = await stage.daemon.get(`/api/jobs/${'0'.repeat(26)}/log`)
    expect(missing.status).toBe(404)
    expect(await missing.json()).toMatchObject({ status: 404, code: 'job-not-found' })
  })

  it('gives the items, a page at a time', async () => {
    const key = await keyOf('river')
    const first = await call('getItems', { params: { key }, query: { limit: 2 } })
    expect(first.items).toHaveLength(2)
    const rest = await call('getItems', { params: { key }, query: { offset: first.next ?? 0 } })
    expect(rest).toMatchObject({ items: [expect.objectContaining({ title: expect.any(String) })], next: null })
  })

  it('schedules many, tells each result, cancels and runs them again', async () => {
    await stage.pause()
    const { results } = await call('createJobs', {
      body: {
        jobs: [
          {
            project: 'lives',
            spider: 'nothing_at_all',
            jobid: 'batch-1',
            args: { a: '1' },
            settings: { B: '2' },
            priority: 3,
          },
          { project: 'lives', spider: 'nobody' },
          { project: 'lives', spider: 'nothing_at_all', jobid: 'batch-1' },
        ],
      },
    })
    expect(results).toMatchObject([
      {
        ok: true,
        duplicate: false,
        job: { id: 'batch-1', state: 'pending', args: { a: '1' }, scheduled_by: username },
      },
      { ok: false, job: null, code: 'spider-not-found', error: "spider 'nobody' not found" },
      { ok: true, duplicate: true, job: { id: 'batch-1' } },
    ])
    const cancelled = await call('cancelJobs', { body: { filter: { state: ['pending'] } } })
    expect(cancelled).toMatchObject({ cancelled: 1, skipped: 0, errors: [] })
    const key = await keyOf('batch-1')
    expect(await stage.daemon.job('batch-1')).toMatchObject({ outcome: 'cancelled', cancelled_by: username })
    const again = await stage.daemon.get(`/api/jobs/${key}/cancel`, {
      method: 'POST',
      body: '{}',
      headers: { 'Content-Type': 'application/json' },
    })
    expect(again.status).toBe(409)
    await stage.resume()
    const rerun = await call('rerunJob', { params: { key }, body: {} })
    expect(rerun).toMatchObject({ args: { a: '1' }, settings: { B: '2' }, priority: 3 })
    expect(rerun.id).not.toBe('batch-1')
    expect(await stage.daemon.ended(rerun.id)).toMatchObject({ outcome: 'finished' })
  })

  it('lists spiders with their modules, last runs and what was given to them before', async () => {
    const list = await call('listSpiders', { params: { project: 'newspapers' } })
    expect(list.errors).toEqual([])
    expect(list.spiders.find(({ name }) => name === 'river_post')).toMatchObject({
      module: 'newspapers.spiders.river_post',
      last_job: { id: 'river', outcome: 'finished' },
      recent: [{ outcome: 'finished' }],
    })
    expect(list.spiders.find(({ name }) => name === '云溪日报')).toMatchObject({
      last_job: null,
      recent: [],
      usual: null,
    })
    const params = { project: 'newspapers', spider: 'river_post' }
    expect(await call('spiderHints', { params })).toEqual({ args: ['limit'], settings: [] })
  })

  it('sums up the node', async () => {
    const overview = await call('overview')
    expect(overview).toMatchObject({
      nodes: { online: 1, offline: 0 },
      jobs: { pending: 0, running: 0 },
      day: { failed: 2, lost: 0 },
      projects: 2,
    })
    expect(overview.last_failures.map(({ id }) => id).toSorted()).toEqual(['broken', 'quick'])
    expect(overview.throughput).toHaveLength(48)
  })

  it('sends what happens, and a log that grows, on one stream', async () => {
    const gate = stage.workshop.path('gate')
    const stop = new AbortController()
    const seen: FeedEvent[] = []
    let text = ''
    let id = ''
    for await (const event of stage.daemon.client.openEvents({ live: true, signal: stop.signal })) {
      seen.push(event)
      if (event.type === 'hello') {
        id = await stage.daemon.schedule('lives', 'long', { until: gate, setting: 'LOG_LEVEL=DEBUG' })
        await call('addTail', {
          params: { stream: event.stream, tail: 'mine' },
          body: { key: await keyOf(id), offset: 0 },
        })
      }
      if (event.type === 'log') {
        text += event.text
        if (text.includes("{'page': 3}")) stage.workshop.touch(gate)
        if (event.state === 'end') stop.abort()
      }
    }
    const states = seen.flatMap((event) => (event.type === 'job' && event.job.id === id ? [event.job.state] : []))
    expect(states).toEqual(expect.arrayContaining(['pending', 'starting', 'running', 'finished']))
    const numbers = seen.flatMap((event) => ('seq' in event ? [event.seq] : []))
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
    expect(text).toBe(await (await stage.daemon.get(`/logs/lives/long/${id}.log`)).text())
    expect(text).toContain('Spider closed (finished)')
  })

  it('signs a browser in by a cookie, with the same rights, and out', async () => {
    const { url } = stage.daemon
    const send = (path: string, init: RequestInit = {}) => fetch(url + path, { redirect: 'manual', ...init })
    const login = (word: string) =>
      send('/api/session', {
        method: 'POST',
        body: JSON.stringify({ username, password: word }),
        headers: { 'Content-Type': 'application/json' },
      })
    expect((await login('wrong')).status).toBe(401)
    const page = await send('/', { headers: { Accept: 'text/html' } })
    expect(page.status).toBe(401)
    expect(page.headers.get('www-authenticate')).toBe(null)
    expect(await page.text()).toContain('<form')
    const answer = await login(password)
    expect(answer.status).toBe(200)
    const cookie = answer.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/HttpOnly/i)
    expect(cookie).toMatch(/SameSite=Strict/i)
    const [pair = ''] = cookie.split(';')
    const headers = { Cookie: pair }
    expect(await (await send('/api/session', { headers })).json()).toEqual({ username, authentication: true })
    expect((await send('/daemonstatus.json', { headers })).status).toBe(200)
    // It outlives the daemon.
    await stage.daemon.kill9()
    await stage.daemon.startAgain()
    expect((await fetch(`${stage.daemon.url}/api/node`, { headers })).status).toBe(200)
    expect((await fetch(`${stage.daemon.url}/api/node`)).status).toBe(401)
  })

  it('describes itself as OpenAPI 3.1, and refuses what only a master does', async () => {
    const document = (await (await stage.daemon.get('/api/openapi.json')).json()) as {
      openapi: string
      paths: Record<string, Record<string, unknown>>
    }
    expect(document.openapi).toMatch(/^3\.1/)
    for (const { path, method, scope } of Object.values(ENDPOINTS)) {
      if (scope === 'cluster') continue
      expect(document.paths[path]).toHaveProperty(method.toLowerCase())
    }
    expect(document.paths).toHaveProperty(['/schedule.json', 'post'])
    for (const path of ['/api/cluster', '/api/nodes', '/api/forwards']) {
      const answer = await stage.daemon.get(path)
      expect(answer.status).toBe(404)
      expect(answer.headers.get('content-type')).toContain('application/problem+json')
      expect(String(((await answer.json()) as { detail: string }).detail)).toMatch(/master/)
    }
  })
})
