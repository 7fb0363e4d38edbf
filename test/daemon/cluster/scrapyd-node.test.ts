import type { RequestListener } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { NodeTarget } from '../../../src-daemon/cluster/node-target.ts'
import { ScrapydNode } from '../../../src-daemon/cluster/scrapyd-node.ts'
import { serve, targetAt, type TestServer } from './http-servers.ts'

const OK = { status: 'ok', node_name: 'reed' }

/** Answers by path; what is not there answers 404. */
function services(answers: Record<string, unknown>): RequestListener {
  return (request, response) => {
    const answer = answers[new URL(request.url ?? '', 'http://x').pathname.slice(1)]
    if (answer === undefined) response.writeHead(404).end('<html>')
    else response.end(typeof answer === 'string' ? answer : `${JSON.stringify(answer)}\n`)
  }
}

async function scrapyd(
  listener: RequestListener,
  target: Partial<NodeTarget> = {},
): Promise<{ node: ScrapydNode; server: TestServer; bodies: URLSearchParams[] }> {
  const bodies: URLSearchParams[] = []
  const server = await serve((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      bodies.push(new URLSearchParams(Buffer.concat(pieces).toString()))
      listener(request, response)
    })
  })
  const at = targetAt(server.url, { kind: 'scrapyd', ...target })
  return { node: new ScrapydNode(() => at, { timeoutMs: 2_000, pythonMs: 2_000 }), server, bodies }
}

const job = {
  id: 'j-1',
  project: 'p',
  spider: '云溪',
  priority: 2.5,
  args: { limit: '3', q: 'a=b&c' },
  settings: { LOG_LEVEL: 'DEBUG', X: 'a=b' },
  version: null,
}

