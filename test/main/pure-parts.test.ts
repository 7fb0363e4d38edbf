import type { MenuItemConstructorOptions } from 'electron'
import { describe, expect, it } from 'vitest'
import { APP_CSP, assetPath, externalUrl, isOwnUrl } from '../../src-main/app-protocol.ts'
import { applyEvents, figures, healthOf, NO_HEALTH } from '../../src-main/cluster-health.ts'
import { linkOf, parseLink } from '../../src-main/deep-link.ts'
import { daemonEnvironment } from '../../src-main/local-daemon.ts'
import { explainEnd } from '../../src-main/local-end.ts'
import { localFile, textFile } from '../../src-main/local-files.ts'
import { menuTemplate } from '../../src-main/menu.ts'
import { nextRestart } from '../../src-main/restart-plan.ts'
import { suggestedName } from '../../src-main/saving.ts'
import { restoredBounds } from '../../src-main/window-state.ts'
import { CHINESE, ENGLISH, wordsFor, type Words } from '../../src-main/words.ts'

describe('app://', () => {
  it.each([
    ['app://console/index.html', '/c/index.html'],
    ['app://console/', '/c/index.html'],
    ['app://console/assets/a-b.js', '/c/assets/a-b.js'],
    ['app://console/../secret.js', '/c/secret.js'],
    ['app://console/%2e%2e/%2e%2e/etc/x.js', '/c/etc/x.js'],
    ['app://console/..%2f..%2fetc/x.js', null],
    ['app://console/.complete', null],
    ['app://console/x.map', null],
    ['app://console/%', null],
    ['app://other/index.html', null],
    ['file:///etc/passwd', null],
  ])('%s is %s', (url, file) => expect(assetPath('/c', url)).toBe(file))

  it('is ours only with our host', () => {
    expect(isOwnUrl('app://console/index.html#/jobs')).toBe(true)
    for (const url of ['app://console.evil/', 'https://console/', 'app:console', '']) expect(isOwnUrl(url)).toBe(false)
  })

  it('lets pages reach no network and run no inline script', () => {
    expect(APP_CSP).toContain("connect-src 'none'")
    expect(APP_CSP).not.toMatch(/unsafe|\*/)
  })

  it.each([
    ['https://scrapy.org/', 'https://scrapy.org/'],
    ['http://10.0.0.1:6800/jobs', 'http://10.0.0.1:6800/jobs'],
    ['file:///etc/passwd', null],
    ['javascript:alert(1)', null],
    ['https://user:secret@host/', null],
    ['smb://host/share', null],
    ['nothing', null],
  ])('opens %s outside as %s', (url, opened) => expect(externalUrl(url)).toBe(opened))
})

describe('deep links', () => {
  const key = '01k0abcdefghjkmnpqrstvwxyz'
  it.each([
    [`scrapyd-service://press/jobs/${key}`, { cluster: 'press', path: `/jobs/${key}` }],
    [`scrapyd-service://press/jobs/${key}/items`, { cluster: 'press', path: `/jobs/${key}/items` }],
    ['scrapyd-service://%E6%96%B0%E9%97%BB/nodes/local', { cluster: '新闻', path: '/nodes/local' }],
    ['scrapyd-service://press', { cluster: 'press', path: '/' }],
    ['scrapyd-service://press/projects/news/', { cluster: 'press', path: '/projects/news' }],
    ['SCRAPYD-SERVICE://press/forwards', { cluster: 'press', path: '/forwards' }],
    ['scrapyd-service://press/jobs/../nodes', null],
    [`scrapyd-service://press/jobs/${key}?rerun=1`, { cluster: 'press', path: `/jobs/${key}` }],
    ['scrapyd-service:///jobs', null],
    ['scrapyd-service://press/%zz', null],
    ['https://press/jobs', null],
  ])('%s', (link, parsed) => expect(parseLink(link)).toEqual(parsed))

  it('is found among the arguments of a second start', () => {
    expect(linkOf(['/usr/bin/app', '--flag', 'scrapyd-service://press/jobs'])).toEqual({
      cluster: 'press',
      path: '/jobs',
    })
    expect(linkOf(['/usr/bin/app'])).toBeNull()
  })
})

