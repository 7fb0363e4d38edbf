import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DaemonProcess } from '../helpers/daemon-process.ts'
import { Workshop } from '../helpers/projects.ts'
import { StockScrapyd } from '../helpers/stock-scrapyd.ts'
import { until } from '../helpers/until.ts'

// What Scrapyd 1.6's own tests state about its web services and pages, as requests to our daemon. Where a stock Scrapyd can
// be asked the same question, its answer is what is expected.

type Form = readonly (readonly [string, string | Uint8Array<ArrayBuffer>])[]

interface Question {
  readonly method: 'GET' | 'POST' | 'OPTIONS' | 'HEAD'
  readonly path: string
  /** Query of a GET, form of a POST; multipart where a value is bytes. */
  readonly form?: Form
  /** Sent as it is. */
  readonly raw?: string
  /** Of the body; that of a form unless told. */
  readonly type?: string
}

const emptyZip = new Uint8Array(22)
emptyZip.set([0x50, 0x4b, 0x05, 0x06])

const services: readonly (readonly ['GET' | 'POST', string])[] = [
  ['GET', 'daemonstatus'],
  ['POST', 'addversion'],
  ['POST', 'schedule'],
  ['POST', 'cancel'],
  ['GET', 'status'],
  ['GET', 'listprojects'],
  ['GET', 'listversions'],
  ['GET', 'listspiders'],
  ['GET', 'listjobs'],
  ['POST', 'delversion'],
  ['POST', 'delproject'],
]

const get = (path: string, ...form: Form): Question => ({ method: 'GET', path, form })
const post = (path: string, ...form: Form): Question => ({ method: 'POST', path, form })
const project = ['project', 'quotesbot'] as const
const spider = ['spider', 'toscrape-css'] as const
const job = ['job', 'aaa'] as const

/** Questions that a Scrapyd with the project `quotesbot` answers without changing anything. */
const questions: readonly Question[] = [
  ...services.map(([, name]): Question => ({ method: 'OPTIONS', path: `/${name}.json` })),
  { method: 'HEAD', path: '/daemonstatus.json' },
  { method: 'HEAD', path: '/listjobs.json' },
  // A parameter is missing: the first one in Scrapyd's order is told.
  post('/schedule.json'),
  post('/schedule.json', spider),
  post('/schedule.json', project),
  post('/cancel.json'),
  post('/cancel.json', job),
  post('/cancel.json', project),
  post('/addversion.json'),
  post('/addversion.json', ['version', '0.1']),
  post('/addversion.json', project),
  post('/addversion.json', project, ['version', '0.1']),
  get('/listversions.json'),
  get('/listspiders.json'),
  get('/status.json'),
  post('/delproject.json'),
  post('/delversion.json'),
  post('/delversion.json', ['version', '0.1']),
  post('/delversion.json', project),
  // A parameter is wrong.
  { method: 'GET', path: '/listversions.json', raw: 'project=%C3%28' },
  { method: 'GET', path: '/listspiders.json', raw: 'project=%FF' },
  { method: 'POST', path: '/schedule.json', raw: 'project=a%C3' },
  { method: 'GET', path: '/status.json', raw: 'job=%E4%BD' },
  post('/schedule.json', ['project', 'p'], ['spider', 's'], ['priority', 'x']),
  post('/schedule.json', ['project', 'p'], ['spider', 's'], ['priority', '']),
  post('/schedule.json', ['project', 'p'], ['spider', 's'], ['priority', "1'0"]),
  post('/addversion.json', project, ['version', '0.1'], ['egg', new TextEncoder().encode('invalid')]),
  // A body that is no form is not looked at.
  { method: 'POST', path: '/schedule.json', raw: '{"project": "quotesbot"}', type: 'application/json' },
  { method: 'POST', path: '/schedule.json?project=quotesbot', raw: 'spider=x', type: 'text/plain' },
  { method: 'POST', path: '/cancel.json?project=quotesbot&job=aaa', raw: '{}', type: 'application/json' },
  { method: 'POST', path: '/addversion.json', raw: 'project=quotesbot', type: 'multipart/mixed; boundary=x' },
  { method: 'POST', path: '/delproject.json', raw: '["quotesbot"]', type: 'application/json' },
  // What is asked for does not exist: project first, then version, then spider.
  get('/listspiders.json', ['project', 'nonexistent']),
  get('/listspiders.json', ['project', 'nonexistent'], ['_version', 'nonexistent']),
  get('/listspiders.json', project, ['_version', 'nonexistent']),
  get('/listjobs.json', ['project', 'nonexistent']),
  get('/status.json', job, ['project', 'nonexistent']),
  get('/listversions.json', ['project', 'nonexistent']),
  post('/schedule.json', ['project', 'nonexistent'], ['spider', 'nospider']),
  post('/schedule.json', ['project', "it's"], ['spider', 'nospider']),
  post('/schedule.json', project, spider, ['_version', 'nonexistent']),
  post('/schedule.json', project, ['spider', 'nonexistent'], ['_version', 'nonexistent']),
  post('/schedule.json', project, ['spider', 'nonexistent']),
  post('/schedule.json', project, ['spider', '新闻']),
  post('/cancel.json', ['project', 'nonexistent'], job),
  post('/delproject.json', ['project', 'nonexistent']),
  post('/delversion.json', project, ['version', 'nonexistent']),
  post('/delversion.json', ['project', 'nonexistent'], ['version', '0.1']),
  // A name that would leave its folder.
  post('/addversion.json', ['project', '../p'], ['version', 'v'], ['egg', emptyZip]),
  get('/listversions.json', ['project', '../p']),
  post('/delversion.json', ['project', '../p'], ['version', 'v']),
  post('/delproject.json', ['project', '../p']),
  post('/cancel.json', ['project', '../p'], job),
  post('/schedule.json', ['project', '../p'], ['spider', 's']),
  get('/status.json', ['project', '../p'], job),
  get('/listspiders.json', ['project', '../p']),
  get('/listjobs.json', ['project', '../p']),
  // What is there.
  get('/daemonstatus.json'),
  get('/listprojects.json'),
  get('/listspiders.json', project),
  get('/listspiders.json', project, ['project', 'nonexistent']),
  get('/listspiders.json', project, ['_version', '']),
  get('/listversions.json', project),
  get('/listjobs.json'),
  get('/listjobs.json', project),
  get('/status.json', job),
  get('/status.json', job, project),
  post('/cancel.json', project, job),
  post('/cancel.json', project, job, ['signal', 'TERM']),
]

