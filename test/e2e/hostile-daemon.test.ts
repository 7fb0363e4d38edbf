import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ENDPOINTS, type Endpoint } from '../../src-daemon/api/contract/endpoints.ts'
import { WEBSERVICES } from '../../src-daemon/api/contract/webservices.ts'
import { RawConnection, sendRaw } from '../helpers/raw-http.ts'
import { Stage } from '../helpers/stage.ts'
import { until } from '../helpers/until.ts'

const SECRET = 'nobody may read this'

/** Values that somebody may send for a name, an id or a path. */
const hostile: Readonly<Record<string, string>> = {
  'a path upwards': '../../../etc/passwd',
  'two dots': '..',
  'a dot': '.',
  nothing: '',
  blank: ' ',
  'a hidden name': '.hidden',
  'an absolute path': '/etc/passwd',
  backslashes: '..\\..\\secret.txt',
  'an encoded path': '%2e%2e%2fsecret.txt',
  'a path that is encoded twice': '%252e%252e%252fsecret.txt',
  'a NUL': 'a\0b',
  'a newline': 'a\nb\r\nX-Injected: 1',
  'an escape sequence': '\u001b[2J\u0007',
  '300 characters': 'x'.repeat(300),
  '200 kB': 'y'.repeat(200_000),
  SQL: `'; DROP TABLE jobs; --`,
  shell: '$(touch canary); `touch canary` | touch canary & touch canary',
  markup: '<script>alert(1)</script>"\'><img src=x onerror=alert(1)>',
  prototype: '__proto__',
  constructor: 'constructor',
  option: '--help',
  right_to_left: '\u202egnp.exe',
  combining: 'e\u0301\u{1f577}\ufeff',
}