describe('the window', () => {
  const screen = { x: 0, y: 0, width: 1920, height: 1080 }
  const saved = { x: 100, y: 50, width: 1300, height: 800, maximized: false }
  it('opens where it was', () =>
    expect(restoredBounds(saved, [screen])).toEqual({ x: 100, y: 50, width: 1300, height: 800 }))
  it('opens in the middle when that screen is gone', () => {
    expect(restoredBounds({ ...saved, x: 4_000 }, [screen])).toEqual({ width: 1300, height: 800 })
    expect(restoredBounds({ ...saved, y: -900 }, [screen])).toEqual({ width: 1300, height: 800 })
  })
  it('is never larger than the screen nor smaller than the layout', () => {
    expect(restoredBounds({ ...saved, width: 5_000, height: 10 }, [screen])).toMatchObject({ width: 1920, height: 640 })
    expect(restoredBounds(null, [{ ...screen, width: 1280, height: 720 }])).toEqual({ width: 1280, height: 720 })
  })
})

describe('the end of a daemon', () => {
  const inUse = 'error: /d/dbs is in use by the scrapyd-service with pid 7. Stop it first, or set another dbs_dir.'
  it.each([
    [75, `old\n${inUse}\n`, 'Another daemon works on this data folder.'],
    // An older start's last words are not those of this one.
    [75, `${inUse}\nerror: /d/dbs cannot be written: ENOSPC\n`, 'Its data folder cannot be written now.'],
    [3, 'a\nb\n', 'The daemon ended with status 3.'],
    [null, '', 'The daemon was killed.'],
    ['silent', '', 'It did not answer within 30 s.'],
  ] as const)('with %s is explained', (code, log, reason) => {
    expect(explainEnd(code, log)).toEqual([reason, log.trimEnd()])
  })
})

describe('restarts', () => {
  it('wait longer each time, and are given up after five', () => {
    const delays: number[] = []
    let plan = nextRestart(0, 100)
    while (plan !== null) {
      delays.push(plan.delayMs)
      plan = nextRestart(plan.attempt, 100)
    }
    expect(delays).toEqual([1_000, 2_000, 5_000, 15_000, 30_000])
  })
  it('begin anew after a good life', () => expect(nextRestart(5, 3_600_000)).toEqual({ attempt: 1, delayMs: 1_000 }))
})

describe('the daemon', () => {
  it('gets its secrets by the environment, and nothing of a shell configures it', () => {
    const base = { PATH: '/bin', SCRAPYD_BIND_ADDRESS: '0.0.0.0', identity: 'slave', SCRAPYD_SERVICE_SLAVES: '[]' }
    expect(daemonEnvironment(base, { port: 7001, password: 'p', python: '/bin/python3' })).toEqual({
      PATH: '/bin',
      ELECTRON_RUN_AS_NODE: '1',
      SCRAPYD_HTTP_PORT: '7001',
      SCRAPYD_USERNAME: 'desktop',
      SCRAPYD_PASSWORD: 'p',
      SCRAPYD_SERVICE_PYTHON: '/bin/python3',
    })
  })
})