function send(url: string, { method, path, form = [], raw, type }: Question, headers: Record<string, string> = {}) {
  const text =
    raw ?? new URLSearchParams(form.map(([name, value]): [string, string] => [name, String(value)])).toString()
  const isMultipart = form.some(([, value]) => typeof value !== 'string')
  const body = new FormData()
  for (const [name, value] of form) {
    if (typeof value === 'string') body.append(name, value)
    else body.append(name, new Blob([value]), 'project.egg')
  }
  const isPost = method === 'POST'
  return fetch(url + path + (isPost || text === '' ? '' : `?${text}`), {
    method,
    headers: {
      ...headers,
      ...(isPost && !isMultipart ? { 'Content-Type': type ?? 'application/x-www-form-urlencoded' } : {}),
    },
    ...(isPost ? { body: isMultipart ? body : text } : {}),
  })
}

/** An answer as far as it does not tell who gave it. */
async function answerOf(url: string, question: Question, headers: Record<string, string> = {}) {
  const response = await send(url, question, headers)
  const content = await response.text()
  const { node_name: _, ...said } = (content === '' ? {} : JSON.parse(content)) as Record<string, unknown>
  return {
    status: response.status,
    allow: response.headers.get('allow'),
    type: response.headers.get('content-type'),
    said,
    endsWithNewline: content.endsWith('\n'),
  }
}

/** `extra` is run when a spider's module is imported. */
function quotesbot(folder: string, extra = ''): string {
  mkdirSync(join(folder, 'quotesbot/spiders'), { recursive: true })
  writeFileSync(join(folder, 'scrapy.cfg'), '[settings]\nquotesbot = quotesbot.settings\n')
  writeFileSync(join(folder, 'quotesbot/__init__.py'), '')
  writeFileSync(
    join(folder, 'quotesbot/settings.py'),
    'BOT_NAME = "quotesbot"\nSPIDER_MODULES = ["quotesbot.spiders"]\nLOG_STDOUT = True\n',
  )
  writeFileSync(join(folder, 'quotesbot/spiders/__init__.py'), '')
  for (const name of ['toscrape-xpath', 'toscrape-css', 'araña1']) {
    const file = name.replaceAll(/\W/g, '_')
    writeFileSync(
      join(folder, `quotesbot/spiders/${file}.py`),
      `import scrapy\n\n${extra}\n\n\nclass It(scrapy.Spider):\n    name = "${name}"\n    start_urls = ["data:,x"]\n\n    def parse(self, response):\n        yield {"text": response.text}\n`,
    )
  }
  return folder
}

