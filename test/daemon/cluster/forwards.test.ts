import { once } from 'node:events'
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net'
import type { RequestListener } from 'node:http'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { onTestFinished, describe, expect, it, vi } from 'vitest'
import { ForwardProxy, type ForwardProxyOptions } from '../../../src-daemon/cluster/forward-proxy.ts'
import { Forwards } from '../../../src-daemon/cluster/forwards.ts'
import type { NodeTarget } from '../../../src-daemon/cluster/node-target.ts'
import { WAIT } from './cluster-parts.ts'
import { ask, open, serve, targetAt, type TestServer } from './http-servers.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

interface Setup {
  readonly forwards: Forwards
  readonly node: TestServer
  /** Serves `/forward/<id>/…`, and `/to/…` by forwardTo. */
  readonly master: TestServer
  readonly target: NodeTarget
  readonly path: string
  readonly nodes: Map<string, NodeTarget>
}

async function setup(
  listener: RequestListener,
  more: {
    target?: Partial<NodeTarget>
    proxy?: ForwardProxyOptions
    expireMs?: number
    most?: number
    changed?: (id: string) => void
  } = {},
): Promise<Setup> {
  const node = await serve(listener)
  const target = targetAt(node.url, more.target)
  const nodes = new Map([[target.id, target]])
  const forwards = new Forwards({
    proxy: new ForwardProxy(more.proxy),
    target: (id) => nodes.get(id) ?? null,
    expireMs: more.expireMs ?? 60_000,
    ...(more.most === undefined ? {} : { most: more.most }),
    ...(more.changed === undefined ? {} : { changed: more.changed }),
  })
  const master = await serve((request, response) => {
    const [, id = '', rest = ''] = /^\/forward\/([^/?]*)(.*)$/s.exec(request.url ?? '') ?? []
    if (id !== '') forwards.serve(id, rest, request, response)
    else forwards.forwardTo(target, (request.url ?? '').slice('/to'.length), request, response, { problems: true })
  })
  onTestFinished(() => forwards.stop())
  return { forwards, node, master, target, nodes, path: forwards.open(target).path }
}

const text = (body: string, headers: Record<string, string> = {}): RequestListener => {
  return (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/plain', ...headers }).end(body)
  }
}

