import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rowsOf } from '../../helpers/fake-scrapyd.ts'
import { FakeServer } from '../../helpers/fake-server.ts'
import { RawConnection, sendRaw } from '../../helpers/raw-http.ts'

let server: FakeServer
const CHANGES = new Set(['schedule', 'addProject', 'deleteProject', 'pullCode', 'createJobs', 'cancelJobs'])

beforeAll(async () => {
  server = await new FakeServer().start({
    limits: {
      formBytes: 10_000,
      jsonBytes: 10_000,
      uploadBytes: 100_000,
      headersMs: 300,
      bodyMs: 300,
      unreadMs: 400,
      lingerMs: 200,
      lingerBytes: 1_000_000,
      connections: 40,
    },
  })
  server.replies['listJobs'] = { jobs: [], total: 0, start: 0, next: null }
  mkdirSync(join(server.logsDir, 'news', 'one'), { recursive: true })
  writeFileSync(join(server.logsDir, 'news', 'one', '1.log'), 'hello\n')
  writeFileSync(join(server.folder, 'secret.txt'), 'root:x:0:0')
})
afterAll(() => server.stop())

/** What every test ends with: the next request of another client is answered, and nothing was changed. */
async function afterwards() {
  const answer = await server.get('/daemonstatus.json')
  const calls = [...server.scrapyd.calls, ...server.apiCalls]
    .map(({ name }) => name)
    .filter((name) => CHANGES.has(name))
  return { status: answer.status, calls, errors: server.errors }
}
const UNHARMED = { status: 200, calls: [], errors: [] }