describe('beside a stock Scrapyd 1.6', () => {
  const workshop = new Workshop()
  let daemon: DaemonProcess
  let master: DaemonProcess
  let stock: StockScrapyd

  beforeAll(async () => {
    const folder = quotesbot(workshop.path('quotesbot'))
    // Nothing is polled: what is scheduled stays pending on the stock one, as on a paused node.
    stock = await StockScrapyd.start(folder, { poll_interval: 100_000, items_dir: 'items' })
    daemon = await DaemonProcess.start({ projects: { quotesbot: folder } })
    master = await DaemonProcess.start({ identity: 'master', nodeName: 'master', projects: { quotesbot: folder } })
    await Promise.all([daemon, master].map((one) => one.client.call('pauseNode', { body: { note: null } })))
  })

  afterAll(async () => {
    await Promise.all([stock?.stop(), daemon?.remove(), master?.remove()])
    workshop.remove()
  })

  const titled = questions.map((question): [string, Question] => {
    const form = question.raw ?? (question.form ?? []).map(([name, value]) => `${name}=${String(value)}`).join('&')
    return [`${question.method} ${question.path} ${form.slice(0, 80)}`, question]
  })

  it.each(titled)('answers %s as that does', async (_, question) => {
    expect(await answerOf(daemon.url, question)).toEqual(await answerOf(stock.url, question))
  })

  it('answers all of this in the very same text', async () => {
    const textOf = async (url: string, question: Question) =>
      (await (await send(url, question)).text()).replace(/"node_name": "[^"]*"/, '"node_name": "it"')
    const [ours, theirs] = [daemon.url, stock.url].map((url) => questions.map((question) => textOf(url, question)))
    expect(await Promise.all(ours ?? [])).toEqual(await Promise.all(theirs ?? []))
  })

  it.each(titled)('answers %s as that does, as a master', async (_, question) => {
    const answer = await answerOf(master.url, question)
    const { cluster, nodes, ...said } = answer.said
    const isTold = answer.status === 200 && question.method !== 'HEAD'
    expect(cluster).toBe(isTold ? 'cluster' : undefined)
    expect(nodes === undefined).toBe(!(question.path === '/daemonstatus.json' && isTold))
    expect({ ...answer, said }).toEqual(await answerOf(stock.url, question))
  })

  it('queues, lists and cancels jobs as that does', async () => {
    const orders: Form[] = [
      [project, spider, ['jobid', 'j-usual']],
      [project, spider, ['jobid', 'j-low'], ['priority', '-1.5']],
      [
        project,
        spider,
        ['jobid', 'j-high'],
        ['priority', ' 5 '],
        ['setting', 'DOWNLOAD_DELAY=2'],
        ['setting', 'TRACK=Cause = Time'],
        ['arg1', 'val1'],
        ['arg1', 'val2'],
        ['名', '值'],
      ],
      [project, ['spider', 'araña1'], ['jobid', 'j-last']],
    ]
    const both = [daemon.url, stock.url]
    for (const form of orders) {
      const [ours, theirs] = await Promise.all(both.map((url) => answerOf(url, post('/schedule.json', ...form))))
      expect(ours).toEqual(theirs)
    }
    const [listed, listedThere] = await Promise.all(both.map((url) => answerOf(url, get('/listjobs.json', project))))
    expect(listed?.said).toMatchObject(listedThere?.said ?? {})
    expect(listed?.said['pending']).toHaveLength(4)
    for (const question of [
      get('/status.json', ['job', 'j-low']),
      get('/daemonstatus.json'),
      post('/cancel.json', project, ['job', 'j-low']),
      post('/cancel.json', project, ['job', 'j-low']),
      post('/cancel.json', project, ['job', 'j-high'], ['signal', 'KILL']),
      get('/status.json', ['job', 'j-usual'], project),
    ]) {
      const [ours, theirs] = await Promise.all(both.map((url) => answerOf(url, question)))
      // What was cancelled before its start counts as finished here; that one forgets it.
      const { finished: _, ...said } = ours?.said ?? {}
      const { finished: __, ...saidThere } = theirs?.said ?? {}
      expect(said).toEqual(saidThere)
    }
    const pending = async (url: string) => {
      const { said } = await answerOf(url, get('/listjobs.json'))
      return (said['pending'] as { id: string }[]).map(({ id }) => id)
    }
    expect(await pending(daemon.url)).toEqual(['j-usual', 'j-last'])
    expect(await pending(daemon.url)).toEqual(await pending(stock.url))
  })

  it('makes ids of the same form', async () => {
    for (const url of [daemon.url, stock.url, master.url]) {
      const ids = await Promise.all(
        [1, 2].map(async () => (await answerOf(url, post('/schedule.json', project, spider))).said['jobid']),
      )
      expect(ids).toEqual([expect.stringMatching(/^[a-z0-9]{32}$/), expect.stringMatching(/^[a-z0-9]{32}$/)])
      expect(ids[0]).not.toBe(ids[1])
    }
  })

  it('shows the home page and the page of jobs with the same links, header cells and forms', async () => {
    const parts = (html: string) => ({
      headers: [...html.matchAll(/<th>([^<]*)<\/th>/g)].map((match) => match[1]),
      groups: [...html.matchAll(/<th colspan="(\d+)">(\w+)<\/th>/g)].map((match) => match.slice(1)),
      actions: [...new Set([...html.matchAll(/action="([^"]*)"/g)].map((match) => match[1]))],
      ids: [...html.matchAll(/name="job" value="(j-[^"]*)"/g)].map((match) => match[1]),
      links: [...html.matchAll(/<a href="(\/[^"]*)">(\w+)<\/a>/g)].map((match) => match.slice(1)),
      projects: [...html.matchAll(/<li>(\w+)<\/li>/g)].map((match) => match[1]),
      title: /<h1>(\w+)/.exec(html)?.[1],
      type: 'text/html; charset=utf-8',
    })
    const page = async (url: string, path: string) => {
      const response = await fetch(url + path, { headers: { 'X-Forwarded-Prefix': '/path/to' } })
      return { ...parts(await response.text()), type: response.headers.get('content-type') }
    }
    expect(await page(daemon.url, '/jobs')).toEqual(await page(stock.url, '/jobs'))
    expect(await page(daemon.url, '/')).toEqual({ ...(await page(stock.url, '/')) })
    expect((await page(daemon.url, '/')).links).toEqual([
      ['/path/to/jobs', 'Jobs'],
      ['/path/to/items/', 'Items'],
      ['/path/to/logs/', 'Logs'],
    ])
  })

  it('refuses what that takes only by accident', async () => {
    const schedule = (...form: Form) => answerOf(daemon.url, post('/schedule.json', project, spider, ...form))
    for (const priority of ['nan', 'inf', '-Infinity', '1e999']) {
      expect((await schedule(['priority', priority])).said).toMatchObject({
        status: 'error',
        message: expect.stringMatching(/^priority is invalid: /),
      })
    }
    expect((await schedule(['setting', 'NO_VALUE'])).said).toMatchObject({ status: 'error' })
    // A wrong method: the words are the same, the status tells.
    for (const [question, allow] of [
      [get('/schedule.json'), 'OPTIONS, HEAD, POST'],
      [post('/daemonstatus.json'), 'OPTIONS, HEAD, GET'],
    ] as const) {
      expect(await answerOf(daemon.url, question)).toEqual({
        ...(await answerOf(stock.url, question)),
        status: 405,
        allow,
      })
    }
  })

  it('takes no eggs, and says how projects are exposed', async () => {
    const form: Form = [project, ['version', 'r1'], ['egg', emptyZip]]
    expect(await answerOf(daemon.url, post('/addversion.json', ...form))).toMatchObject({
      status: 501,
      said: { status: 'error', message: expect.stringContaining('addproject.json') },
    })
    expect((await answerOf(daemon.url, post('/addversion.json', ['project', '../p'], ...form.slice(1)))).said).toEqual({
      status: 'error',
      message: 'DirectoryTraversalError: ../p',
    })
  })
})

describe.each([
  ['without a password', {}],
  ['with a password', { username: 'hello12345', password: '67890world' }],
])('an empty daemon %s', (_, credentials: { username?: string; password?: string }) => {
  let daemon: DaemonProcess
  const { username, password } = credentials
  const basic = (user: string, word: string) => ({ Authorization: `Basic ${btoa(`${user}:${word}`)}` })
  const right = username === undefined ? {} : basic(username, password ?? '')

  beforeAll(async () => {
    daemon = await DaemonProcess.start({ scrapyd: { ...credentials } })
  })
  afterAll(() => daemon?.remove())

  /** As Scrapyd's own tests ask: without a name, with a wrong one, with the right one. */
  async function ask(question: Question, headers: Record<string, string> = {}) {
    for (const wrong of username === undefined ? [] : [{}, basic('baduser', 'badpass')]) {
      const response = await fetch(daemon.url + question.path, {
        method: question.method,
        headers: { ...headers, ...wrong },
      })
      expect(response.status).toBe(401)
      expect(await response.text()).toBe('Unauthorized')
      expect(response.headers.get('www-authenticate')).toMatch(/^Basic /)
    }
    return answerOf(daemon.url, question, { ...headers, ...right })
  }

  const table: [Question, Record<string, unknown>][] = [
    [get('/daemonstatus.json'), { status: 'ok', running: 0, pending: 0, finished: 0 }],
    [
      post('/schedule.json', ['project', 'nonexistent'], ['spider', 'nospider']),
      { status: 'error', message: "project 'nonexistent' not found" },
    ],
    [get('/status.json', ['job', 'sample']), { status: 'ok', currstate: null }],
    [
      get('/status.json', ['job', 'sample'], ['project', 'nonexistent']),
      { status: 'error', message: "project 'nonexistent' not found" },
    ],
    [
      post('/cancel.json', ['project', 'nonexistent'], ['job', 'nojob']),
      { status: 'error', message: "project 'nonexistent' not found" },
    ],
    [get('/listprojects.json'), { status: 'ok', projects: [] }],
    [get('/listversions.json', ['project', 'sample']), { status: 'ok', versions: [] }],
    [
      get('/listspiders.json', ['project', 'nonexistent']),
      { status: 'error', message: "project 'nonexistent' not found" },
    ],
    [get('/listjobs.json'), { status: 'ok', pending: [], running: [], finished: [] }],
    [
      get('/listjobs.json', ['project', 'nonexistent']),
      { status: 'error', message: "project 'nonexistent' not found" },
    ],
    [
      post('/delversion.json', ['project', 'sample'], ['version', 'nonexistent']),
      { status: 'error', message: "version 'nonexistent' not found" },
    ],
    [
      post('/delproject.json', ['project', 'nonexistent']),
      { status: 'error', message: "project 'nonexistent' not found" },
    ],
    ...[
      post('/addversion.json', ['project', '../p'], ['version', 'v'], ['egg', emptyZip]),
      get('/listversions.json', ['project', '../p']),
      post('/delversion.json', ['project', '../p'], ['version', 'v']),
      post('/delproject.json', ['project', '../p']),
    ].map((question): [Question, Record<string, unknown>] => [
      question,
      { status: 'error', message: 'DirectoryTraversalError: ../p' },
    ]),
  ]

  it.each(table)('answers $method $path', async (question, expected) => {
    expect(await ask(question)).toEqual({
      status: 200,
      allow: null,
      type: 'application/json',
      said: expected,
      endsWithNewline: true,
    })
  })

  it.each(services)('answers OPTIONS: %s %s', async (method, name) => {
    const answer = await fetch(`${daemon.url}/${name}.json`, { method: 'OPTIONS', headers: right })
    expect([answer.status, answer.headers.get('allow'), await answer.text()]).toEqual([
      204,
      `OPTIONS, HEAD, ${method}`,
      '',
    ])
  })

  it('has the pages', async () => {
    const text = async (path: string, headers: Record<string, string> = {}) => {
      const response = await fetch(daemon.url + path, { headers: { ...headers, ...right } })
      expect(response.status).toBe(200)
      return response.text()
    }
    const home = await text('/')
    expect(home).toContain('"/jobs"')
    expect(home).toContain('"/logs/"')
    expect(home).toContain('<p>No Scrapy projects yet.</p>')
    const behindProxy = await text('/', { 'X-Forwarded-Prefix': '/path/to' })
    expect(behindProxy).toContain('"/path/to/jobs"')
    expect(behindProxy).toContain('"/path/to/logs/"')
    expect(await text('/jobs')).toContain('<th>Cancel</th>')
    expect(await text('/logs')).toContain('<th>Last modified</th>')
    expect(await text('/logs/')).toContain('<h1>Directory listing for /logs/</h1>')
  })

  it('says of itself who answers, also when it refuses', async () => {
    for (const path of ['/daemonstatus.json', '/listspiders.json', '/nowhere.json']) {
      expect(await (await fetch(daemon.url + path, { headers: right })).json()).toMatchObject({ node_name: 'node1' })
    }
    expect((await fetch(`${daemon.url}/healthz`)).status).toBe(200)
  })
})

describe('jobs and files, as the pages and listings of Scrapyd show them', () => {
  const workshop = new Workshop()
  let daemon: DaemonProcess

  beforeAll(async () => {
    daemon = await DaemonProcess.start({
      projects: { quotesbot: quotesbot(workshop.path('quotesbot'), 'print("imports may print")') },
      services: { 'cancel.json': '' },
      scrapyd: { debug: 'on', items_dir: '' },
    })
  })
  afterAll(async () => {
    await daemon?.remove()
    workshop.remove()
  })

  it('have a log that is there, no items where none are stored, no Cancel where that is switched off', async () => {
    // What imports print is not a spider (a stock Scrapyd takes it for one).
    expect(await daemon.client.webservice('listspiders', { project: 'quotesbot' })).toMatchObject({
      spiders: ['araña1', 'toscrape-css', 'toscrape-xpath'],
    })
    const id = await daemon.schedule('quotesbot', 'araña1', { jobid: 'j1' })
    await daemon.ended(id)
    const { finished } = await daemon.listJobs('quotesbot')
    expect(finished).toMatchObject([
      {
        id: 'j1',
        project: 'quotesbot',
        spider: 'araña1',
        start_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/),
        end_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/),
        log_url: '/logs/quotesbot/araña1/j1.log',
        items_url: null,
      },
    ])
    expect(await (await daemon.get('/daemonstatus.json')).json()).toEqual({
      node_name: 'node1',
      status: 'ok',
      pending: 0,
      running: 0,
      finished: 1,
    })
    const page = await (await daemon.get('/jobs', { headers: { 'X-Forwarded-Prefix': '/path/to' } })).text()
    expect(page).toContain('<a href="/path/to/logs/quotesbot/ara%C3%B1a1/j1.log">Log</a>')
    expect(page).not.toContain('<th>Items</th>')
    expect(page).not.toContain('<th>Cancel</th>')
    expect(page).not.toContain('cancel.json')
    expect((await daemon.get('/cancel.json', { method: 'OPTIONS' })).status).toBe(404)
    expect((await daemon.get('/items/')).status).toBe(404)

    const folder = await (await daemon.get('/logs/quotesbot/')).text()
    expect(folder).toContain('<td><a href="ara%C3%B1a1/">araña1/</a></td>')
    expect(folder).toContain('<tr class="odd">')
    const log = await daemon.get('/logs/quotesbot/ara%C3%B1a1/j1.log', { headers: { Range: 'bytes=0-3' } })
    expect([log.status, log.headers.get('accept-ranges'), (await log.text()).length]).toEqual([206, 'bytes', 4])
    expect(await (await daemon.get(finished[0]?.log_url ?? '')).text()).toContain('Spider closed')
    // The log of a job that is gone is not linked.
    rmSync(join(daemon.logsDir, 'quotesbot/araña1/j1.log'))
    await until('the link is gone', async () => (await daemon.listJobs()).finished[0]?.log_url === null)
  })

  it('debug = on answers with where an error came from, as Scrapyd does', async () => {
    const answer = await daemon.post('/schedule.json', { project: 'p', spider: 's', priority: 'x' })
    const text = await answer.text()
    expect(text).toMatch(/^Traceback \(most recent call last\):/)
    expect(text).toContain("priority is invalid: could not convert string to float: b'x'\n")
  })
})
