import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeServer } from '../../helpers/fake-server.ts'
import { RawConnection } from '../../helpers/raw-http.ts'

let server: FakeServer
let folder: string
let log: string
const TEXT = '0123456789\nübergroß 爬虫\n'

beforeEach(async () => {
  server = await new FakeServer().start()
  folder = join(server.logsDir, 'news', 'one')
  mkdirSync(folder, { recursive: true })
  log = join(folder, '1.log')
  writeFileSync(log, TEXT)
})
afterEach(() => server.stop())

/** ScrapydWeb 1.6 reads a listing with this. */
const ROWS =
  /<tr\sclass="(odd|even)">\n\s+<td>(.*?)<\/td>\n\s+<td>(.*?)<\/td>\n(?:\s+<td>(.*?)<\/td>\n)?\s+<td>(.*?)<\/td>\n\s+<td>(.*?)<\/td>\n<\/tr>/g

describe('a folder', () => {
  it('is shown as Scrapyd shows it', async () => {
    writeFileSync(join(folder, 'b.log'), 'x'.repeat(3_000))
    writeFileSync(join(folder, '!<&>"\'.jl.gz'), '')
    mkdirSync(join(folder, '爬 虫'))
    utimesSync(log, new Date(2026, 0, 2, 3, 4, 5), new Date(2026, 0, 2, 3, 4, 5))
    const answer = await server.get('/logs/news/one/')
    const text = await answer.text()
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(text).toContain('<h1>Directory listing for /logs/news/one/</h1>')
    expect(text).toContain('<th>Last modified</th>')
    const rows = [...text.matchAll(ROWS)].map((row) => row.slice(1))
    expect(rows.map(([kind, name, size, , type, encoding]) => [kind, name, size, type, encoding])).toEqual([
      ['odd', '<a href="%E7%88%AC%20%E8%99%AB/">爬 虫/</a>', '', '[Directory]', ''],
      [
        'even',
        '<a href="%21%3C%26%3E%22%27.jl.gz">!&lt;&amp;&gt;&quot;&#x27;.jl.gz</a>',
        '0B',
        '[text/plain]',
        '[gzip]',
      ],
      ['odd', '<a href="1.log">1.log</a>', `${Buffer.byteLength(TEXT)}B`, '[text/plain]', ''],
      ['even', '<a href="b.log">b.log</a>', '2K', '[text/plain]', ''],
    ])
    expect(rows[2]?.[3]).toBe('2026-01-02 03:04')
  })

  it('without its slash leads to the one with it, also behind a proxy', async () => {
    const headers = { 'X-Forwarded-Prefix': '/a' }
    expect((await server.get('/logs')).headers.get('location')).toBe('/logs/')
    const answer = await server.get('/logs/news/one', { headers })
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/a/logs/news/one/'])
    expect((await server.get('/logs//news')).status).toBe(404)
  })

  it('is there before the first job', async () => {
    await server.stop()
    server = new FakeServer()
    await server.start()
    for (const tree of ['logs', 'items']) {
      const answer = await server.get(`/${tree}/`)
      expect(answer.status).toBe(200)
      expect(await answer.text()).toContain(`Directory listing for /${tree}/`)
    }
  })

  it('with many files is sent whole', async () => {
    for (let i = 0; i < 2_000; i++) writeFileSync(join(folder, `${i}.log`), '')
    const text = await (await server.get('/logs/news/one/')).text()
    expect([...text.matchAll(ROWS)]).toHaveLength(2_000)
  })

  it('answers HEAD without a body and other methods not at all', async () => {
    const head = await server.get('/logs/', { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await server.get('/logs/', { method: 'POST' })).headers.get('allow')).toBe('OPTIONS, HEAD, GET')
    expect((await server.get('/logs/', { method: 'OPTIONS' })).status).toBe(204)
  })
})

