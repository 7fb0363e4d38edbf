import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RunnerError, SpiderNotFoundError, StorageError } from '../../../src-daemon/errors.ts'
import { rowsOf } from '../../helpers/fake-scrapyd.ts'
import { FakeServer } from '../../helpers/fake-server.ts'

const EGG = Buffer.concat([Buffer.from('PK\x03\x04 whatever '), Buffer.from('PK\x05\x06'), Buffer.alloc(18)])

let server: FakeServer
beforeEach(async () => {
  server = await new FakeServer().start()
})
afterEach(() => server.stop())

const query = (service: string, parameters: Record<string, string>) =>
  server.json(server.get(`/${service}.json?${new URLSearchParams(parameters).toString()}`))
const form = (service: string, parameters: Record<string, string>) =>
  server.json(server.post(`/${service}.json`, parameters))
const failure = (message: string) => ({ status: 'error', message })

describe('the web services', () => {
  it('answer as Scrapyd does: JSON, ordered and spaced as there, with a line break', async () => {
    const answer = await server.get('/daemonstatus.json')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    expect(await answer.text()).toBe(
      '{"pending": 0, "running": 0, "finished": 0, "status": "ok", "node_name": "node1"}\n',
    )
    expect(await (await server.get('/status.json')).text()).toBe(
      `{"status": "error", "message": "'job' parameter is required", "node_name": "node1"}\n`,
    )
  })

  it('answer in ASCII, which clients read alike whatever charset they take for given', async () => {
    server.scrapyd.failure = new SpiderNotFoundError('新闻 😀')
    const text = await (await server.post('/schedule.json', { project: 'news', spider: '新闻 😀' })).text()
    expect(text).toContain(String.raw`spider '\u65b0\u95fb \ud83d\ude00' not found`)
  })

  it.each([
    ['POST', 'schedule', 'project', {}],
    ['POST', 'schedule', 'project', { spider: 's' }],
    ['POST', 'schedule', 'spider', { project: 'p' }],
    ['POST', 'cancel', 'project', { job: 'j' }],
    ['POST', 'cancel', 'job', { project: 'p' }],
    ['POST', 'addversion', 'project', { version: '1' }],
    ['POST', 'addversion', 'version', { project: 'p' }],
    ['POST', 'addversion', 'egg', { project: 'p', version: '1' }],
    ['POST', 'addproject', 'project', {}],
    ['POST', 'delproject', 'project', {}],
    ['POST', 'delversion', 'project', {}],
    ['POST', 'delversion', 'version', { project: 'p' }],
    ['GET', 'listversions', 'project', {}],
    ['GET', 'listspiders', 'project', {}],
    ['GET', 'status', 'job', {}],
  ])('%s %s.json wants %s', async (method, service, parameter, parameters) => {
    const answer = method === 'GET' ? query(service, parameters) : form(service, parameters)
    expect(await answer).toEqual(failure(`'${parameter}' parameter is required`))
  })

  it.each([
    ['POST', ['schedule', 'cancel', 'addproject', 'delproject', 'pullcode', 'addversion', 'delversion']],
    ['GET', ['daemonstatus', 'status', 'listprojects', 'listspiders', 'listversions', 'listjobs']],
  ])('tell at OPTIONS and at a wrong method that they take %s', async (method, services) => {
    for (const service of services) {
      const options = await server.get(`/${service}.json`, { method: 'OPTIONS' })
      expect(options.status).toBe(204)
      expect(options.headers.get('allow')).toBe(`OPTIONS, HEAD, ${method}`)
      expect(await options.text()).toBe('')
      const wrong = await server.get(`/${service}.json`, { method: method === 'GET' ? 'DELETE' : 'GET' })
      expect(wrong.status).toBe(405)
      expect(wrong.headers.get('allow')).toBe(`OPTIONS, HEAD, ${method}`)
      expect(await wrong.json()).toMatchObject({
        status: 'error',
        message: `UnsupportedMethod: Expected one of [b'HEAD', b'OPTIONS', b'${method}']`,
        node_name: 'node1',
      })
    }
  })

  it('answer HEAD where they answer GET', async () => {
    for (const service of ['listprojects', 'listjobs']) {
      const head = await server.get(`/${service}.json`, { method: 'HEAD' })
      expect([head.status, await head.text()]).toEqual([200, ''])
    }
    expect((await server.get('/schedule.json', { method: 'HEAD' })).status).toBe(405)
  })

  it('do not know other names', async () => {
    const answer = await server.get('/nothing.json')
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({ status: 'error', node_name: 'node1' })
    expect((await server.get('/crawllog.json?project=a&spider=b&jobid=c')).status).toBe(404)
  })

  it('are switched off one by one', async () => {
    await server.stop()
    server = await new FakeServer().start({ disabledServices: new Set(['cancel.json']) })
    expect((await server.post('/cancel.json', { project: 'news', job: '1' })).status).toBe(404)
    expect((await server.get('/listprojects.json')).status).toBe(200)
  })

  it('say on the master which cluster answers', async () => {
    await server.stop()
    server = await new FakeServer().start({ clusterName: 'press' })
    const answer = await (await server.get('/listprojects.json')).json()
    expect(answer).toEqual({ node_name: 'node1', cluster: 'press', status: 'ok', projects: ['news'] })
    expect(await (await server.get('/listspiders.json?project=x')).json()).toMatchObject({ cluster: 'press' })
  })
})

