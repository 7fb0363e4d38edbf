import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeOrigin } from '../../../src-daemon/config/origin.ts'
import { ConfigFolder } from './config-folder.ts'

let folder: ConfigFolder
beforeEach(() => {
  folder = new ConfigFolder()
})
afterEach(() => folder.remove())

const listing = (name: 'master' | 'slave') =>
  readFileSync(join(import.meta.dirname, 'fixtures', `${name}.conf`), 'utf8')

describe('the listings of the original documentation', () => {
  it.each([
    ['master', { nodeName: 'master', slaveHosts: ['http://127.0.0.1:6801'], httpPort: 6800 }],
    ['slave', { nodeName: 'slave001', slaveHosts: [], httpPort: 6801 }],
  ] as const)('loads the one of a %s as it is', (identity, expected) => {
    const path = folder.project('conf/你的爬虫项目路径')
    const { config } = folder.loadText(listing(identity))
    expect(config.cluster).toEqual({
      clusterName: 'cluster',
      nodeName: expected.nodeName,
      identity,
      slaveHosts: expected.slaveHosts.map((url) => ({ url, username: null, password: null, maxProc: null })),
      isAllCodeSame: true,
      pullCodeByGit: true,
      branch: 'develop',
      localCrawlerCodePath: null,
      masterRunsJobs: true,
    })
    expect(config.projects).toEqual([{ name: 'newspapers', path, source: 'config' }])
    expect(config.scrapyd).toEqual({
      bindAddress: '127.0.0.1',
      listensOnTcp: true,
      httpPort: expected.httpPort,
      unixSocketPath: null,
      username: null,
      password: null,
      allowUnauthenticated: false,
      allowedHosts: [],
      allowedOrigins: [],
      prefixHeader: 'x-forwarded-prefix',
      logsDir: folder.path('conf/logs'),
      dbsDir: folder.path('conf/dbs'),
      itemsDir: null,
      jobsDir: null,
      jobsToKeep: 5,
      finishedToKeep: 100,
      historyToKeep: 100_000,
      datesToKeep: 90,
      maxProc: 0,
      maxProcPerCpu: 4,
      cancelTimeoutMs: 10_000,
      pollIntervalMs: 5000,
      pingIntervalMs: 5000,
      proxyExpireMs: 600_000,
      python: 'python3',
      debug: false,
      runner: null,
      warmRunner: 'auto',
    })
    expect([...config.disabledServices]).toEqual([])
    expect(config.warnings).toEqual([])
  })

  it('loads one with an absolute project path, CRLF line ends and a byte order mark', () => {
    const path = folder.project('papers')
    const text = listing('master').replace('你的爬虫项目路径', path).replaceAll('\n', '\r\n')
    const { config } = folder.loadText(`\uFEFF${text}`)
    expect(config.projects).toEqual([{ name: 'newspapers', path, source: 'config' }])
  })
})