describe('ScrapydNode', () => {
  it('schedules under our own id, with arguments and settings', async () => {
    const { node, bodies, server } = await scrapyd(services({ 'schedule.json': { ...OK, jobid: 'j-1' } }), {
      username: 'ann',
      password: 'secret',
    })
    expect(await node.schedule(job)).toEqual({ answer: 'accepted' })
    expect([...(bodies[0] ?? [])]).toEqual([
      ['limit', '3'],
      ['q', 'a=b&c'],
      ['project', 'p'],
      ['spider', '云溪'],
      ['jobid', 'j-1'],
      ['priority', '2.5'],
      ['setting', 'LOG_LEVEL=DEBUG'],
      ['setting', 'X=a=b'],
    ])
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('ann:secret').toString('base64')}`)
  })

  it.each([
    ["project 'p' not found", 'no-project'],
    ["spider '云溪' not found", 'no-spider'],
    ["version 'v' not found", 'unstartable'],
    ['RunnerError: Traceback …\nModuleNotFoundError: x', 'unstartable'],
  ])('understands the refusal "%s"', async (message, answer) => {
    const { node } = await scrapyd(services({ 'schedule.json': { status: 'error', message, node_name: 'reed' } }))
    expect(await node.schedule(job)).toEqual({ answer, reason: message })
  })

  it.each(['name', '_job', 'jobid', 'self', 'setting', 'spider_name'])(
    'does not send the spider argument %s, which Scrapyd takes for something else',
    async (name) => {
      const { node, server } = await scrapyd(services({}))
      const answer = await node.schedule({ ...job, args: { [name]: 'x' } })
      expect(answer).toMatchObject({ answer: 'unstartable', reason: expect.stringContaining(`'${name}'`) })
      expect(server.requests).toHaveLength(0)
    },
  )

  it('cancels, with the signal that was asked for', async () => {
    const { node, bodies } = await scrapyd(services({ 'cancel.json': { ...OK, prevstate: 'running' } }))
    expect(await node.cancel('p', 'j-1')).toBe('running')
    await node.cancel('p', 'j-1', 'KILL')
    expect(bodies.map(String)).toEqual(['project=p&job=j-1', 'project=p&job=j-1&signal=KILL'])
  })

  it('reads what it lists', async () => {
    const running = { id: 'a', project: 'p', spider: 's', pid: 3, start_time: '2026-01-01 00:00:00' }
    const { node } = await scrapyd(
      services({
        'daemonstatus.json': { ...OK, pending: 1, running: 2, finished: 3 },
        'listprojects.json': { ...OK, projects: ['p'] },
        'listspiders.json': { ...OK, spiders: ['s', 't'] },
        'listversions.json': { ...OK, versions: ['1'] },
        'listjobs.json': { ...OK, pending: [{ id: 'b', project: 'p', spider: 's' }], running: [running], finished: [] },
      }),
    )
    expect(await node.daemonStatus()).toEqual({ ...OK, pending: 1, running: 2, finished: 3 })
    expect(await node.listProjects()).toEqual(['p'])
    expect(await node.listSpiders('p')).toEqual(['s', 't'])
    expect(await node.listVersions('p')).toEqual(['1'])
    const { jobs, clock } = await node.listJobs()
    expect(jobs.running).toEqual([{ ...running, log_url: null }])
    expect(jobs.pending).toEqual([{ id: 'b', project: 'p', spider: 's', version: null, settings: {}, args: {} }])
    expect(Math.abs((clock ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  it.each([
    ['no JSON', '<html>hello</html>', 'not-scrapyd'],
    ['another shape', { status: 'ok', projects: 'none' }, 'not-scrapyd'],
    ['too much', JSON.stringify({ ...OK, projects: ['x'.repeat(9_000_000)] }), 'too-large'],
    ['nothing of the name', undefined, 'not-scrapyd'],
  ])('refuses an answer that is %s', async (_what, answer, kind) => {
    const { node } = await scrapyd(services({ 'listprojects.json': answer }))
    await expect(node.listProjects()).rejects.toMatchObject({ code: 'node-unreachable', kind })
  })

  it('tells the words of a refusal', async () => {
    const { node } = await scrapyd(services({ 'listversions.json': { status: 'error', message: 'IndexError: x' } }))
    await expect(node.listVersions('p')).rejects.toMatchObject({ words: 'IndexError: x', code: 'refused-by-scrapyd' })
  })

  it('tells whether a request may have arrived, and never a password', async () => {
    const { node, server } = await scrapyd((request) => request.socket.destroy(), {
      username: 'ann',
      password: 'hunter2',
    })
    const cut = await node.schedule(job).catch((error: unknown) => error)
    expect(cut).toMatchObject({ kind: 'cut', mayHaveArrived: true })
    await server.stop()
    const refused = await node.schedule(job).catch((error: unknown) => error)
    expect(refused).toMatchObject({ kind: 'refused', mayHaveArrived: false })
    for (const error of [cut, refused] as Error[]) {
      expect(error.message).toContain('reed (127.0.0.1:')
      expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toMatch(/hunter2|aHVudGVy/)
    }
  })

  it.each([
    [502, true],
    [404, false],
    [401, false],
  ])('answered with HTTP %d, has the request perhaps: %s', async (status, mayHaveArrived) => {
    const { node } = await scrapyd((_request, response) => response.writeHead(status).end('<html>'))
    await expect(node.schedule(job)).rejects.toMatchObject({ mayHaveArrived })
  })

  it('waits for an answer no longer than it may', async () => {
    const server = await serve(() => {})
    const node = new ScrapydNode(() => targetAt(server.url), { timeoutMs: 50, pythonMs: 50 })
    await expect(node.daemonStatus()).rejects.toMatchObject({ kind: 'timeout', words: 'no answer within 0.1 s' })
    await expect(node.schedule(job)).rejects.toMatchObject({ kind: 'timeout', mayHaveArrived: true })
  })

  it('says that the password is wrong', async () => {
    const { node } = await scrapyd((_request, response) => response.writeHead(401).end('Unauthorized'))
    await expect(node.daemonStatus()).rejects.toMatchObject({ kind: 'wrong-password' })
  })
})