describe('files', () => {
  const folders = { logs: '/d/logs', items: '/d/items' }
  it('of the local master are found by their URL', () => {
    expect(localFile(folders, '/logs/news/ticker/2026-01-01.log')).toBe('/d/logs/news/ticker/2026-01-01.log')
    expect(localFile(folders, 'items/news/a%20b/1.jl')).toBe('/d/items/news/a b/1.jl')
  })
  it.each(['/logs/../../etc/passwd', '/logs/%2e%2e/x', '/logs/..%2f..%2fx', '/api/jobs/1/log'])(
    '%s is refused',
    (url) => {
      expect(() => localFile(folders, url)).toThrow('DirectoryTraversalError')
    },
  )
  it('are opened only if that runs nothing', () => {
    expect(textFile(folders, '/items/news/ticker/1.jl')).toBe('/d/items/news/ticker/1.jl')
    for (const name of ['1.desktop', '1.sh', '1.command', '1.jl.exe', 'run']) {
      expect(() => textFile(folders, `/items/news/ticker/${name}`)).toThrow('show it in its folder')
    }
  })
  it.each([
    ['/items/news/ticker/2026.jl', 'news-ticker-2026.jl'],
    ['/api/jobs/abc/log?download=1', 'abc.log'],
    ['/logs/新闻/a:b/1.log', '新闻-a_b-1.log'],
  ])('%s is offered as %s', (url, name) => expect(suggestedName(url)).toBe(name))
})

describe('health', () => {
  it('follows nodes and loads', () => {
    const health = healthOf([
      { id: 'local', state: 'online', running: 2 },
      { id: 'b', state: 'offline', running: 5 },
    ])
    expect(figures(health)).toEqual({ online: 1, offline: 1, running: 2 })
    const load = { type: 'load', node: 'local', pending: 0, running: 4, max_proc: 8, latency_ms: 0 } as const
    expect(figures(applyEvents(health, [load, { ...load, node: 'unknown' }])).running).toBe(4)
    expect(figures(applyEvents(health, [{ type: 'node-removed', seq: 1, at: '', id: 'b' }])).offline).toBe(0)
    expect(figures(NO_HEALTH)).toEqual({ online: 0, offline: 0, running: 0 })
  })
})

describe('the menu', () => {
  const nothing = () => {}
  const actions = {
    go: nothing,
    command: nothing,
    showClusters: nothing,
    about: nothing,
    lookForUpdates: nothing,
    checkNow: nothing,
  }
  it.each(['darwin', 'linux', 'win32'] as const)('has the usual entries on %s, each key once', (platform) => {
    const flat = menuTemplate(platform, ENGLISH, actions, null).flatMap(({ submenu }) =>
      Array.isArray(submenu) ? submenu : [],
    )
    const roles = flat.map(({ role }) => role)
    expect(roles).toEqual(expect.arrayContaining(['quit', 'reload', 'zoomIn', 'togglefullscreen']))
    const keys = flat.flatMap(({ accelerator }) => accelerator ?? [])
    expect(new Set(keys).size).toBe(keys.length)
    expect(flat.filter(({ label }) => label === ENGLISH.about)).toHaveLength(1)
  })
  it('speaks Chinese where the system does', () => {
    expect(wordsFor('zh-TW')).toBe(CHINESE)
    expect(wordsFor('de')).toBe(ENGLISH)
  })
  it.each(['darwin', 'linux', 'win32'] as const)(
    'leaves no word to Electron, which has English ones, on %s',
    (platform) => {
      const texts = (words: Words) => {
        const all: (string | undefined)[] = []
        const visit = (items: readonly MenuItemConstructorOptions[]) => {
          for (const { type, label, role, submenu } of items) {
            if (type !== 'separator') all.push(label)
            // A menu of Electron's own would have entries of Electron's own.
            if (role?.endsWith('Menu') === true) expect(Array.isArray(submenu)).toBe(true)
            if (Array.isArray(submenu)) visit(submenu)
          }
        }
        visit(menuTemplate(platform, words, actions, { isOn: true }))
        return all
      }
      const chinese = texts(CHINESE)
      expect(chinese).not.toContain(undefined)
      const name = 'Scrapyd Service'
      const isChinese = (text = '') => /\p{Script=Han}/u.test(text) || text === name
      expect(chinese.filter((text) => !isChinese(text))).toEqual([])
      expect(texts(ENGLISH).filter((text) => text !== name && isChinese(text))).toEqual([])
    },
  )
})