describe('a forward', () => {
  it('shows a file of the node, with the credentials that the master has for it', async () => {
    const { master, node, path } = await setup(text('a log'), { target: { username: 'ann', password: 'p:ä' } })
    const answer = await ask(master.url, `${path}logs/p/s/j.log`, {
      headers: {
        authorization: 'Basic bWFzdGVyOnNlY3JldA==',
        cookie: 'session=abc',
        'x-other': 'y',
        referer: 'http://m/',
      },
    })
    expect(answer).toMatchObject({ status: 200, text: 'a log' })
    const [seen] = node.requests
    expect(seen?.url).toBe('/logs/p/s/j.log')
    expect(Buffer.from(seen?.headers.authorization?.split(' ')[1] ?? '', 'base64').toString()).toBe('ann:p:ä')
    expect(Object.keys(seen?.headers ?? {}).toSorted()).toEqual([
      'accept',
      'authorization',
      'connection',
      'host',
      'user-agent',
    ])
    expect(seen?.headers.host).toBe(new URL(node.url).host)
  })

  it('passes no credentials to a node that takes none', async () => {
    const { master, node, path } = await setup(text(''))
    await ask(master.url, `${path}logs/p/s/j.log`, { headers: { authorization: 'Basic bWFzdGVyOnNlY3JldA==' } })
    expect(node.requests[0]?.headers.authorization).toBeUndefined()
  })

  it('keeps the credentials of the client to itself also when the request has to wait for a connection', async () => {
    const held: (() => void)[] = []
    const { master, node, path } = await setup((_request, response) => held.push(() => response.end('x')), {
      proxy: { connections: 1 },
    })
    const answers = [1, 2, 3].map((n) =>
      ask(master.url, `${path}logs/${n}`, { headers: { authorization: 'Basic c2VjcmV0', cookie: 'a=b' } }),
    )
    for (let n = 1; n <= 3; n++) {
      await vi.waitUntil(() => held.length === n, WAIT)
      expect(node.sockets.size).toBe(1)
      held[n - 1]?.()
    }
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(node.requests.some(({ headers }) => 'authorization' in headers || 'cookie' in headers)).toBe(false)
  })

  it.each(['/jobs', '/schedule.json', '/', '/logs/../jobs', '/logs/%2e%2e/jobs', '/logs/%252e%252e/jobs', '//logs/'])(
    'answers 404 or leads to the logs for %s, and the node is not asked',
    async (rest) => {
      const { master, node, path } = await setup(text('secret'))
      const answer = await ask(master.url, `${path.slice(0, -1)}${rest}`)
      expect(answer.status).toBe(rest === '/' ? 302 : 404)
      expect(answer.text).not.toContain('secret')
      expect(node.requests).toHaveLength(0)
    },
  )

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('refuses %s', async (method) => {
    const { master, node, path } = await setup(text('x'))
    const answer = await ask(master.url, `${path}logs/p/s/j.log`, { method })
    expect(answer).toMatchObject({ status: 405, headers: { allow: 'OPTIONS, HEAD, GET' } })
    expect(node.requests).toHaveLength(0)
  })

  it('answers OPTIONS by itself', async () => {
    const { master, node, path } = await setup(text('x'))
    const answer = await ask(master.url, `${path}logs/`, { method: 'OPTIONS' })
    expect(answer).toMatchObject({ status: 204, headers: { allow: 'OPTIONS, HEAD, GET' } })
    expect(node.requests).toHaveLength(0)
  })

  it('passes Range, HEAD and conditions', async () => {
    const { master, node, path } = await setup((request, response) => {
      if (request.headers['if-none-match'] === '"e"') response.writeHead(304, { ETag: '"e"' }).end()
      else if (request.headers.range === 'bytes=99-') {
        response.writeHead(416, { 'Content-Range': 'bytes */10' }).end('<h1>no</h1>')
      } else if (request.headers.range !== undefined) {
        response.writeHead(206, { 'Content-Range': 'bytes 2-3/10', 'Content-Length': 2, ETag: '"e"' }).end('cd')
      } else response.writeHead(200, { 'Content-Length': 10, 'Last-Modified': 'x' }).end('abcdefghij')
    })
    const file = `${path}logs/p/s/j.log`
    expect(await ask(master.url, file, { headers: { range: 'bytes=2-3', 'if-range': '"e"' } })).toMatchObject({
      status: 206,
      text: 'cd',
      headers: { 'content-range': 'bytes 2-3/10', 'content-length': '2', etag: '"e"' },
    })
    expect(node.requests[0]?.headers['if-range']).toBe('"e"')
    expect(await ask(master.url, file, { headers: { 'if-none-match': '"e"' } })).toMatchObject({
      status: 304,
      text: '',
    })
    expect(await ask(master.url, file, { headers: { range: 'bytes=99-' } })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */10' },
      text: 'No such range\n',
    })
    expect(await ask(master.url, file, { method: 'HEAD' })).toMatchObject({
      status: 200,
      text: '',
      headers: { 'content-length': '10', 'last-modified': 'x' },
    })
    expect(node.requests.at(-1)?.method).toBe('HEAD')
  })

  it('gives the whole file where Twisted fails on a range from the end that is longer than the file', async () => {
    const { master, node, path } = await setup((request, response) => {
      if (request.headers.range === 'bytes=-500') {
        response.writeHead(500, { 'Content-Range': 'bytes -489-10/11', 'Content-Length': 4 }).end('<ht>')
      } else response.end('short')
    })
    const answer = await ask(master.url, `${path}logs/p/s/j.log`, { headers: { range: 'bytes=-500' } })
    expect(answer).toMatchObject({ status: 200, text: 'short' })
    expect(node.requests).toHaveLength(2)
  })

  it('makes text of whatever a browser could run, and keeps the headers of the node from the client', async () => {
    const { master, path } = await setup(
      text('<script>alert(1)</script>', {
        'Content-Type': 'text/html',
        'Set-Cookie': 'a=b',
        'Access-Control-Allow-Origin': '*',
        'Clear-Site-Data': '"*"',
        'Content-Security-Policy': 'default-src *',
        'Content-Disposition': 'inline; filename=x.html',
        Server: 'TwistedWeb',
        Link: '</x.css>; rel=stylesheet',
        'Keep-Alive': 'timeout=99',
      }),
    )
    const { headers } = await ask(master.url, `${path}items/p/s/page.html`)
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(/^sandbox; default-src 'none'/),
      'cache-control': 'private, no-cache',
    })
    for (const name of [
      'set-cookie',
      'access-control-allow-origin',
      'clear-site-data',
      'server',
      'link',
      'content-disposition',
    ]) {
      expect({ [name]: headers[name] }).toEqual({ [name]: undefined })
    }
  })

  it('shows a folder as a page without scripts', async () => {
    const { master, path } = await setup(text('<table></table>', { 'Content-Type': 'text/html' }))
    const { headers } = await ask(master.url, `${path}logs/p/`)
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    expect(headers['content-security-policy']).toMatch(/^sandbox allow-same-origin; default-src 'none'/)
  })

  it('maps the redirects of the node, and follows none that leads away', async () => {
    const { master, path, node } = await setup((request, response) => {
      const location = request.url === '/logs/p' ? `${node.url}/logs/p/` : 'https://elsewhere.example/logs/'
      response.writeHead(302, { Location: location }).end()
    })
    expect(await ask(master.url, `${path}logs/p`)).toMatchObject({ status: 302, headers: { location: './p/' } })
    expect(await ask(master.url, `${path}logs/q`)).toMatchObject({ status: 502, headers: {} })
  })

  it.each([
    [401, 502, 'refuses the user name and password'],
    [404, 404, 'File not found'],
    [500, 502, 'answered 500'],
    [100, 502, ''],
  ])('tells a %i of the node as %i, without its words', async (status, told, words) => {
    const { master, path } = await setup(
      (_request, response) => {
        if (status === 100) response.socket?.end('no HTTP at all\r\n\r\n')
        else response.writeHead(status, { 'WWW-Authenticate': 'Basic realm="x"' }).end('<h1>inside</h1>')
      },
      { target: { username: 'anna', password: 'hunter2' } },
    )
    const answer = await ask(master.url, `${path}logs/p`)
    expect(answer.status).toBe(told)
    expect(answer.text).toContain(words)
    expect(answer.text).not.toMatch(/inside|hunter2|anna/)
    expect(answer.headers['www-authenticate']).toBeUndefined()
  })

  it('says that the node cannot be reached', async () => {
    const { master, path, node } = await setup(text('x'))
    await node.stop()
    const answer = await ask(master.url, `${path}logs/p`)
    expect(answer).toMatchObject({ status: 502, headers: { 'content-type': 'text/plain; charset=utf-8' } })
    expect(answer.text).toContain(`reed (${new URL(node.url).host}) cannot be reached: connection refused`)
  })

  it('gives up on a node that does not answer', async () => {
    const { master, path, node } = await setup(() => {}, { proxy: { answerMs: 30 } })
    expect(await ask(master.url, `${path}logs/p`)).toMatchObject({ status: 504 })
    await vi.waitUntil(() => node.sockets.size === 0, WAIT)
  })

  it('gives up on a node that falls silent within its answer', async () => {
    const { master, path } = await setup((_request, response) => void response.write('begin'), {
      proxy: { silenceMs: 30 },
    })
    await expect(ask(master.url, `${path}logs/p`)).rejects.toThrow('aborted')
  })

  it('ends the request to the node when the client goes away', async () => {
    const { master, path, node, forwards } = await setup((_request, response) => void response.write('begin'))
    const answer = await open(master.url, `${path}logs/p`)
    expect(forwards.list()).toMatchObject([{ open: 1 }])
    answer.destroy()
    await vi.waitUntil(() => node.sockets.size === 0, WAIT)
    await vi.waitUntil(() => forwards.list()[0]?.open === 0, WAIT)
  })

  it('asks nothing for a client that goes away while it waits for a connection', async () => {
    const { master, path, node, forwards } = await setup((_request, response) => void response.write('begin'), {
      proxy: { connections: 1 },
    })
    const first = await open(master.url, `${path}logs/first`)
    const waiting = connect(master.port, '127.0.0.1')
    waiting.write(`GET ${path}logs/second HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await vi.waitUntil(() => forwards.list()[0]?.open === 2, WAIT)
    waiting.destroy()
    await vi.waitUntil(() => forwards.list()[0]?.open === 1, WAIT)
    first.destroy()
    await vi.waitUntil(() => forwards.list()[0]?.open === 0, WAIT)
    await vi.waitUntil(() => node.sockets.size === 0, WAIT)
    expect(node.requests.map(({ url }) => url)).toEqual(['/logs/first'])
  })

  it.each(['with a length', 'in chunks'])('cuts the answer off when the node dies within it, sent %s', async (how) => {
    const { master, path } = await setup((_request, response) => {
      response.writeHead(200, how === 'in chunks' ? {} : { 'Content-Length': 1_000_000 })
      response.write('begin', () => response.socket?.destroy())
    })
    await expect(ask(master.url, `${path}logs/p`)).rejects.toThrow('aborted')
  })

  it('reads from the node only as fast as the client does', async () => {
    let sent = 0
    const piece = Buffer.alloc(65_536)
    const { master, path } = await setup((_request, response) => {
      response.writeHead(200, { 'Content-Length': 1_000 * piece.length })
      const more = () => {
        while (sent < 1_000) {
          sent++
          if (!response.write(piece)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })
    const answer = await open(master.url, `${path}logs/p`)
    answer.pause()
    let before = -1
    await vi.waitUntil(
      () => {
        const isStill = sent === before
        before = sent
        return isStill
      },
      { interval: 100, timeout: 5_000 },
    )
    // What the kernel's socket buffers take.
    expect(sent).toBeLessThan(400)
    let got = 0
    for await (const bytes of answer) got += (bytes as Buffer).length
    expect(got).toBe(1_000 * piece.length)
  })

  it('holds nothing of what it has passed on', async () => {
    const piece = Buffer.alloc(1_048_576)
    const { master, path } = await setup((_request, response) => {
      response.writeHead(200, { 'Content-Length': 8 * piece.length })
      for (let n = 0; n < 8; n++) response.write(piece)
      response.end()
    })
    const held = () => {
      collectGarbage()
      return process.memoryUsage().arrayBuffers
    }
    const download = async () => {
      let got = 0
      for await (const bytes of await open(master.url, `${path}logs/p`)) got += (bytes as Buffer).length
      expect(got).toBe(8 * piece.length)
    }
    await download()
    const before = held()
    for (let n = 0; n < 24; n++) await download()
    // What Node frees a moment later is no leak: 200 MiB went through.
    await vi.waitUntil(() => held() - before < 2 * piece.length, WAIT)
  })

  it('asks again when a kept connection was closed by the node at that moment', async () => {
    let connections = 0
    const node = createTcpServer((socket) => {
      connections++
      socket.on('error', () => {})
      let requests = 0
      socket.on('data', () => {
        if (++requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        else socket.destroy()
      })
    }).listen(0, '127.0.0.1')
    await once(node, 'listening')
    onTestFinished(() => void node.close())
    const { forwards, master, nodes } = await setup(text(''))
    const target = targetAt(`http://127.0.0.1:${(node.address() as AddressInfo).port}`, { id: 'n2' })
    nodes.set('n2', target)
    const { path } = forwards.open(target)
    for (const _ of [1, 2, 3]) expect(await ask(master.url, `${path}logs/p`)).toMatchObject({ status: 200, text: 'ok' })
    expect(connections).toBe(3)
  })

  it('uses one connection for one request after another', async () => {
    const sockets = new Set<unknown>()
    const { master, path } = await setup((request, response) => {
      sockets.add(request.socket)
      response.writeHead(request.url === '/logs/no' ? 404 : 200, { 'Content-Length': 1 }).end('x')
    })
    for (const name of ['a', 'no', 'b']) await ask(master.url, `${path}logs/${name}`)
    expect(sockets.size).toBe(1)
  })
})