describe('schedule.json', () => {
  it('hands everything over and answers the node that holds the job', async () => {
    const body = new URLSearchParams([
      ['project', 'news'],
      ['spider', 'one'],
      ['_version', 'c0ffee'],
      ['jobid', 'aaa'],
      ['priority', '5'],
      ['setting', 'DOWNLOAD_DELAY=2'],
      ['setting', 'TRACK=Cause = Time'],
      ['arg1', 'val1'],
      ['arg1', 'val2'],
      ['参数', '值'],
      ['node', 'not a pin on a slave'],
    ])
    const answer = await server.post('/schedule.json', body, { headers: { 'Idempotency-Key': 'once' } })
    expect(await answer.json()).toEqual({ status: 'ok', jobid: 'aaa', node_name: 'holder' })
    expect(server.scrapyd.last).toEqual({
      name: 'schedule',
      input: {
        project: 'news',
        spider: 'one',
        version: 'c0ffee',
        jobid: 'aaa',
        priority: 5,
        settings: { DOWNLOAD_DELAY: '2', TRACK: 'Cause = Time' },
        args: { arg1: 'val1', 参数: '值', node: 'not a pin on a slave' },
        node: null,
      },
      by: { name: null, via: 'webservice', address: '127.0.0.1', idempotencyKey: 'once' },
    })
  })

  it('takes multipart bodies alike', async () => {
    const body = new FormData()
    body.append('project', 'news')
    body.append('spider', new Blob(['one']), 'spider.txt')
    body.append('priority', '-1')
    const answer = await server.get('/schedule.json', { method: 'POST', body })
    expect(await answer.json()).toMatchObject({ status: 'ok' })
    expect(server.scrapyd.last?.input).toMatchObject({ project: 'news', spider: 'one', priority: -1, args: {} })
  })

  it('takes parameters from the query as Scrapyd does, but a body wins', async () => {
    await server.post('/schedule.json?project=other&spider=two&a=1', { project: 'news' })
    expect(server.scrapyd.last?.input).toMatchObject({ project: 'news', spider: 'two', args: { a: '1' } })
  })

  it('looks at the query alone beside a body that is no form, as Scrapyd does', async () => {
    const send = (path: string) =>
      server.get(path, { method: 'POST', body: '{"spider": "two"}', headers: { 'Content-Type': 'application/json' } })
    expect((await send('/schedule.json?project=news&spider=one')).status).toBe(200)
    expect(server.scrapyd.last?.input).toMatchObject({ project: 'news', spider: 'one', args: {} })
    expect(await (await send('/schedule.json?project=news')).json()).toMatchObject({
      status: 'error',
      message: "'spider' parameter is required",
    })
    expect((await send('/pullcode.json?project=news')).status).toBe(415)
    expect((await send('/addproject.json?project=news')).status).toBe(415)
    expect(server.scrapyd.calls).toHaveLength(1)
  })

  it('knows a pin on the master', async () => {
    await server.stop()
    server = await new FakeServer().start({ clusterName: 'press' })
    await server.post('/schedule.json', { project: 'news', spider: 'one', node: 'n2' })
    expect(server.scrapyd.last?.input).toMatchObject({ node: 'n2', args: {} })
  })

  it.each([
    [{ project: 'x', spider: 'y', priority: 'x' }, "priority is invalid: could not convert string to float: b'x'"],
    [{ project: 'x', spider: 'y', priority: 'nan' }, "priority is invalid: must be finite, not b'nan'"],
    [{ project: 'x', spider: 'y', setting: 'A' }, 'setting is invalid: "A" is not NAME=value'],
    [{ project: 'x', spider: 'y', setting: '=1' }, 'setting is invalid: "=1" is not NAME=value'],
    [{ project: 'x', spider: 'y' }, "project 'x' not found"],
    [{ project: 'news', spider: 'y', _version: 'old' }, "version 'old' not found"],
    [{ project: 'news', spider: 'y' }, "spider 'y' not found"],
    [{ project: 'a\0b', spider: 'y' }, 'project is invalid: NUL characters are not allowed'],
    [{ project: 'news', spider: 'one', arg: 'a\0b' }, 'arg is invalid: NUL characters are not allowed'],
  ])('refuses %j', async (parameters, message) => {
    const answer = await server.post('/schedule.json', parameters)
    expect(answer.status).toBe(200)
    expect(await server.json(Promise.resolve(answer))).toEqual(failure(message))
  })

  it.each([
    [
      'project=%c3%28',
      "project is invalid: 'utf-8' codec can't decode byte 0xc3 in position 0: invalid continuation byte",
    ],
    [
      'project=news&spider=%ff',
      "spider is invalid: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ],
    [
      'project=news&spider=one&a=%ff',
      "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ],
    [
      'project=news&spider=one&%ff=a',
      "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ],
    [
      'project=news&spider=one&setting=%ff',
      "setting is invalid: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
    ],
  ])('refuses %j with the words of Python', async (body, message) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    expect(await server.json(server.get('/schedule.json', { method: 'POST', body, headers }))).toEqual(failure(message))
  })
})

describe('cancel.json', () => {
  it.each([
    [undefined, null],
    ['INT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['kill', 'SIGKILL'],
    ['9', 'SIGKILL'],
  ])('reads the signal %s', async (signal, expected) => {
    const parameters = { project: 'news', job: 'j', ...(signal === undefined ? {} : { signal }) }
    expect(await form('cancel', parameters)).toEqual({ status: 'ok', prevstate: 'pending' })
    expect(server.scrapyd.last?.input).toEqual({ project: 'news', job: 'j', signal: expected, host: null })
  })

  it.each(['', 'SIGSIG', '0', '999', '-9', 'constructor'])('refuses the signal %j', async (signal) => {
    expect(await form('cancel', { project: 'news', job: 'j', signal })).toEqual(
      failure(`signal is invalid: ${JSON.stringify(signal)} is no signal`),
    )
  })
})

describe('what Scrapyd does with eggs', () => {
  it('is refused after the parameters were checked', async () => {
    const body = new FormData()
    body.append('project', 'news')
    body.append('version', '1')
    body.append('egg', new Blob([Buffer.alloc(3_000_000), EGG]), 'a.egg')
    const answer = await server.get('/addversion.json', { method: 'POST', body })
    expect(answer.status).toBe(501)
    expect(await answer.json()).toMatchObject({ status: 'error', message: expect.stringContaining('addproject.json') })
  })

  it.each([
    [
      { project: 'news', version: '1', egg: 'invalid' },
      'egg is not a ZIP file (if using curl, use egg=@path not egg=path)',
    ],
    [{ project: '../p', version: '1', egg: EGG.toString('latin1') }, 'DirectoryTraversalError: ../p'],
  ])('says what is wrong with %j', async (parameters, message) => {
    expect(await form('addversion', parameters)).toEqual(failure(message))
  })

  it('refuses to delete a version that is there, and does not find another', async () => {
    expect(await form('delversion', { project: 'news', version: 'x' })).toEqual(failure("version 'x' not found"))
    expect(await form('delversion', { project: 'unknown', version: 'x' })).toEqual(failure("version 'x' not found"))
    expect(await form('delversion', { project: '../p', version: 'x' })).toEqual(
      failure('DirectoryTraversalError: ../p'),
    )
    expect((await server.post('/delversion.json', { project: 'news', version: 'c0ffee' })).status).toBe(501)
  })
})

describe('the other services', () => {
  it('list, and refuse names that leave a folder with the words of Scrapyd', async () => {
    expect(await query('listprojects', {})).toEqual({ status: 'ok', projects: ['news'] })
    expect(await query('listspiders', { project: 'news' })).toEqual({ status: 'ok', spiders: ['one', 'two'] })
    expect(await query('listversions', { project: 'unknown' })).toEqual({ status: 'ok', versions: [] })
    expect(await query('status', { job: 'x' })).toEqual({ status: 'ok', currstate: null })
    expect(await query('listversions', { project: '../p' })).toEqual(failure('DirectoryTraversalError: ../p'))
    expect(await form('delproject', { project: '../p' })).toEqual(failure('DirectoryTraversalError: ../p'))
    expect(await query('listspiders', { project: '../p' })).toEqual(failure("project '../p' not found"))
    expect(await query('listjobs', { project: '../p' })).toEqual(failure("project '../p' not found"))
    expect(await query('status', { job: 'x', project: '../p' })).toEqual(failure("project '../p' not found"))
    expect(await form('cancel', { job: 'x', project: '../p' })).toEqual(failure("project '../p' not found"))
  })

  it('take the first value of a parameter that is given twice', async () => {
    await server.get('/status.json?job=first&job=second')
    expect(server.scrapyd.last?.input).toEqual({ job: 'first', project: null })
  })

  it('pull one project or all', async () => {
    expect(await form('pullcode', {})).toEqual({ status: 'ok', message_details: [] })
    expect(server.scrapyd.last?.input).toEqual({ project: null })
    await form('pullcode', { project: 'news' })
    expect(server.scrapyd.last?.input).toEqual({ project: 'news' })
  })

  it('do not take a body of another type for an empty one', async () => {
    const answer = await server.get('/pullcode.json', {
      method: 'POST',
      body: '{"project": "news"}',
      headers: { 'Content-Type': 'application/json' },
    })
    expect(answer.status).toBe(415)
    expect(server.scrapyd.calls).toEqual([])
  })

  it('give a log URL as the client sees the master', async () => {
    await server.stop()
    server = await new FakeServer().start({ clusterName: 'press' })
    const path = '/crawllog.json?cluster_node=n&project=news&spider=one&jobid=1'
    const rest = '/forward/abc/logs/news/one/1.log'
    expect(await (await server.get(path)).json()).toMatchObject({ url: server.url + rest })
    const headers = {
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'crawl.example.org',
      'X-Forwarded-Prefix': '/scrapyd',
    }
    const answer = await (await server.get(path, { headers })).json()
    expect(answer).toMatchObject({ url: `https://crawl.example.org/scrapyd${rest}` })
  })
})

describe('listjobs.json', () => {
  it('is streamed: 30 MB do not stand in memory', async () => {
    const row = JSON.stringify({ id: 'x'.repeat(280), project: '新闻' })
    const chunk = Array.from({ length: 1_000 }, () => row).join(',')
    server.scrapyd.finishedRows = rowsOf(...Array.from({ length: 100 }, () => chunk))
    server.scrapyd.pendingRows = rowsOf('', row, '', row)
    const text = await (await server.get('/listjobs.json')).text()
    expect(text.slice(-42)).toBe('}], "status": "ok", "node_name": "node1"}\n')
    expect(text).toContain(String.raw`"project":"\u65b0\u95fb"`)
    const answer = JSON.parse(text) as Record<string, unknown[]>
    expect(answer['finished']?.length).toBe(100_000)
    expect(answer['pending']?.length).toBe(2)
    expect(answer['running']).toEqual([])
    expect(answer).toMatchObject({ status: 'ok', node_name: 'node1' })
  })

  it('breaks off when the rest cannot be read, instead of looking whole', async () => {
    server.scrapyd.finishedRows = (async function* () {
      yield* rowsOf(`"${'x'.repeat(200_000)}"`)
      throw new StorageError('the disk is gone')
    })()
    await expect(server.get('/listjobs.json').then((answer) => answer.text())).rejects.toThrow('terminated')
    expect(server.errors).toHaveLength(1)
    expect((await server.get('/listjobs.json')).status).toBe(200)
  })
})

describe('an error inside', () => {
  it('is told without its trace', async () => {
    server.scrapyd.failure = new RunnerError('ImportError: no module')
    expect(await query('listspiders', { project: 'news' })).toEqual(failure('RunnerError: ImportError: no module'))
    server.scrapyd.failure = new StorageError('disk full')
    const storage = await server.post('/schedule.json', { project: 'news', spider: 'one' })
    expect([storage.status, await storage.json()]).toEqual([503, { node_name: 'node1', ...failure('disk full') }])
    server.scrapyd.failure = new TypeError('secret of the house')
    const bug = await server.get('/listprojects.json')
    expect([bug.status, await bug.text()]).toEqual([500, expect.not.stringContaining('secret')])
    expect(server.errors).toHaveLength(2)
  })

  it('comes with its trace when debug is on, as with Scrapyd', async () => {
    await server.stop()
    server = await new FakeServer().start({ debug: true })
    const answer = await server.post('/schedule.json', { project: 'p', spider: 's', priority: 'x' })
    const text = await answer.text()
    expect(answer.status).toBe(200)
    expect(text.startsWith('Traceback (most recent call last):')).toBe(true)
    expect(text.endsWith("priority is invalid: could not convert string to float: b'x'\n")).toBe(true)
  })
})