describe('in place of Scrapyd', () => {
  const DEFAULT_VALUES = `
[scrapyd]
application = scrapyd.app.application
bind_address = 127.0.0.1
http_port = 6800
unix_socket_path =
username =
password =
spiderqueue = scrapyd.spiderqueue.SqliteSpiderQueue
poller = scrapyd.poller.QueuePoller
poll_interval = 5.0
launcher = scrapyd.launcher.Launcher
max_proc = 0
max_proc_per_cpu = 4
logs_dir = logs
items_dir =
jobs_dir =
jobs_to_keep = 5
runner = scrapyd.runner
webroot = scrapyd.website.Root
prefix_header = x-forwarded-prefix
debug = off
eggstorage = scrapyd.eggstorage.FilesystemEggStorage
eggs_dir = eggs
jobstorage = scrapyd.jobstorage.MemoryJobStorage
finished_to_keep = 100
dbs_dir = dbs

[services]
schedule.json = scrapyd.webservice.Schedule
cancel.json = scrapyd.webservice.Cancel
status.json = scrapyd.webservice.Status
addversion.json = scrapyd.webservice.AddVersion
listprojects.json = scrapyd.webservice.ListProjects
listversions.json = scrapyd.webservice.ListVersions
listspiders.json = scrapyd.webservice.ListSpiders
delproject.json = scrapyd.webservice.DeleteProject
delversion.json = scrapyd.webservice.DeleteVersion
listjobs.json = scrapyd.webservice.ListJobs
daemonstatus.json = scrapyd.webservice.DaemonStatus
`

  it('loads the values of its default file, and warns of those that mean nothing here', () => {
    folder.write('work/scrapyd.conf', DEFAULT_VALUES)
    const { config, files } = folder.load()
    expect(files).toEqual([folder.path('work/scrapyd.conf')])
    expect(config.scrapyd).toMatchObject({ logsDir: folder.path('work/logs'), httpPort: 6800, runner: null })
    expect(config.warnings.map((warning) => /\] (\w+): is ignored/.exec(warning)?.[1])).toEqual([
      'spiderqueue',
      'poller',
      'eggstorage',
      'eggs_dir',
      'jobstorage',
    ])
  })

  it('starts in a folder with scrapyd.conf and scrapy.cfg and exposes the projects of [settings]', () => {
    folder.write('work/scrapyd.conf', '[scrapyd]\nHTTP_PORT = 6900\nlogs_dir = %(dbs_dir)s-logs\nnode_name = n 50%%\n')
    folder.write(
      'work/scrapy.cfg',
      '[settings]\ndefault = papers.settings\nBooks = books.settings\n[deploy]\nurl = x\n[scrapyd]\nmax_proc = 7\n',
    )
    const { config, origins } = folder.load()
    expect(config.scrapyd).toMatchObject({ httpPort: 6900, maxProc: 7, logsDir: folder.path('work/dbs-logs') })
    expect(config.cluster.nodeName).toBe('n 50%')
    expect(config.projects).toEqual([
      { name: 'default', path: folder.cwd, source: 'scrapy.cfg' },
      { name: 'Books', path: folder.cwd, source: 'scrapy.cfg' },
    ])
    expect(config.warnings).toEqual([])
    expect(describeOrigin(origins['projects.Books'] ?? { kind: 'default' })).toBe(`${folder.path('work/scrapy.cfg')}:3`)
  })

  it('finds the scrapy.cfg of a folder above, as Scrapyd does, also beside --config', () => {
    folder.project('work')
    const cwd = folder.folder('work/a/b/c')
    expect(folder.load({ cwd }).config.projects).toEqual([{ name: 'default', path: folder.cwd, source: 'scrapy.cfg' }])
    expect(folder.loadText('[cluster]\n', { cwd }).config.projects).toHaveLength(1)
  })

  it('exposes nothing of scrapy.cfg where [projects] is written, be it empty', () => {
    folder.project('work')
    expect(folder.loadText('[projects]\n').config.projects).toEqual([])
  })

  it('reads the rules of ConfigParser in a scrapyd.conf that is given by --config', () => {
    const configFile = folder.write('other/scrapyd.conf', '[scrapyd]\nUsername = a # b\npassword = 1%%\nlogs_dir = l\n')
    expect(folder.load({ configFile }).config.scrapyd).toMatchObject({
      username: 'a # b',
      password: '1%',
      logsDir: folder.path('other/l'),
    })
  })

  it('listens on the Unix socket alone where bind_address is empty', () => {
    const text = '[scrapyd]\nbind_address =\nunix_socket_path = web.socket\n'
    folder.write('work/scrapyd.conf', text)
    expect(folder.load().config.scrapyd).toMatchObject({
      listensOnTcp: false,
      unixSocketPath: folder.path('work/web.socket'),
    })
  })

  it('warns of [settings] in a scrapyd.conf', () => {
    folder.write('work/scrapyd.conf', '[settings]\npapers = papers.settings\n')
    expect(folder.load().config.warnings).toEqual([expect.stringMatching(/scrapyd\.conf:1: \[settings\] is read in/)])
  })

  it('reports what ConfigParser would not read either', () => {
    folder.write('work/scrapyd.conf', '[scrapyd]\nmax_proc = 50%\nhttp_port = 1\nHTTP_PORT = 2\n')
    expect(folder.tryLoad().map(({ line, option }) => [line, option])).toEqual([
      [2, '[scrapyd] max_proc'],
      [4, '[scrapyd] HTTP_PORT'],
    ])
  })
})