describe('the life of a forward', () => {
  it('is one per node', async () => {
    const { forwards, target, nodes, path } = await setup(text(''))
    expect(forwards.open(target).path).toBe(path)
    const other = { ...target, id: 'n2', name: 'fern' }
    nodes.set('n2', other)
    expect(forwards.open(other).path).not.toBe(path)
    expect(forwards.list().map(({ node, url, open: count }) => ({ node, url, count }))).toEqual([
      { node: 'reed', url: target.url, count: 0 },
      { node: 'fern', url: target.url, count: 0 },
    ])
  })

  it('ends when it is not used', async () => {
    const { forwards, master, path } = await setup(text('x'), { expireMs: 40 })
    await vi.waitUntil(() => forwards.list().length === 0, WAIT)
    expect(await ask(master.url, `${path}logs/p`)).toMatchObject({ status: 404 })
  })

  it('tells that it was made, is used, is not used any more, and is gone', async () => {
    const held: (() => void)[] = []
    const told: (number | null)[] = []
    const of: { forwards?: Forwards } = {}
    const { forwards, master, path } = await setup(
      (_request, response) => {
        response.write('begin')
        held.push(() => response.end('end'))
      },
      { expireMs: 60, changed: (id) => told.push(of.forwards?.get(id)?.open ?? null) },
    )
    of.forwards = forwards
    expect(told).toHaveLength(1)
    const answer = ask(master.url, `${path}logs/p`)
    await vi.waitUntil(() => held.length === 1)
    expect(told.at(-1)).toBe(1)
    held[0]?.()
    await answer
    await vi.waitUntil(() => told.at(-1) === 0)
    await vi.waitUntil(() => told.at(-1) === null)
    expect(forwards.list()).toEqual([])
  })

  it('does not end while something is transferred', async () => {
    const held: (() => void)[] = []
    const { forwards, master, path } = await setup(
      (_request, response) => {
        response.write('begin')
        held.push(() => response.end('end'))
      },
      { expireMs: 20 },
    )
    const answer = ask(master.url, `${path}logs/p`)
    await vi.waitUntil(() => held.length === 1, WAIT)
    const { id } = forwards.list()[0] as { id: string }
    const used = performance.now()
    await vi.waitUntil(() => performance.now() - used > 100, WAIT)
    expect(forwards.list()).toMatchObject([{ id, open: 1 }])
    held[0]?.()
    expect((await answer).text).toBe('beginend')
    await vi.waitUntil(() => forwards.list().length === 0, WAIT)
  })

  it('can be dropped, with what it transfers', async () => {
    const { forwards, master, path, node } = await setup((_request, response) => void response.write('begin'))
    const { id } = forwards.list()[0] as { id: string }
    const answer = await open(master.url, `${path}logs/p`)
    expect(forwards.drop(id)).toBe(true)
    expect(forwards.drop(id)).toBe(false)
    await expect(once(answer.resume(), 'end')).rejects.toThrow('aborted')
    await vi.waitUntil(() => node.sockets.size === 0, WAIT)
    expect(await ask(master.url, `${path}logs/p`)).toMatchObject({ status: 404 })
  })

  it('ends with its node', async () => {
    const { forwards, master, path, nodes, target } = await setup(text('x'))
    nodes.clear()
    expect(await ask(master.url, `${path}logs/p`)).toMatchObject({ status: 404 })
    nodes.set(target.id, target)
    expect(await ask(master.url, `${path}logs/p`)).toMatchObject({ status: 404 })
    forwards.open(target)
    forwards.dropNode(target.id)
    expect(forwards.list()).toEqual([])
  })

  it('gives way when there are too many', async () => {
    const { forwards, target, nodes } = await setup(text(''), { most: 2 })
    for (const id of ['n2', 'n3']) {
      nodes.set(id, { ...target, id, name: id })
      forwards.open({ ...target, id })
    }
    expect(forwards.list().map(({ node }) => node)).toEqual(['n2', 'n3'])
  })

  it('uses what is known of the node now', async () => {
    const { master, node, nodes, path, target } = await setup(text('x'), { target: { username: 'a', password: 'old' } })
    nodes.set(target.id, { ...target, password: 'new' })
    await ask(master.url, `${path}logs/p`)
    expect(node.requests[0]?.headers.authorization).toBe(`Basic ${Buffer.from('a:new').toString('base64')}`)
  })
})

describe('forwardTo', () => {
  it('passes path and query as they are', async () => {
    const { master, node } = await setup(
      text('bytes', { 'X-Log-Size': '5', 'Content-Disposition': 'attachment; filename="j.log"' }),
    )
    const answer = await ask(master.url, '/to/api/jobs/k/log?offset=-10&limit=10&x=http://a//b')
    expect(node.requests[0]?.url).toBe('/api/jobs/k/log?offset=-10&limit=10&x=http://a//b')
    expect(answer).toMatchObject({
      status: 200,
      text: 'bytes',
      headers: { 'x-log-size': '5', 'content-disposition': 'attachment; filename="j.log"' },
    })
  })

  it('tells errors as problems where that is asked for', async () => {
    const { master, node } = await setup(text(''))
    await node.stop()
    const answer = await ask(master.url, '/to/api/jobs/k/log')
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(JSON.parse(answer.text)).toMatchObject({ status: 502, code: 'node-unreachable' })
  })
})
