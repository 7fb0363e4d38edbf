import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HttpServerOptions } from '../../../src-daemon/api/server.ts'
import type { JobsPageRow } from '../../../src-daemon/api/ports.ts'
import { FakeServer } from '../../helpers/fake-server.ts'

let server: FakeServer
beforeEach(async () => {
  server = await new FakeServer().start()
})
afterEach(() => server.stop())

const restart = async (options: Partial<HttpServerOptions>) => {
  await server.stop()
  server = await new FakeServer().start(options)
}
const PREFIXED = { headers: { 'X-Forwarded-Prefix': '/path/to' } }

const row = (job: string, over: Partial<JobsPageRow> = {}): JobsPageRow => ({
  project: 'news',
  spider: 'one',
  job,
  pid: null,
  startedAt: null,
  endedAt: null,
  logUrl: null,
  itemsUrl: null,
  ...over,
})

/** ScrapydWeb 1.6 reads the rows with this, after it took the `<thead>` away. */
const ROWS =
  /<tr>\s*<td>(.*?)<\/td>\s*<td>(.*?)<\/td>\s*<td>(.*?)<\/td>\s*(?:<td>(.*?)<\/td>\s*)?(?:<td>(.*?)<\/td>\s*)?(?:<td>(.*?)<\/td>\s*)?(?:<td>(.*?)<\/td>\s*)?(?:<td>(.*?)<\/td>\s*)?(?:<td>(.*?)<\/td>\s*)?[\w\W]*?<\/tr>/g
const rowsOf = (text: string) =>
  [...text.replace(/<thead>.*?<\/thead>/s, '').matchAll(ROWS)].map((match) => match.slice(1))

describe('/jobs', () => {
  const start = new Date(2026, 0, 2, 3, 4, 5, 678).getTime()

  it('is the table that ScrapydWeb parses', async () => {
    const files = { logUrl: '/logs/news/one/f.log', itemsUrl: '/items/news/one/f.jl' }
    server.jobs.pending.push(row('p'), row('<q>'))
    server.jobs.running.push(row('r', { pid: 42, startedAt: Date.now() - 3_661_000, logUrl: '/logs/news/one/r.log' }))
    server.jobs.finished.push(row('f', { startedAt: start, endedAt: start + 65_000, pid: 7, ...files }))
    server.jobs.finished.push(row('never started', { endedAt: start }))
    const answer = await server.get('/jobs')
    const text = await answer.text()
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(text).toContain('<h1>Jobs</h1>')
    expect([...text.matchAll(/<th>(.*?)<\/th>/g)].map(([, header]) => header)).toEqual(
      'Project Spider Job PID Start Runtime Finish Log Items Cancel'.split(' '),
    )
    const rows = rowsOf(text)
    expect(rows[0]).toEqual(['news', 'one', 'p', '', '', '', '', '', ''])
    expect(rows[1]?.[2]).toBe('&lt;q&gt;')
    expect(rows[2]?.slice(2)).toEqual([
      'r',
      '42',
      expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      expect.stringMatching(/^1:01:0[12]$/),
      '',
      '<a href="/logs/news/one/r.log">Log</a>',
      '',
    ])
    expect(rows[3]?.slice(2)).toEqual([
      'f',
      '',
      '2026-01-02 03:04:05',
      '0:01:05',
      '2026-01-02 03:05:10',
      '<a href="/logs/news/one/f.log">Log</a>',
      '<a href="/items/news/one/f.jl">Items</a>',
    ])
    const ended = '2026-01-02 03:04:05'
    expect(rows[4]?.slice(2, 7)).toEqual(['never started', '', ended, '0:00:00', ended])
    expect(text.match(/ action="\/cancel\.json">/g)).toHaveLength(3)
    expect(text).toContain(' value="r">')
    expect(text).not.toContain(' value="f">')
  })

  it('puts the prefix of a proxy before every link', async () => {
    server.jobs.pending.push(row('p'))
    server.jobs.finished.push(row('f', { logUrl: '/logs/a.log', itemsUrl: '/items/a.jl' }))
    const text = await (await server.get('/jobs', PREFIXED)).text()
    expect(text).toContain('<a href="/path/to/logs/a.log">Log</a>')
    expect(text).toContain('<a href="/path/to/items/a.jl">Items</a>')
    expect(text).toContain(' action="/path/to/cancel.json">')
  })

  it('has no Cancel where cancel.json is switched off', async () => {
    await restart({ disabledServices: new Set(['cancel.json']) })
    server.jobs.pending.push(row('p'))
    const text = await (await server.get('/jobs')).text()
    expect(text).not.toContain('Cancel')
    expect(rowsOf(text)).toHaveLength(1)
  })

  it('is streamed when it is long', async () => {
    for (let i = 0; i < 20_000; i++) server.jobs.finished.push(row(`job${i}`, { startedAt: start, endedAt: start }))
    expect(rowsOf(await (await server.get('/jobs')).text())).toHaveLength(20_000)
  })
})