describe('sources', () => {
  const port = (value: number) => `[scrapyd]\nhttp_port = ${value}\n`

  it('lets later files win, and the environment over them all', () => {
    const writers: (readonly [number, () => unknown])[] = [
      [1, () => folder.write('etc/scrapyd/scrapyd.conf', port(1))],
      [2, () => folder.write('etc/scrapyd/conf.d/10.conf', port(2))],
      [3, () => folder.write('etc/scrapyd/conf.d/20', port(3))],
      [4, () => folder.write('work/scrapyd.conf', port(4))],
      [5, () => folder.write('home/.scrapyd.conf', port(5))],
      [6, () => folder.write('work/scrapy.cfg', port(6))],
      [7, () => folder.write('etc/scrapyd_service/scrapyd_service.conf', port(7))],
      [8, () => folder.write('etc/scrapyd_service/conf.d/a', port(8))],
      [9, () => folder.write('work/conf/scrapyd_service.conf', port(9))],
      [10, () => folder.write('home/.scrapyd_service.conf', port(10))],
    ]
    folder.write('etc/scrapyd/conf.d/.hidden', port(99))
    folder.folder('etc/scrapyd/conf.d/folder')
    expect(folder.load()).toMatchObject({ config: { scrapyd: { httpPort: 6800 } }, files: [] })
    for (const [expected, write] of writers) {
      write()
      const { config, origins, files } = folder.load()
      expect(config.scrapyd.httpPort).toBe(expected)
      expect(files).toHaveLength(expected)
      expect(origins['scrapyd.http_port']).toEqual({ kind: 'file', file: files.at(-1), line: 2 })
    }
    const { config, origins } = folder.load({ env: { SCRAPYD_HTTP_PORT: '11' } })
    expect(config.scrapyd.httpPort).toBe(11)
    expect(origins['scrapyd.http_port']).toEqual({ kind: 'environment', name: 'SCRAPYD_HTTP_PORT' })
    expect(origins['scrapyd.debug']).toEqual({ kind: 'default' })
  })

  it('reads --config FILE alone', () => {
    folder.write('work/scrapyd.conf', '[scrapyd]\nmax_proc = 9\n')
    folder.write('home/.scrapyd_service.conf', '[scrapyd]\nmax_proc = 9\n')
    folder.write('work/mine.conf', port(7000))
    const { config, files } = folder.load({ configFile: 'mine.conf' })
    expect(config.scrapyd).toMatchObject({ httpPort: 7000, maxProc: 0 })
    expect(files).toEqual([folder.path('work/mine.conf')])
  })

  it('takes an empty value for unset, also over an earlier file', () => {
    folder.write('work/scrapyd.conf', '[scrapyd]\nitems_dir = items\nhttp_port = 1\nusername = u\npassword = p\n')
    folder.write(
      'work/conf/scrapyd_service.conf',
      '[scrapyd]\nitems_dir =\nhttp_port =\nusername =\npassword =  # none\n',
    )
    expect(folder.load().config.scrapyd).toMatchObject({
      itemsDir: null,
      httpPort: 6800,
      username: null,
      password: null,
    })
  })

  it('resolves relative paths from the folder of the file, in Scrapyd’s files from the working directory', () => {
    folder.write('home/.scrapyd.conf', '[scrapyd]\nlogs_dir = a\ndbs_dir = b\npython = .venv/bin/python\n')
    folder.write('home/.scrapyd_service.conf', '[scrapyd]\ndbs_dir = c\n')
    expect(folder.load().config.scrapyd).toMatchObject({
      logsDir: folder.path('work/a'),
      dbsDir: folder.path('home/c'),
      python: folder.path('work/.venv/bin/python'),
    })
  })

  it('keeps the default folders beside the file of --config, whatever folder the daemon is started from', () => {
    expect(folder.loadText('[cluster]\n').config.scrapyd.dbsDir).toBe(folder.path('conf/dbs'))
    expect(folder.load().config.scrapyd.dbsDir).toBe(folder.path('work/dbs'))
  })

  it('freezes everything', () => {
    const { config } = folder.loadText('[cluster]\nidentity = master\nslave_hosts = ["a:1"]\n')
    for (const part of [
      config,
      config.cluster,
      config.cluster.slaveHosts,
      config.cluster.slaveHosts[0],
      config.scrapyd,
    ]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(Object.isFrozen(config.scrapyd.allowedHosts)).toBe(true)
  })
})

describe('the environment', () => {
  it('sets what CONFIG.md lists', () => {
    const env = {
      SCRAPYD_BIND_ADDRESS: '0.0.0.0',
      SCRAPYD_HTTP_PORT: '7000',
      SCRAPYD_USERNAME: 'u',
      SCRAPYD_PASSWORD: ' p # ',
      SCRAPYD_UNIX_SOCKET_PATH: 'web.socket',
      SCRAPYD_SERVICE_IDENTITY: 'master',
      SCRAPYD_SERVICE_NODE: 'm1',
      SCRAPYD_SERVICE_SLAVES: '["a:1"]',
      SCRAPYD_SERVICE_CODEPATH: 'code',
      SCRAPYD_SERVICE_BRANCH: 'main',
      SCRAPYD_SERVICE_PYTHON: 'python3.12',
    }
    const { config } = folder.loadText('[scrapyd]\nhttp_port = 1\nusername = x\n', { env })
    expect(config.scrapyd).toMatchObject({
      bindAddress: '0.0.0.0',
      httpPort: 7000,
      username: 'u',
      password: ' p # ',
      unixSocketPath: folder.path('work/web.socket'),
      python: 'python3.12',
    })
    expect(config.cluster).toMatchObject({
      identity: 'master',
      nodeName: 'm1',
      branch: 'main',
      localCrawlerCodePath: folder.path('work/code'),
    })
    expect(config.cluster.slaveHosts.map(({ url }) => url)).toEqual(['http://a:1'])
    expect(config.warnings).toEqual([])
  })

  it('reads the bare names only together with identity, and says so', () => {
    const bare = { node: 'n', slaves: '["a:1"]', branch: 'b', bind_address: '127.0.0.2', http_port: '7001' }
    expect(folder.load({ env: bare }).config).toMatchObject({
      cluster: { branch: null, nodeName: 'host-1' },
      scrapyd: { httpPort: 6800 },
      warnings: [],
    })
    const { config } = folder.load({
      env: { ...bare, identity: 'master', codepath: 'code', SCRAPYD_HTTP_PORT: '7002' },
    })
    expect(config).toMatchObject({
      cluster: { identity: 'master', nodeName: 'n', branch: 'b', localCrawlerCodePath: folder.path('work/code') },
      scrapyd: { bindAddress: '127.0.0.2', httpPort: 7002 },
    })
    expect(config.warnings).toEqual([
      expect.stringContaining('identity, node, slaves, codepath, branch, bind_address, http_port'),
    ])
  })

  it('takes an empty variable for none', () => {
    const env = { SCRAPYD_HTTP_PORT: '', identity: '', node: 'n' }
    expect(folder.loadText('[scrapyd]\nhttp_port = 7\n', { env }).config).toMatchObject({
      scrapyd: { httpPort: 7 },
      cluster: { nodeName: 'host-1' },
    })
  })

  it('names the variable that holds a bad value', () => {
    expect(folder.problems('', { env: { SCRAPYD_HTTP_PORT: 'x' } })).toEqual([
      {
        source: 'environment',
        line: null,
        option: '[scrapyd] http_port',
        message: "SCRAPYD_HTTP_PORT: 'x' is not a whole number; it takes a whole number from 0 to 65535",
      },
    ])
  })
})

describe('projects', () => {
  it('keeps their order and case, and takes names in every language', () => {
    const paths = ['b', 'a', 'c'].map((name) => folder.project(name))
    const { config } = folder.loadText('[projects]\nZeitung = ../b\n新闻 = "../a"  # 中文\nconstructor=../c\n')
    expect(config.projects.map(({ name, path }) => [name, path])).toEqual([
      ['Zeitung', paths[0]],
      ['新闻', paths[1]],
      ['constructor', paths[2]],
    ])
    expect(config.python['constructor']).toBeUndefined()
  })

  it('takes a folder up to two levels above or below scrapy.cfg', () => {
    folder.project('code/repo/papers')
    folder.folder('code/repo/papers/papers/spiders')
    const { config } = folder.loadText('[projects]\nbelow = ../code\nabove = ../code/repo/papers/papers/spiders\n')
    expect(config.projects).toHaveLength(2)
  })

  it('starts relative paths from local_crawler_code_path', () => {
    const path = folder.project('code/papers')
    const other = folder.project('other')
    const { config } = folder.loadText(
      `[cluster]\nlocal_crawler_code_path = ../code\n[projects]\npapers = papers\nother = ${other}\n`,
    )
    expect(config.projects.map((project) => project.path)).toEqual([path, other])
  })

  it('lets a later file move a project or take it out', () => {
    const [first, second] = [folder.project('a'), folder.project('b')]
    folder.write('etc/scrapyd_service/scrapyd_service.conf', `[projects]\none = ${first}\ntwo = ${first}\n`)
    folder.write('work/conf/scrapyd_service.conf', `[projects]\none = ${second}\ntwo =\n`)
    const { config } = folder.load()
    expect(config.projects).toEqual([{ name: 'one', path: second, source: 'config' }])
    expect(config.warnings).toEqual([expect.stringContaining('[projects] two: has no path')])
  })

  it('warns of a scrapy.cfg whose settings module cannot be told', () => {
    folder.project('a', 'x = x.settings\ny = y.settings')
    expect(folder.loadText('[projects]\npapers = ../a\n').config.warnings).toEqual([
      expect.stringMatching(/:2: \[projects\] papers: its spiders cannot run: .*no entry 'papers'/),
    ])
  })

  it('reads interpreters, and warns of one for a project that nobody knows', () => {
    folder.project('a')
    const python = folder.write('a/.venv/bin/python', '')
    const { config } = folder.loadText(
      '[projects]\npapers = ../a\n[python]\npapers = ../a/.venv/bin/python\npaper = python3.12\n',
    )
    expect({ ...config.python }).toEqual({ papers: python, paper: 'python3.12' })
    expect(config.warnings).toEqual([expect.stringContaining("the nearest known one is 'papers'")])
  })

  it('reads how the spiders of single projects start', () => {
    folder.project('a')
    const text = '[projects]\npapers = ../a\n[warm_runner]\npapers = OFF\npaper = on\nconstructor =\n'
    const { config } = folder.loadText(text)
    expect({ ...config.warmRunner }).toEqual({ papers: 'off', paper: 'on' })
    expect(config.scrapyd.warmRunner).toBe('auto')
    expect(config.warnings).toEqual([expect.stringContaining("the nearest known one is 'papers'")])
    expect(() => folder.loadText('[warm_runner]\npapers = hot\n')).toThrow('it takes on or off or auto')
  })

  it('reads which modules the jobs of single projects import', () => {
    folder.project('a')
    const { config } = folder.loadText('[projects]\nPapers = ../a\n[spider_modules]\nPapers = All\npaper = own\n')
    expect({ ...config.spiderModules }).toEqual({ Papers: 'all', paper: 'own' })
    expect(config.warnings).toEqual([expect.stringContaining("the nearest known one is 'Papers'")])
    expect(() => folder.loadText('[spider_modules]\nPapers = one\n')).toThrow('it takes own or all')
  })

  it('starts although an interpreter is not there yet', () => {
    folder.project('a')
    const { config } = folder.loadText('[projects]\na = ../a\n[python]\na = x/python\n[scrapyd]\npython = y/python\n')
    expect(config.warnings).toEqual([expect.stringContaining('not exist'), expect.stringContaining('not exist')])
  })

  it.each([
    ['papers = ../nowhere', 'does not exist'],
    ['papers = ../empty', 'holds no scrapy.cfg'],
    ['papers = ../a/scrapy.cfg', 'is a file'],
    ['a/b = ../a', 'holds no /'],
    ['a\\b = ../a', 'holds no /'],
    ['.. = ../a', "'..' is not a project's name"],
    ['. = ../a', "'.' is not a project's name"],
    ['a\tb = ../a', 'control characters'],
    [`${'x'.repeat(201)} = ../a`, 'at most 200 characters'],
    [`${'新'.repeat(100)} = ../a`, 'at most 255 bytes'],
    ['papers = ../a\n  more', 'goes on in line 3'],
  ])('refuses %j', (line, message) => {
    folder.project('a')
    folder.folder('empty')
    const problems = folder.problems(`[projects]\n${line}\n`)
    expect(problems).toEqual([expect.objectContaining({ line: 2, option: expect.stringContaining('[projects] ') })])
    expect(problems[0]?.message).toContain(message)
  })
})

describe('web services', () => {
  it('switches off what is empty in [services] and in the section of its identity', () => {
    const text =
      '[services]\nschedule.json =\ncancel.json =\n[master-services]\ncancel.json = scrapyd.webservice.Cancel\n[slave - services]\nstatus.json =  # off\n'
    const off = (identity: string) => {
      const { config } = folder.loadText(`[cluster]\nidentity = ${identity}\n${text}`)
      return [...config.disabledServices].toSorted()
    }
    expect(off('master')).toEqual(['schedule.json'])
    expect(off('slave')).toEqual(['cancel.json', 'schedule.json', 'status.json'])
  })

  it('lets a later file switch one on again', () => {
    folder.write('work/scrapyd.conf', '[services]\ncancel.json =\nschedule.json =\n')
    folder.write('work/conf/scrapyd_service.conf', '[services]\ncancel.json = scrapyd.webservice.Cancel\n')
    expect([...folder.load().config.disabledServices]).toEqual(['schedule.json'])
  })

  it('warns of an unknown one', () => {
    const { config } = folder.loadText('[services]\nlistjob.json =\nplan.json = scrapyd.webservice.Schedule\n')
    expect(config.warnings).toEqual([
      expect.stringContaining("nearest known one is 'listjobs.json'"),
      expect.stringContaining('plan.json: unknown web service'),
    ])
    expect([...config.disabledServices]).toEqual([])
  })

  it.each([
    ['schedule.json = mine.Schedule', "'mine.Schedule' cannot be loaded"],
    ['schedule.json = scrapyd.webservice.Cancel', 'is the class of cancel.json'],
    ['mine.json = mine.Service', "'mine.Service' cannot be loaded"],
  ])('refuses %s, in the section of another identity too', (line, message) => {
    expect(folder.problems(`[master-services]\n${line}\n`)).toEqual([
      expect.objectContaining({ line: 2, message: expect.stringContaining(message) }),
    ])
  })
})

describe('warnings', () => {
  it('name the file, the line and the nearest known name', () => {
    const { config } = folder.loadText('[cluser]\nx = 1\n[scrapyd]\nhttp_prot = 1\nidentity = master\nHTTP_PORT = 2\n')
    const file = folder.path('conf/scrapyd_service.conf')
    expect(config.warnings).toEqual([
      `${file}:1: unknown section [cluser]; the nearest known one is [cluster]`,
      `${file}:4: [scrapyd] http_prot: unknown option; the nearest known one is 'http_port'`,
      `${file}:5: [scrapyd] identity: unknown option; it belongs to [cluster]`,
      `${file}:6: [scrapyd] HTTP_PORT: unknown option; the nearest known one is 'http_port'`,
    ])
  })

  it('tell that a slave has no slaves, and that everybody may come in', () => {
    const { config } = folder.loadText(
      '[cluster]\nslave_hosts = ["a:1"]\n[scrapyd]\nbind_address = 0.0.0.0\nallow_unauthenticated = on\n',
    )
    expect(config.warnings).toEqual([
      expect.stringContaining('everybody there can run code'),
      expect.stringContaining('is ignored on a slave'),
    ])
  })
})

describe('bad values', () => {
  it.each([
    ['[cluster]\nidentity = king', 'it takes master or slave'],
    ['[cluster]\ncluster_name = ' + 'x'.repeat(201), 'is too long'],
    ['[cluster]\nis_all_code_same = maybe', 'it takes on or off'],
    ['[cluster]\nbranch = -x', 'the name of a git branch'],
    ['[cluster]\nbranch = a..b', 'the name of a git branch'],
    ['[cluster]\nbranch = a b', 'the name of a git branch'],
    ['[scrapyd]\nhttp_port = 65536', '65536 is out of range; it takes a whole number from 0 to 65535'],
    ['[scrapyd]\nhttp_port = -1', 'out of range'],
    ['[scrapyd]\nhttp_port = 6800.0', 'is not a whole number'],
    ['[scrapyd]\nmax_proc_per_cpu = 0', 'out of range'],
    ['[scrapyd]\njobs_to_keep = many', 'it takes a whole number, 0 or more'],
    ['[scrapyd]\npoll_interval = 0', 'out of range'],
    ['[scrapyd]\npoll_interval = nan', 'is not a number'],
    ['[scrapyd]\nproxy_expire = 1e9', 'out of range'],
    ['[scrapyd]\nbind_address = 1.2.3', 'an IP address or a host name'],
    ['[scrapyd]\nbind_address = http://x', 'an IP address or a host name'],
    ['[scrapyd]\nbind_address = 0.0.0.0', 'no username and password are set'],
    ['[scrapyd]\nbind_address = ::', 'no username and password are set'],
    ['[scrapyd]\nbind_address = example.com', 'no username and password are set'],
    ['[scrapyd]\nusername = u', 'is set without password'],
    ['[scrapyd]\npassword = p', 'is set without username'],
    ['[scrapyd]\nusername = a:b', 'holds a colon'],
    ['[scrapyd]\nunix_socket_path = ' + 'x'.repeat(200), 'is too long'],
    ['[scrapyd]\nallowed_hosts = *.example.com', 'host names without scheme'],
    ['[scrapyd]\nallowed_hosts = example.com:80', 'host names without scheme'],
    ['[scrapyd]\nallowed_origins = example.com', 'origins such as'],
    ['[scrapyd]\nallowed_origins = https://example.com/path', 'origins such as'],
    ['[scrapyd]\nprefix_header = a b', 'the name of a request header'],
    ['[scrapyd]\ndbs_dir = :memory:', 'would forget everything'],
    ['[scrapyd]\nlogs_dir = data\ndbs_dir = data', 'is the folder of'],
    ['[scrapyd]\nlogs_dir = dbs', 'is the folder of dbs_dir too'],
    ['[scrapyd]\nitems_dir = ./x/../logs', 'is the folder of logs_dir too'],
    ['[scrapyd]\nrunner = my runner', 'the name of a Python module'],
    [
      '[scrapyd]\napplication = mine.app',
      'only the built-in can be selected here; it takes scrapyd_service.app.application',
    ],
    ['[scrapyd]\nlauncher = mine.Launcher', 'only the built-in'],
    ['[scrapyd]\nwebroot = mine.Root', 'only the built-in'],
    ['[scrapyd]\nwarm_runner = hot', 'it takes on or off or auto'],
    ['[scrapyd]\npython = /tmp/', 'is a folder'],
    ['[scrapyd]\nitems_dir =\n  jobs_to_keep = 5', 'goes on in line 3'],
  ])('%j stops the daemon', (text, message) => {
    const problems = folder.problems(`${text}\n`)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ source: folder.path('conf/scrapyd_service.conf') })
    expect(problems[0]?.option).toMatch(/^\[\w+\] \w+$/)
    expect(problems[0]?.line).toBeGreaterThan(1)
    expect(problems[0]?.message).toContain(message)
  })

  it('are reported all at once, in the order of the file, as FILE:LINE: OPTION: what is wrong', () => {
    const text =
      '[projects]\npapers = nowhere\n[scrapyd]\nrubbish\nhttp_port = x\n[cluster]\nslave_hosts = a:1\n[services]\ncancel.json = x\n'
    expect(folder.problems(text).map(({ line }) => line)).toEqual([2, 4, 5, 7, 9])
    expect(() => folder.loadText(text)).toThrow(
      /scrapyd_service\.conf:5: \[scrapyd\] http_port: 'x' is not a whole number; it takes a whole number from 0 to 65535\n/,
    )
  })

  it('do not matter where a later file overrides them', () => {
    folder.write('etc/scrapyd_service/scrapyd_service.conf', '[scrapyd]\nhttp_port = x\n')
    folder.write('work/conf/scrapyd_service.conf', '[scrapyd]\nhttp_port = 1\n')
    expect(folder.load().config.scrapyd.httpPort).toBe(1)
  })

  it('see through links: two names of one folder are one folder', () => {
    mkdirSync(folder.path('conf/logs'), { recursive: true })
    symlinkSync('logs', folder.path('conf/link'))
    expect(folder.problems('[scrapyd]\njobs_dir = link/x\nlogs_dir = logs/x\n')).toHaveLength(1)
  })

  it.each([
    ['bytes that are not UTF-8', Buffer.from([...Buffer.from('[cluster]\nnode_name = '), 0xd6, 0xd0]), 2, 'not UTF-8'],
    ['UTF-16', Buffer.from('\uFEFF[cluster]\n', 'utf16le'), 1, 'not UTF-8'],
    ['a NUL', Buffer.from('[cluster]\n\nnode_name = a\0b\n'), 3, 'NUL'],
  ])('a file with %s is refused', (_, content, line, message) => {
    const configFile = folder.write('conf/x.conf', content)
    expect(folder.tryLoad({ configFile })).toEqual([
      { source: configFile, line, option: null, message: expect.stringContaining(message) },
    ])
  })

  it('--config must name a file', () => {
    expect(folder.tryLoad({ configFile: 'none.conf' })).toEqual([
      { source: folder.path('work/none.conf'), line: null, option: null, message: 'does not exist' },
    ])
    expect(folder.tryLoad({ configFile: folder.cwd })[0]?.message).toContain('is a folder')
  })

  it('never show a password', () => {
    const texts = [
      '[scrapyd]\npassword = hunter2\n',
      '[scrapyd]\nusername = u\npassword = "hunter2\n',
      '[cluster]\nslave_hosts = ["http://u:hunter2@a:1"\n',
      '[cluster]\nslave_hosts = ["http://u:hunter2@a:99999"]\n',
      '[cluster]\nslave_hosts = ["http://u:hunter2/@a:1"]\n',
      '[cluster]\nslave_hosts = ["u:hunter2@a"]\n',
      '[cluster]\nslave_hosts = ["ftp://u:hunter2@a:1"]\n',
    ]
    for (const text of texts) {
      const problems = folder.problems(text)
      expect(problems).toHaveLength(1)
      expect(JSON.stringify(problems)).not.toContain('hunter2')
    }
  })
})