const head = (method: string, path: string, ...headers: string[]) =>
  `${[`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...headers].join('\r\n')}\r\n\r\n`
const FORM = 'Content-Type: application/x-www-form-urlencoded'
const formPost = (path: string, body: string, ...headers: string[]) =>
  head('POST', path, FORM, `Content-Length: ${body.length}`, ...headers) + body

describe('paths that try to leave the folder', () => {
  it.each([
    '/logs/../secret.txt',
    '/logs/../../etc/passwd',
    '/logs/%2e%2e/secret.txt',
    '/logs/%2E%2E%2Fsecret.txt',
    '/logs/..%2fsecret.txt',
    '/logs/..%5csecret.txt',
    '/logs/..\\secret.txt',
    '/logs/%252e%252e/secret.txt',
    '/logs/%c0%ae%c0%ae/secret.txt',
    '/logs/%e0%80%ae%e0%80%ae/secret.txt',
    '/logs/.%2e/secret.txt',
    '/logs/./secret.txt',
    '/logs//etc/passwd',
    '/logs/news/../../secret.txt',
    '/logs/news/one/1.log%00.txt',
    '/logs/news/one/1.log%0a',
    '/logs/news/one/1.log%0d%0aSet-Cookie:%20a=b',
    '/logs/%',
    '/logs/%zz',
    `/logs/${'a'.repeat(300)}`,
    `/logs/${'a/'.repeat(3_000)}`,
    `/logs/${'%2e%2e/'.repeat(1_000)}etc/passwd`,
    '/items/../secret.txt',
    '/logs/news/one/1.log/',
    '/logs/news/one/1.log/x',
    '/assets/../../secret.txt',
    '//etc/passwd',
    '/..',
    '/%2e%2e/secret.txt',
    '/jobs/../logs/',
    '/api/jobs/..%2f..%2fsecret.txt/log',
    '/api/projects/%ff',
    '/api/projects/%',
    '/forward/x/../../etc/passwd',
  ])('%s', async (path) => {
    const answer = await sendRaw(server.port, head('GET', path))
    expect([400, 404, 422]).toContain(answer.status)
    expect(answer.body).not.toContain('root:')
    expect(answer.body).not.toMatch(/\bat .*:\d+:\d+/)
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(await afterwards()).toEqual(UNHARMED)
  })
})

describe('requests that are not as they should be', () => {
  it.each<[string, string, number[]]>([
    ['a 200 kB query', head('GET', `/status.json?job=${'x'.repeat(200_000)}`), [431]],
    ['a 200 kB header', head('GET', '/daemonstatus.json', `X: ${'x'.repeat(200_000)}`), [431]],
    ['a 200 kB value', formPost('/schedule.json', `project=${'x'.repeat(200_000)}`), [413]],
    ['a body over the limit', formPost('/schedule.json', 'x'.repeat(10_001)), [413]],
    ['a length of terabytes', head('POST', '/schedule.json', FORM, 'Content-Length: 9999999999999'), [413]],
    ['a negative length', head('POST', '/schedule.json', FORM, 'Content-Length: -1'), [400]],
    ['two lengths', head('POST', '/schedule.json', FORM, 'Content-Length: 1', 'Content-Length: 2'), [400]],
    [
      'length and chunks',
      head('POST', '/schedule.json', FORM, 'Content-Length: 1', 'Transfer-Encoding: chunked'),
      [400],
    ],
    ['a chunk that is none', `${head('POST', '/schedule.json', FORM, 'Transfer-Encoding: chunked')}zz\r\n`, [400]],
    ['too many parameters', formPost('/schedule.json', 'a=1&'.repeat(1_500)), [400]],
    ['a packed body', formPost('/schedule.json', 'project=a', 'Content-Encoding: gzip'), [415]],
    ['packed chunks', head('POST', '/schedule.json', FORM, 'Transfer-Encoding: gzip, chunked') + '0\r\n\r\n', [501]],
    ['a body without a type', head('POST', '/schedule.json', 'Content-Length: 9') + 'project=a', [200]],
    ['JSON', head('POST', '/schedule.json', 'Content-Type: application/json', 'Content-Length: 2') + '{}', [200]],
    [
      'multipart without a boundary',
      head('POST', '/schedule.json', 'Content-Type: multipart/form-data', 'Content-Length: 2') + '--',
      [400],
    ],
    ['multipart that is cut off', multipart('--B\r\nContent-Disposition: form-data; name="project"\r\n\r\nnew'), [400]],
    ['multipart without a name', multipart('--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--'), [400]],
    [
      'multipart with a huge field',
      multipart(`--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n${'x'.repeat(9_900)}\r\n--B--`),
      [200, 413],
    ],
    ['an unknown method', head('BREW', '/schedule.json'), [400]],
    ['a wrong method', head('PATCH', '/schedule.json'), [405]],
    ['DELETE of a page', head('DELETE', '/jobs'), [405]],
    ['DELETE of a log', head('DELETE', '/logs/news/one/1.log'), [405]],
    ['another origin in the request line', head('GET', 'http://example.org/daemonstatus.json'), [400]],
    ['its own origin in the request line', head('GET', 'http://127.0.0.1/daemonstatus.json?a=/'), [200]],
    ['its own origin without a path', head('OPTIONS', 'HTTP://127.0.0.1'), [204]],
    ['two hosts', head('GET', '/daemonstatus.json', 'host: example.org'), [400]],
    ['OPTIONS *', head('OPTIONS', '*'), [400]],
    ['an expectation that is unknown', head('GET', '/daemonstatus.json', 'Expect: a-miracle'), [417]],
    ['an upgrade', head('GET', '/daemonstatus.json', 'Connection: Upgrade', 'Upgrade: websocket'), [200]],
    [
      'JSON too deep with a NUL',
      json('/api/jobs/cancel', `${'['.repeat(4_900)}"${String.raw`\u0000`}"${']'.repeat(4_900)}`),
      [422],
    ],
    [
      'an endless Idempotency-Key',
      formPost('/schedule.json', 'project=news&spider=one', `Idempotency-Key: ${'x'.repeat(201)}`),
      [200],
    ],
    ['HTTP/0.9', 'GET /\r\n\r\n', [200, 400]],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', [400]],
    ['no HTTP', 'hello?\r\n\r\n', [400]],
    ['a NUL in the path', 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', [400]],
    ['a header without a name', head('GET', '/', ': x'), [400]],
    ['a folded header', head('GET', '/', 'A: b\r\n c'), [200, 400]],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', [400]],
    ['a range of nonsense', head('GET', '/logs/news/one/1.log', 'Range: bytes=9-1,x'), [200]],
    ['a bad prefix', head('GET', '/jobs', 'X-Forwarded-Prefix: /"><script>'), [200]],
    ['an array in the query', head('GET', '/api/jobs?limit[]=1&limit[a]=2&__proto__=1'), [200]],
    ['JSON that is none', json('/api/jobs', '{"project": '), [400]],
    ['JSON too deep', json('/api/jobs', '['.repeat(9_000)), [400]],
    ['JSON over the limit', json('/api/jobs/cancel', JSON.stringify('x'.repeat(10_000))), [413]],
    ['JSON in UTF-16', json('/api/jobs', '{\0}\0', 'application/json; charset=utf-16'), [415]],
    ['JSON that is not UTF-8', json('/api/jobs', '{"project": "\xff"}'), [400]],
    ['JSON with a NUL', json('/api/jobs', String.raw`{"project": "a\u0000"}`), [422]],
    ['JSON with a prototype', json('/api/jobs', '{"__proto__": {"project": "a"}}'), [422]],
  ])('%s', async (_, data, statuses) => {
    const connection = await RawConnection.open(server.port)
    connection.send(data)
    const answer = await connection.answer()
    expect(statuses).toContain(answer.status)
    expect(answer.body).not.toMatch(/\bat .*:\d+:\d+/)
    expect(answer.body).not.toContain('<script>')
    connection.close()
    expect(await afterwards()).toEqual(UNHARMED)
  })
})

function multipart(body: string): string {
  const type = 'Content-Type: multipart/form-data; boundary=B'
  return head('POST', '/schedule.json', type, `Content-Length: ${body.length}`) + body
}

function json(path: string, body: string, type = 'application/json'): string {
  return head('POST', path, `Content-Type: ${type}`, `Content-Length: ${body.length}`) + body
}

describe('a tunnel', () => {
  it('is not made', async () => {
    const connection = await RawConnection.open(server.port)
    expect(await connection.send(head('CONNECT', 'example.org:443')).closed()).toBe('')
    expect(await afterwards()).toEqual(UNHARMED)
  })
})

describe('clients that take their time', () => {
  it('a body at a byte a moment is cut off', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send(head('POST', '/schedule.json', FORM, 'Content-Length: 1000'))
    const drip = setInterval(() => connection.send('a'), 20)
    const answer = await connection.answer()
    clearInterval(drip)
    expect(answer.status).toBe(408)
    await connection.closed()
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('so is one that nobody reads', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send(head('POST', '/nowhere', 'Content-Length: 1000'))
    const drip = setInterval(() => connection.send('a'), 20)
    expect((await connection.answer()).status).toBe(404)
    await connection.closed()
    clearInterval(drip)
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('headers at a byte a moment are cut off', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send('GET / HTTP/1.1\r\nHost: a\r\n')
    const drip = setInterval(() => connection.send('a'), 20)
    expect((await connection.answer()).status).toBe(408)
    await connection.closed()
    clearInterval(drip)
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('a connection that says nothing is closed', async () => {
    const connection = await RawConnection.open(server.port)
    expect(await connection.closed()).toMatch(/^(HTTP\/1\.1 408 .*)?$/s)
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('an answer that is never read is cut off', async () => {
    server.scrapyd.finishedRows = endless()
    const connection = await RawConnection.open(server.port)
    connection.socket.pause()
    connection.send(head('GET', '/listjobs.json'))
    await once(server.ended, 'ended')
    connection.socket.resume()
    await connection.closed()
    server.scrapyd.finishedRows = rowsOf()
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('a body that stops in the middle is dropped', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send(`${head('POST', '/schedule.json', FORM, 'Content-Length: 100')}project=news&spider=one`)
    connection.socket.end()
    await connection.closed()
    expect(await afterwards()).toEqual(UNHARMED)
  })
})

/** Rows until nobody takes them any more; the test hears of that. */
async function* endless(): AsyncGenerator<string> {
  const row = `"${'x'.repeat(100_000)}"`
  try {
    for (;;) {
      yield row
      await Promise.resolve()
    }
  } finally {
    server.ended.emit('ended')
  }
}

describe('many requests on a connection', () => {
  it('are answered in their order, up to the first that is none', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send(head('GET', '/daemonstatus.json').repeat(20) + 'rubbish\r\n\r\n')
    const text = await connection.closed()
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([...Array.from({ length: 20 }, () => 'HTTP/1.1 200'), 'HTTP/1.1 400'])
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('do not see a body that is not looked at as a request', async () => {
    const smuggled = head('POST', '/schedule.json', FORM, 'Content-Length: 24') + 'project=news&spider=one&'
    const connection = await RawConnection.open(server.port)
    connection.send(head('POST', '/schedule.json', 'Content-Type: text/plain', `Content-Length: ${smuggled.length}`))
    connection.send(smuggled)
    const text = await connection.closed()
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1)
    expect(text).toContain("'project' parameter is required")
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('a client that waits for 100 Continue is not asked for a body that is refused', async () => {
    const refused = await RawConnection.open(server.port)
    refused.send(head('POST', '/schedule.json', FORM, 'Content-Length: 99999999', 'Expect: 100-continue'))
    expect((await refused.closed()).startsWith('HTTP/1.1 413')).toBe(true)
    const welcome = await RawConnection.open(server.port)
    welcome.send(head('POST', '/cancel.json', FORM, 'Content-Length: 9', 'Expect: 100-continue'))
    await welcome.until((text) => text.includes('100 Continue'))
    expect((await welcome.send('project=a').answer()).status).toBe(200)
    welcome.close()
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('idle connections give way when there are too many', async () => {
    const many: RawConnection[] = []
    for (let i = 0; i < 60; i++) {
      const connection = await RawConnection.open(server.port)
      connection.send(head('GET', '/healthz'))
      many.push(connection)
      await Promise.race([connection.answer().catch(() => null), connection.closed()])
    }
    for (const connection of many) connection.close()
    expect(await afterwards()).toEqual(UNHARMED)
  })
})

describe('an upload', () => {
  it('is read to its end, within its limit', async () => {
    const upload = (size: number) => {
      const body = new FormData()
      body.append('project', 'news')
      body.append('version', '1')
      body.append('egg', new Blob([Buffer.alloc(size)]), 'a.egg')
      return server.get('/addversion.json', { method: 'POST', body })
    }
    expect(await (await upload(90_000)).json()).toMatchObject({ message: expect.stringContaining('not a ZIP') })
    expect((await upload(200_000)).status).toBe(413)
    expect(await afterwards()).toEqual(UNHARMED)
  })

  it('is no place for large fields', async () => {
    const body = new FormData()
    body.append('project', 'x'.repeat(20_000))
    expect((await server.get('/addversion.json', { method: 'POST', body })).status).toBe(413)
    expect(await afterwards()).toEqual(UNHARMED)
  })
})

describe('random bytes', () => {
  it('never stop the server', async () => {
    let seed = 20_260_101
    const random = (most: number) => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % most
    }
    const good = [
      formPost('/cancel.json', 'project=nobody&job=1'),
      multipart('--B\r\nContent-Disposition: form-data; name="project"\r\n\r\nnobody\r\n--B--\r\n'),
      head('GET', '/logs/news/one/1.log', 'Range: bytes=0-3', 'If-None-Match: "x"'),
      json('/api/jobs', '{"project": "a", "spider": "b"}'),
      head('GET', '/status.json?job=%20&project=a'),
    ]
    for (let round = 0; round < 150; round++) {
      const bytes = Buffer.from(good[random(good.length)] ?? '', 'latin1')
      const lineEnd = bytes.indexOf('\r\n')
      for (let change = 0; change < 3; change++) {
        // The request line stays, or most requests would not get past the parser.
        bytes[lineEnd + random(bytes.length - lineEnd)] = random(256)
      }
      const connection = await RawConnection.open(server.port)
      connection.send(bytes)
      connection.socket.end()
      await connection.closed()
      expect(connection.text).not.toMatch(/^HTTP\/1\.1 5(?!01)/)
    }
    expect(await afterwards()).toEqual(UNHARMED)
  })
})