describe('/ without a console', () => {
  it('links to jobs and files, and names the projects', async () => {
    const text = await (await server.get('/')).text()
    expect(text).toContain('<a href="/jobs">Jobs</a>')
    expect(text).toContain('<a href="/logs/">Logs</a>')
    expect(text).toContain('<a href="/items/">Items</a>')
    expect(text).toContain('<p>Scrapy projects:</p>')
    expect(text).toContain('<li>news</li>')
    server.scrapyd.projects.clear()
    const empty = await (await server.get('/')).text()
    expect(empty).toContain('<p>No Scrapy projects yet.</p>')
    // Scrapyd's own tests know its page by these words.
    expect(empty).toContain('use the API')
  })

  it('honours the prefix, and only one that is a path', async () => {
    expect(await (await server.get('/', PREFIXED)).text()).toContain('"/path/to/jobs"')
    for (const prefix of ['//evil.example/x y', 'https://evil.example', '/a"b', '/a/', '/a<b>']) {
      const text = await (await server.get('/', { headers: { 'X-Forwarded-Prefix': prefix } })).text()
      expect(text).toContain('"/jobs"')
    }
  })
})

describe('the console', () => {
  let folder: string
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'console-'))
    mkdirSync(join(folder, 'assets'))
    writeFileSync(
      join(folder, 'index.html'),
      '<!DOCTYPE html><html><head><title>C</title></head><body><div></div></body></html>',
    )
    writeFileSync(join(folder, 'assets', 'index-BxQ2k9Zd.js'), 'plain')
    writeFileSync(join(folder, 'assets', 'index-BxQ2k9Zd.js.br'), 'brotli')
    writeFileSync(join(folder, 'assets', 'index-BxQ2k9Zd.js.gz'), 'gzip')
    writeFileSync(join(folder, 'favicon.svg'), '<svg/>')
    writeFileSync(join(folder, '.env'), 'secret')
    await restart({ clusterName: 'press', consoleDir: folder })
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('is served at / with the base path and links for those without JavaScript', async () => {
    const answer = await server.get('/', PREFIXED)
    const text = await answer.text()
    expect(text).toContain('<head><base href="/path/to/">')
    expect(text).toContain('"/path/to/jobs"')
    expect(text).toContain('"/path/to/logs/"')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'; style-src 'self'")
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    const known = { headers: { 'If-None-Match': answer.headers.get('etag') ?? '', ...PREFIXED.headers } }
    expect((await server.get('/', known)).status).toBe(304)
    expect(await (await server.get('/')).text()).toContain('"/jobs"')
  })

  it('has assets that are kept for ever, packed where the browser can unpack', async () => {
    const asset = async (encoding: string) => {
      const connection = await fetch(`${server.url}/assets/index-BxQ2k9Zd.js`, {
        method: 'HEAD',
        headers: { 'Accept-Encoding': encoding },
      })
      return [connection.headers.get('content-encoding'), connection.headers.get('content-length')]
    }
    expect(await asset('gzip, deflate, br')).toEqual(['br', '6'])
    expect(await asset('gzip, br;q=0')).toEqual(['gzip', '4'])
    expect(await asset('identity')).toEqual([null, '5'])
    const { headers } = await server.get('/assets/index-BxQ2k9Zd.js')
    expect(headers.get('cache-control')).toContain('immutable')
    expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect((await server.get('/favicon.svg')).headers.get('cache-control')).toBe('no-cache')
  })

  it('has nothing that is no part of it', async () => {
    for (const path of ['/.env', '/assets/', '/assets/index-BxQ2k9Zd.js.br', '/assets/none.js', '/assets/..%2f.env']) {
      expect((await server.get(path)).status).toBe(404)
    }
    expect((await server.get('/favicon.svg', { method: 'POST' })).status).toBe(405)
    expect((await server.get('/jobs')).status).toBe(200)
  })
})