describe('good values', () => {
  it.each([
    ['jobs_to_keep = 9223372036854775807', { jobsToKeep: Number.MAX_SAFE_INTEGER }],
    ['poll_interval = .5', { pollIntervalMs: 500 }],
    ['cancel_timeout = 0', { cancelTimeoutMs: 0 }],
    ['http_port = 0', { httpPort: 0 }],
    ['debug = YES', { debug: true }],
    ['debug = 0', { debug: false }],
    ['bind_address = [::1]', { bindAddress: '::1' }],
    ['bind_address = ::ffff:127.0.0.1', { bindAddress: '::ffff:127.0.0.1' }],
    ['bind_address = localhost', { bindAddress: 'localhost' }],
    ['bind_address = 0.0.0.0\nusername = u\npassword = p', { bindAddress: '0.0.0.0', password: 'p' }],
    [
      'allowed_hosts = Example.com, 新闻.cn,\n  10.0.0.1 ::1',
      { allowedHosts: ['example.com', 'xn--efvy88h.cn', '10.0.0.1', '[::1]'] },
    ],
    ['allowed_origins = https://a.example:8443, http://b/', { allowedOrigins: ['https://a.example:8443', 'http://b'] }],
    ['allowed_origins = *', { allowedOrigins: ['*'] }],
    ['prefix_header = X-Prefix', { prefixHeader: 'x-prefix' }],
    ['items_dir = s3://bucket/items', { itemsDir: 's3://bucket/items' }],
    ['items_dir = file:///srv/my%20items', { itemsDir: '/srv/my items' }],
    ['runner = my.own_runner', { runner: 'my.own_runner' }],
    ['runner = scrapyd.runner', { runner: null }],
    ['warm_runner = OFF', { warmRunner: 'off' }],
    ['python = python3.12', { python: 'python3.12' }],
  ])('%j is read', (text, expected) => {
    const { config } = folder.loadText(`[scrapyd]\n${text}\n`)
    expect(config.scrapyd).toMatchObject(expected)
    expect(config.warnings).toEqual([])
  })
})