describe('a file', () => {
  const path = '/logs/news/one/1.log'
  const get = (headers: Record<string, string> = {}, method = 'GET') => server.get(path, { method, headers })
  const size = Buffer.byteLength(TEXT)

  it('is text that no browser takes for a page', async () => {
    writeFileSync(join(folder, 'x.html'), '<script>alert(1)</script>')
    for (const name of ['1.log', 'x.html']) {
      const { headers } = await server.get(`/logs/news/one/${name}`)
      expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('content-security-policy')).toContain('sandbox')
      expect(headers.get('set-cookie')).toBeNull()
    }
    expect(await (await get()).text()).toBe(TEXT)
    expect((await server.get(path, { method: 'HEAD' })).headers.get('content-length')).toBe(String(size))
  })

  it('is sent byte for byte, however large', async () => {
    const bytes = randomBytes(5_000_001)
    writeFileSync(log, bytes)
    const answers = await Promise.all([get(), get(), get({ Range: 'bytes=1-4999999' })])
    const [first, second, part] = await Promise.all(
      answers.map(async (answer) => Buffer.from(await answer.arrayBuffer())),
    )
    expect(first?.equals(bytes)).toBe(true)
    expect(second?.equals(bytes)).toBe(true)
    expect(part?.equals(bytes.subarray(1, 5_000_000))).toBe(true)
  })

  it('is sent in parts', async () => {
    const part = await get({ Range: 'bytes=2-4' })
    expect([part.status, part.headers.get('content-range'), await part.text()]).toEqual([
      206,
      `bytes 2-4/${size}`,
      '234',
    ])
    const tail = await get({ Range: 'bytes=-7' })
    expect([tail.status, await tail.text()]).toEqual([206, '爬虫\n'])
    const none = await get({ Range: `bytes=${size}-` })
    expect([none.status, none.headers.get('content-range'), await none.text()]).toEqual([416, `bytes */${size}`, ''])
    const several = await get({ Range: 'bytes=0-0,2-2' })
    expect([several.status, await several.text()]).toEqual([200, TEXT])
    const head = await get({ Range: 'bytes=0-1' }, 'HEAD')
    expect([head.status, head.headers.get('content-length')]).toEqual([206, '2'])
  })

  it('is not sent again when it is known', async () => {
    const first = await get()
    const etag = first.headers.get('etag') ?? ''
    const modified = first.headers.get('last-modified') ?? ''
    expect((await get({ 'If-None-Match': `"other", W/${etag}` })).status).toBe(304)
    expect((await get({ 'If-Modified-Since': modified })).status).toBe(304)
    expect((await get({ Range: 'bytes=0-0', 'If-Range': etag })).status).toBe(206)
    appendFileSync(log, 'more\n')
    expect((await get({ 'If-None-Match': etag })).status).toBe(200)
    expect((await get({ Range: 'bytes=0-0', 'If-Range': etag })).status).toBe(200)
    expect((await get({ 'If-None-Match': '*' })).status).toBe(304)
  })

  it('that grows while it is read does not break the answer', async () => {
    writeFileSync(log, 'a'.repeat(8_000_000))
    const connection = await RawConnection.open(server.port)
    connection.socket.pause()
    connection.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    const grow = setInterval(() => appendFileSync(log, 'b'.repeat(10_000)), 1)
    await expect.poll(() => statSync(log).size).toBeGreaterThan(8_050_000)
    connection.socket.resume()
    const { headers, body } = await connection.answer()
    clearInterval(grow)
    expect(body.length).toBe(Number(headers['content-length']))
    expect((await get()).status).toBe(200)
  })

  it('that shrinks while it is read cuts the answer off', async () => {
    writeFileSync(log, 'a'.repeat(20_000_000))
    const connection = await RawConnection.open(server.port)
    connection.socket.pause()
    connection.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await expect.poll(() => connection.socket.bytesRead).toBeGreaterThan(0)
    truncateSync(log, 10)
    connection.socket.resume()
    expect((await connection.closed()).length).toBeLessThan(20_000_000)
    expect((await get()).status).toBe(200)
  })

  it('is found by its name as it is, and not through links that lead away', async () => {
    writeFileSync(join(server.folder, 'secret.txt'), 'secret')
    symlinkSync(join(server.folder, 'secret.txt'), join(folder, 'link.log'))
    symlinkSync(server.folder, join(folder, 'out'))
    symlinkSync(log, join(folder, 'same.log'))
    symlinkSync('/dev/zero', join(folder, 'zero.log'))
    writeFileSync(join(folder, '%2e%2e'), 'a name')
    for (const name of ['link.log', 'out/secret.txt', 'out/', 'zero.log', 'nothing', '1.log/', '1.log/x']) {
      expect((await server.get(`/logs/news/one/${name}`)).status).toBe(404)
    }
    expect(await (await server.get('/logs/news/one/same.log')).text()).toBe(TEXT)
    expect(await (await server.get('/logs/news/one/%252e%252e')).text()).toBe('a name')
    expect((await server.get('/logs/news/one/%2elog')).status).toBe(404)
  })

  it('that is packed is its text, packed for the way, as Scrapyd sends it', async () => {
    writeFileSync(join(folder, 'a.log.gz'), gzipSync(TEXT))
    const answer = await server.get('/logs/news/one/a.log.gz')
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('content-encoding')).toBe('gzip')
    expect(await answer.text()).toBe(TEXT)
  })

  it.each([
    ['a.tar.gz', 'gzip'],
    ['a.tgz', null],
    ['a.png', null],
  ])('%s is bytes', async (name, encoding) => {
    writeFileSync(join(folder, name), gzipSync('bytes'))
    const { headers } = await server.get(`/logs/news/one/${name}`)
    expect([headers.get('content-type'), headers.get('content-encoding')]).toEqual([
      'application/octet-stream',
      encoding,
    ])
  })
})

describe('the log of a job', () => {
  const key = 'a'.repeat(26)
  const get = (query: string, headers: Record<string, string> = {}) =>
    server.get(`/api/jobs/${key}/log${query}`, { headers })

  beforeEach(() => {
    server.jobFiles.set(key, { log, items: null, output: null })
  })

  it('is sent from an offset, also from the end, with its size', async () => {
    for (const [query, text] of [
      ['', TEXT],
      ['?offset=2&limit=3', '234'],
      ['?offset=-7', '爬虫\n'],
      ['?offset=1000', ''],
      ['?offset=-1000&limit=1', '0'],
    ] as const) {
      const answer = await get(query)
      expect([answer.status, await answer.text()]).toEqual([200, text])
      expect(answer.headers.get('x-log-size')).toBe(String(Buffer.byteLength(TEXT)))
      expect(answer.headers.get('content-security-policy')).toContain('sandbox')
    }
  })

  it('is saved whole, and can be resumed', async () => {
    const answer = await get('?download=1')
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="1.log"; filename*=UTF-8''1.log`)
    expect(await answer.text()).toBe(TEXT)
    expect((await get('?download=true', { Range: 'bytes=1-1' })).status).toBe(206)
  })

  it('is a problem where there is none', async () => {
    const output = await server.get(`/api/jobs/${key}/output`)
    expect([output.status, await output.json()]).toEqual([404, expect.objectContaining({ code: 'file-not-found' })])
    const unknown = await server.get(`/api/jobs/${'b'.repeat(26)}/log`)
    expect([unknown.status, await unknown.json()]).toEqual([404, expect.objectContaining({ code: 'job-not-found' })])
    expect((await get('?limit=0')).status).toBe(422)
    expect((await get('?offset=x')).status).toBe(422)
    expect((await server.get('/api/jobs/..%2f..%2fetc/log')).status).toBe(422)
  })
})