describe('a daemon among enemies', () => {
  const stage = new Stage()
  let secret: string
  let foldersBefore: string[]
  let expectedJobs = 0

  beforeAll(async () => {
    await stage.open({ scrapyd: { max_proc: 2 } })
    secret = join(stage.daemon.folder, 'secret.txt')
    writeFileSync(secret, SECRET)
    // There is something below logs and items that paths can begin with.
    await stage.run('quick', { jobid: 'first' })
    expectedJobs = 1
    foldersBefore = readdirSync(stage.daemon.folder).toSorted()
    await stage.pause()
  })

  afterAll(() => stage.close())

  /** Whatever was sent: nothing was executed, nothing lost, nothing told, and the next request is served. */
  async function expectUnharmed(): Promise<void> {
    const { daemon } = stage
    expect(daemon.isRunning).toBe(true)
    expect((await daemon.get('/healthz')).status).toBe(200)
    expect(await daemon.client.webservice('listprojects')).toMatchObject({ projects: ['lives'] })
    expect((await daemon.client.call('listJobs', { query: { limit: 1 } })).total).toBe(expectedJobs)
    expect(readdirSync(daemon.folder).toSorted()).toEqual(foldersBefore)
    expect(readdirSync(daemon.logsDir)).toEqual(['lives'])
    expect(readFileSync(secret, 'utf8')).toBe(SECRET)
    expect(existsSync('canary') || existsSync(join(daemon.folder, 'canary'))).toBe(false)
    expect(daemon.logs).not.toContain('    at ')
  }

  afterEach(expectUnharmed)

  /** A refusal in the right form: a clear message, no stack trace, no secret. */
  async function expectRefusal(answer: Response, what: string): Promise<void> {
    const text = await answer.text()
    expect(answer.status, `${what}: ${text.slice(0, 300)}`).toBeLessThan(500)
    expect(text).not.toContain(SECRET)
    expect(text).not.toContain('root:')
    expect(text).not.toMatch(/^\s+at /m)
    expect(answer.headers.get('x-injected')).toBe(null)
    expect(text.length).toBeLessThan(500_000)
  }

  const parameters = WEBSERVICES.filter(({ masterOnly }) => !masterOnly).flatMap((service) =>
    service.parameters
      .filter(({ masterOnly }) => masterOnly !== true)
      .map(({ name, kind }) => [service.name, name, kind, service.method] as const),
  )

  it.each(parameters)('%s.json refuses hostile values of %s', async (service, parameter, _kind, method) => {
    const usual: Record<string, string> = {
      project: 'lives',
      spider: 'nothing',
      job: 'none',
      version: 'none',
      path: '/x',
    }
    const { parameters: known } = WEBSERVICES.find(({ name }) => name === service)!
    for (const [what, value] of Object.entries(hostile)) {
      const form = new URLSearchParams()
      for (const { name, required } of known) if (required) form.set(name, usual[name] ?? 'x')
      form.set(parameter, value)
      // What would be understood and done (the default place of a project, all projects) is not hostile.
      if (
        ['addproject', 'pullcode', 'delproject'].includes(service) &&
        (value === '' || form.get('project') === 'lives')
      )
        continue
      const url = `/${service}.json`
      const answer =
        method === 'POST'
          ? await stage.daemon.post(url, form)
          : await stage.daemon.get(value.length > 10_000 ? `${url}?${parameter}=z` : `${url}?${form.toString()}`)
      const copy = answer.clone()
      await expectRefusal(answer, `${service} ${parameter} ${what}`)
      expect(copy.headers.get('content-type')).toBe('application/json')
      expect(await copy.json()).toMatchObject({ node_name: 'node1' })
    }
  })

  const paths = (Object.entries(ENDPOINTS) as [string, Endpoint][])
    .filter(([, { path, kind }]) => path.includes('{') && kind !== 'stream')
    .flatMap(([name, endpoint]) =>
      [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(
        (match) => [`${endpoint.method} ${endpoint.path}`, match[1] ?? '', name] as const,
      ),
    )

  it.each(paths)('%s refuses hostile values of %s', async (_, parameter, name) => {
    const { method, path } = (ENDPOINTS as Record<string, Endpoint>)[name]!
    for (const [what, value] of Object.entries(hostile)) {
      const full = path.replaceAll(/\{(\w+)\}/g, (_all, one: string) =>
        encodeURIComponent(one === parameter ? value.slice(0, 5_000) : 'lives'),
      )
      const answer = await stage.daemon.get(full, {
        method,
        ...(method === 'GET' || method === 'DELETE'
          ? {}
          : { body: JSON.stringify({ path: '../x' }), headers: { 'Content-Type': 'application/json' } }),
      })
      await expectRefusal(answer, `${method} ${path} ${what}`)
    }
  })

  it.each([
    ['/logs/../secret.txt'],
    ['/logs/../../../../../../etc/passwd'],
    ['/logs/%2e%2e/secret.txt'],
    ['/logs/..%2fsecret.txt'],
    ['/logs/%2e%2e%2fsecret.txt'],
    ['/logs/%252e%252e%252fsecret.txt'],
    ['/logs/..%5csecret.txt'],
    ['/logs/..\\secret.txt'],
    ['/logs/lives/../../secret.txt'],
    ['/logs/lives/quick/../../../secret.txt'],
    ['/logs//../secret.txt'],
    ['/logs/./../secret.txt'],
    ['/logs/lives/quick/first.log/../../../../secret.txt'],
    ['/logs/lives/quick/%00/../../../secret.txt'],
    ['/logs/lives/quick/first.log%00'],
    ['/logs/%c0%ae%c0%ae/secret.txt'],
    ['/logs/%ff'],
    ['/logs/%'],
    ['/logs/....//secret.txt'],
    ['/items/../secret.txt'],
    ['/items/%2e%2e/scrapyd_service.conf'],
    ['/items/..%2fdbs%2fscrapyd_service.db'],
    ['//secret.txt'],
    ['/..%2f..%2f..%2fetc/passwd'],
    ['http://elsewhere.example/logs/../secret.txt'],
    [`/logs/${'a/'.repeat(3_000)}`],
    ['/forward/x/logs/../secret.txt'],
    ['*'],
  ])('does not give away what lies beside the logs: GET %s', async (path) => {
    const { status, body } = await sendRaw(
      stage.daemon.port,
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${stage.daemon.port}\r\nConnection: close\r\n\r\n`,
    )
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(500)
    expect(body).not.toContain(SECRET)
    expect(body).not.toContain('root:')
  })

  it('does not follow a link out of the logs that a spider has made', async () => {
    const link = join(stage.daemon.logsDir, 'lives/quick/link.log')
    symlinkSync(secret, link)
    symlinkSync(stage.daemon.folder, join(stage.daemon.logsDir, 'lives/quick/folder'))
    for (const path of [
      '/logs/lives/quick/link.log',
      '/logs/lives/quick/folder/secret.txt',
      '/logs/lives/quick/folder/',
    ]) {
      const answer = await stage.daemon.get(path)
      expect(answer.status).toBe(404)
      expect(await answer.text()).not.toContain(SECRET)
    }
    expect((await stage.daemon.get('/logs/lives/quick/')).status).toBe(200)
  })

  it('serves what a spider has written as text, never as a page of its own', async () => {
    const page = '<script>parent.document.title = "owned"</script>'
    writeFileSync(join(stage.daemon.logsDir, 'lives/quick/page.html'), page)
    const answer = await stage.daemon.get('/logs/lives/quick/page.html')
    expect(await answer.text()).toBe(page)
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    expect(answer.headers.get('content-security-policy')).toContain('sandbox')
    expect(answer.headers.get('set-cookie')).toBe(null)
    const listing = await stage.daemon.get('/logs/lives/quick/')
    expect(await listing.text()).not.toContain('<script>')
  })

  it('goes on serving beside a body without end, a cut one and one that drips', async () => {
    const head = (length: string) =>
      `POST /schedule.json HTTP/1.1\r\nHost: 127.0.0.1:${stage.daemon.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n${length}\r\n\r\n`
    const dripping = await RawConnection.open(stage.daemon.port)
    dripping.send(`${head('Content-Length: 100')}p`)
    const cut = await RawConnection.open(stage.daemon.port)
    cut.send(`${head('Content-Length: 1000')}project=lives&spider=quick`).close()
    const long = await sendRaw(stage.daemon.port, head('Content-Length: 3000000000'))
    expect(long.status).toBe(413)
    const chunked = await RawConnection.open(stage.daemon.port)
    chunked.send(head('Transfer-Encoding: chunked'))
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
    for (let sent = 0; sent < 1_000 && !chunked.isClosed; sent++) {
      chunked.send(chunk)
      if (sent % 20 === 0) await stage.daemon.get('/healthz')
    }
    await chunked.closed()
    expect((await stage.daemon.get('/daemonstatus.json')).status).toBe(200)
    dripping.close()
  })

  it('loses no job of a client while hundreds of others send rubbish', async () => {
    const { daemon } = stage
    const rubbish = Array.from({ length: 300 }, async (_, index) => {
      const value = Object.values(hostile)[index % Object.keys(hostile).length] ?? ''
      const answer = await daemon.post('/schedule.json', {
        project: value,
        spider: value,
        jobid: value,
        setting: value,
      })
      return answer.status
    })
    const jobs = Array.from({ length: 20 }, (_, index) =>
      daemon.schedule('lives', 'nothing_at_all', { jobid: `kept-${index}` }),
    )
    expect(await Promise.all(jobs)).toHaveLength(20)
    expect((await Promise.all(rubbish)).every((status) => status < 500)).toBe(true)
    expectedJobs += 20
    expect((await daemon.listJobs()).pending).toHaveLength(20)
    const answer = await daemon.client.call('cancelJobs', { body: { filter: { q: 'kept-' } } })
    expect(answer).toMatchObject({ cancelled: 20, errors: [] })
  })

  it('gives odd and long arguments to the spider as they are, and executes none of them', async () => {
    const given: Record<string, string> = {
      long: 'ä'.repeat(100_000),
      shell: hostile['shell'] ?? '',
      markup: hostile['markup'] ?? '',
      lines: 'a\nb\r\nc',
      '-x': '--set=LOG_FILE=/tmp/evil',
      percent: '%(here)s %2e',
      json: '{"a": [1]}',
      ' ': 'a blank name',
      '': 'no name',
      '{}': 'a name that is not one',
    }
    expectedJobs += 1
    await stage.daemon.schedule('lives', 'describe', { jobid: 'odd', ...given })
    await stage.resume()
    const job = await stage.daemon.ended('odd')
    expect(job).toMatchObject({ outcome: 'finished', args: given })
    const { items } = await stage.daemon.client.call('getItems', { params: { key: job.key } })
    expect((items[0] as { args: unknown }).args).toMatchObject(given)
  })

  it.each([
    ['__proto__', 'polluted'],
    ['__class__', 'x'],
    ['parse', 'not callable'],
    ['start_requests', 'not callable'],
    ['crawler', 'x'],
    ['_job', 'another id'],
    ['custom_settings', 'x'],
  ])('survives an argument that is named %s', async (name, value) => {
    expectedJobs += 1
    const answer = await stage.daemon.post(
      '/schedule.json',
      new URLSearchParams([
        ['project', 'lives'],
        ['spider', 'quick'],
        [name, value],
      ]),
    )
    const { jobid } = (await answer.json()) as { jobid: string }
    const job = await stage.daemon.ended(jobid)
    expect(['finished', 'failed']).toContain(job.outcome)
    const listed = (await stage.daemon.listJobs()).finished.find(({ id }) => id === jobid)
    expect(Object.entries(listed?.args ?? {})).toEqual([[name, value]])
    expect(({} as Record<string, unknown>)['polluted']).toBe(undefined)
  })

  it('still runs spiders after all that, and starts again with all jobs', async () => {
    expectedJobs += 1
    expect(await stage.run('quick')).toMatchObject({ outcome: 'finished' })
    await stage.daemon.kill9()
    await stage.daemon.startAgain()
    await until('it answers', async () => (await stage.daemon.get('/healthz')).ok)
  })
})
