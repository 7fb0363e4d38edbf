import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../../../src-daemon/api/contract/endpoints.ts'
import type { Endpoint } from '../../../src-daemon/api/contract/endpoints.ts'
import { GitError, ProjectNotFoundError, StorageError } from '../../../src-daemon/errors.ts'
import { FakeServer } from '../../helpers/fake-server.ts'

let server: FakeServer
beforeEach(async () => {
  server = await new FakeServer().start()
})
afterEach(() => server.stop())

const KEY = 'a'.repeat(26)
const send = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  server.get(path, {
    method,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
  })
const problem = async (answer: Promise<Response>) => {
  const response = await answer
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const document = (await response.json()) as Record<string, unknown>
  expect(document).toMatchObject({ type: 'about:blank', status: response.status })
  expect(JSON.stringify(document)).not.toMatch(/\bat .*:\d+:\d+/)
  return document
}

describe('the /api family', () => {
  it('hands validated input to its handler and answers with the reply', async () => {
    server.replies['listJobs'] = { jobs: [], total: 0, start: 0, next: null }
    const answer = await send('GET', '/api/jobs?state=pending&state=running&project=a%20b&limit=5&unknown=1')
    expect(answer.headers.get('content-type')).toBe('application/json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(await answer.json()).toEqual(server.replies['listJobs'])
    expect(server.apiCalls).toEqual([
      {
        name: 'listJobs',
        input: {
          params: {},
          query: { state: ['pending', 'running'], project: ['a b'], sort: 'default', limit: 5 },
          body: {},
        },
        by: { name: null, via: 'api', address: '127.0.0.1', idempotencyKey: null },
      },
    ])
  })

  it('reads bodies and path parameters', async () => {
    server.replies['addProject'] = { project: {}, details: [] }
    server.replies['pauseNode'] = {}
    await send('POST', '/api/projects/%E7%88%AC%20x', { path: '/a', other: 1 }, { 'Idempotency-Key': 'k' })
    expect(server.apiCalls[0]).toMatchObject({
      input: { params: { project: '爬 x' }, body: { path: '/a' } },
      by: { idempotencyKey: 'k' },
    })
    await send('POST', '/api/node/pause')
    await send('POST', '/api/node/pause', '\ufeff{"note": "ü"}', {
      'Content-Type': 'application/json; charset="UTF-8"',
    })
    expect(server.apiCalls.slice(1).map(({ input }) => input.body)).toEqual([{ note: null }, { note: 'ü' }])
  })

  it('knows who asks', async () => {
    server.replies['getNode'] = {}
    await send('GET', '/api/node', undefined, { 'X-Scrapyd-Service-Via': encodeURIComponent('master:主') })
    await send('GET', '/api/node', undefined, { 'X-Scrapyd-Service-Via': 'anything' })
    await send('GET', '/api/node', undefined, { Origin: server.url })
    expect(server.apiCalls.map(({ by }) => (by as { via: string }).via)).toEqual(['master:主', 'api', 'console'])
  })

  it('says which fields are wrong', async () => {
    const found = await problem(send('GET', '/api/jobs?limit=0&state=sleeping&limit=5'))
    expect(found).toMatchObject({
      status: 422,
      code: 'invalid-parameter',
      errors: [{ field: 'state.0' }, { field: 'limit' }],
    })
    expect(await problem(send('POST', '/api/jobs', { project: 'a/b', spider: 's' }))).toMatchObject({ status: 422 })
    expect(await problem(send('GET', '/api/jobs/short'))).toMatchObject({ errors: [{ field: 'key' }] })
    expect(await problem(send('GET', '/api/jobs?project=%ff'))).toMatchObject({ errors: [{ field: 'project' }] })
    expect(await problem(send('GET', '/api/jobs?project=%00'))).toMatchObject({ errors: [{ field: 'project' }] })
    expect(server.apiCalls).toEqual([])
  })

  it.each([
    [{ filter: { projects: ['a'] } }, { field: 'filter.projects', message: 'is not known here' }],
    [{ filter: { stat: ['pending'] }, keys: [] }, { field: 'body' }],
    [{ filters: {} }, { field: 'body' }],
    [{}, { field: 'body', message: expect.stringMatching(/^keys: .*, or filter: /) as string }],
    [{ filter: { state: ['sleeping'] } }, { field: 'filter.state.0' }],
  ])('never takes a selection that it does not understand for all jobs: %j', async (body, error) => {
    for (const action of ['cancel', 'rerun']) {
      const found = await problem(send('POST', `/api/jobs/${action}`, body))
      expect(found).toMatchObject({ status: 422, errors: [error] })
    }
    expect(server.apiCalls).toEqual([])
  })

  it.each([
    ['not JSON', '{', 'application/json', 400],
    ['another type', 'a=1', 'application/x-www-form-urlencoded', 415],
    ['no type', '{}', '', 415],
    ['another charset', '{}', 'application/json; charset=gbk', 415],
    ['a NUL', String.raw`{"project": "a", "spider": "b", "args": {"a": "\u0000"}}`, 'application/json', 422],
    ['a NUL in a name', String.raw`{"project": "a", "spider": "b", "args": {"\u0000": "a"}}`, 'application/json', 422],
    ['a list', '[]', 'application/json', 422],
  ])('refuses a body that is %s', async (_, body, type, status) => {
    const answer = problem(send('POST', '/api/jobs', body, { 'Content-Type': type }))
    expect(await answer).toMatchObject({ status })
  })

  it('takes a batch of jobs up to 4 MiB, other bodies up to 1 MiB', async () => {
    server.replies['createJobs'] = { results: [] }
    const args = { a: 'x'.repeat(3_000) }
    const jobs = Array.from({ length: 1_000 }, () => ({ project: 'a', spider: 'b', args }))
    expect((await send('POST', '/api/jobs', { jobs })).status).toBe(200)
    expect(await problem(send('POST', '/api/jobs/cancel', { keys: ['x'.repeat(1_100_000)] }))).toMatchObject({
      status: 413,
      code: 'body-too-large',
    })
    expect(await problem(send('POST', '/api/jobs', { jobs: 'x'.repeat(4_300_000) }))).toMatchObject({ status: 413 })
  })

  it('turns errors into problems, and says nothing of those it does not know', async () => {
    const path = '/api/projects/x'
    server.replies['getProject'] = new ProjectNotFoundError('x')
    expect(await problem(send('GET', path))).toMatchObject({ status: 404, code: 'project-not-found' })
    server.replies['getProject'] = new GitError('fatal: refused')
    expect(await problem(send('GET', path))).toMatchObject({ status: 502, detail: 'fatal: refused' })
    server.replies['getProject'] = new StorageError('disk full')
    expect(await problem(send('GET', path))).toMatchObject({ status: 503, code: 'storage-failed' })
    server.replies['getProject'] = new TypeError('secret')
    expect(await problem(send('GET', path))).toMatchObject({ status: 500, code: 'internal' })
    expect(server.errors).toHaveLength(2)
  })

  it('answers for paths and methods that it does not have', async () => {
    expect(await problem(send('GET', '/api/nothing'))).toMatchObject({ status: 404 })
    expect(await problem(send('GET', '/api/jobs/'))).toMatchObject({ status: 404 })
    const wrong = await send('PUT', '/api/jobs')
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'OPTIONS, HEAD, GET, POST'])
    const options = await send('OPTIONS', `/api/dispatch/${KEY}`)
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'OPTIONS, HEAD, PUT, GET, DELETE'])
    server.replies['getNode'] = { a: 1 }
    const head = await send('HEAD', '/api/node')
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '8', ''])
  })

  it('says on a slave that only the master answers', async () => {
    const own = Object.entries<Endpoint>(ENDPOINTS).filter(([, { scope }]) => scope === 'cluster')
    expect(own.length).toBeGreaterThan(5)
    for (const [, { method, path }] of own) {
      const found = await problem(send(method, path.replaceAll(/\{\w+\}/g, 'x'), method === 'GET' ? undefined : {}))
      expect(found).toMatchObject({ status: 404, code: 'master-only', detail: expect.stringContaining('slave') })
    }
    await server.stop()
    server = await new FakeServer().start({ clusterName: 'press' })
    server.replies['listNodes'] = { nodes: [] }
    expect(await (await send('GET', '/api/nodes')).json()).toEqual({ nodes: [] })
  })
})

describe('a forward', () => {
  it('is handed its id and the rest of the address', async () => {
    await server.stop()
    const seen: string[][] = []
    server = await new FakeServer().start(
      {},
      {
        serve: (id, rest, _request, response) => {
          seen.push([id, rest])
          response.end('forwarded')
        },
      },
    )
    expect(await (await server.get('/forward/f1/logs/a%20b/1.log?x=1')).text()).toBe('forwarded')
    expect(seen).toEqual([['f1', '/logs/a%20b/1.log?x=1']])
    expect((await server.get('/forward/f1')).status).toBe(404)
  })
})
