import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { ENGLISH } from '../../src-main/words.ts'
import type { DesktopState, IpcCall, SavedCluster } from '../../src-main/ipc-contract.ts'
import type * as ElectronStandIn from '../helpers/electron-stand-in.ts'
import { FakeDaemon } from '../helpers/fake-daemon.ts'
import { sampleCluster, sampleJob, sampleSelf } from '../helpers/sample-cluster.ts'
import { until } from '../helpers/until.ts'

/** The main entry without a page: what it does by itself, and what a page would be told. */
let folder: string
let electron: typeof ElectronStandIn

const cluster = (number: number, name: string): SavedCluster => ({
  id: `00000000-0000-4000-8000-00000000000${number}`,
  name,
  // Nothing listens there.
  url: 'http://127.0.0.1:1',
  username: '',
  certificate: { kind: 'system' },
  notifications: { failed: true, nodes: true },
})
const clusters = [cluster(1, 'press'), cluster(2, 'far')] as const

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-main-'))
  vi.resetModules()
  electron = (await import('electron')) as unknown as typeof ElectronStandIn
  electron.computer.userData = folder
})
afterEach(async () => {
  electron.app.quit()
  await until('the app has quit', () => electron.shown.hasQuit)
  rmSync(folder, { recursive: true, force: true })
})

/** Starts the app as one that had that cluster open. */
async function start(last: string | null = null, saved: readonly SavedCluster[] = clusters): Promise<void> {
  writeFileSync(join(folder, 'clusters.json'), JSON.stringify({ clusters: saved, last }))
  await import('../../src-main/main.ts')
  await until('the app has started', () => electron.shown.tray !== '')
}

async function call(name: IpcCall, ...args: unknown[]): Promise<unknown> {
  const [window] = electron.windows.list
  if (window === undefined) throw new Error('no window is open')
  return ((await electron.callMain(window.webContents, 'scrapyd-service', [name, args])) as { value: unknown }).value
}

async function onPlatform(platform: string, work: () => Promise<void>): Promise<void> {
  const before = process.platform
  Object.defineProperty(process, 'platform', { value: platform })
  try {
    await work()
  } finally {
    Object.defineProperty(process, 'platform', { value: before })
  }
}

/** Where a package has its files. */
async function asPackaged(work: () => Promise<void>): Promise<void> {
  const before = Object.getOwnPropertyDescriptor(process, 'resourcesPath')
  Object.defineProperty(process, 'resourcesPath', { value: folder, configurable: true })
  try {
    await work()
  } finally {
    if (before === undefined) Reflect.deleteProperty(process, 'resourcesPath')
    else Object.defineProperty(process, 'resourcesPath', before)
  }
}

const state = async () => (await call('desktop.state')) as DesktopState

const link = (url: string) => electron.emitApp('second-instance', ['app', url])

describe('the start', () => {
  it('that fails says why, and ends the app', async () => {
    mkdirSync(join(folder, 'clusters.json'))
    await import('../../src-main/main.ts')
    await until('the app has ended', () => electron.shown.hasQuit)
    expect(electron.shown.exitCode).toBe(1)
    expect(electron.shown.errors).toEqual([expect.stringMatching(/^Scrapyd Service could not start: .*EISDIR/)])
  })
})

describe('a second app', () => {
  it('leaves everything to the first one', async () => {
    electron.computer.isFirst = false
    await import('../../src-main/main.ts')
    await until('it has ended', () => electron.shown.hasQuit)
    expect(electron.windows.list).toEqual([])
  })
})

describe('the menu', () => {
  it('speaks the language of the system', async () => {
    electron.computer.locale = 'zh-CN'
    await start()
    expect(electron.shown.menu.map(({ label }) => label)).toContain('编辑')
    expect(JSON.stringify(electron.shown.trayMenu)).toContain('没有打开的集群')
  })
})

describe('the window', () => {
  it('loads its page again when that has died, but not one that dies at once', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    await start()
    const [window] = electron.windows.list
    window?.webContents.emit('render-process-gone', {}, { reason: 'clean-exit' })
    expect(window?.reloads).toBe(0)
    window?.webContents.emit('render-process-gone', {}, { reason: 'oom' })
    window?.webContents.emit('render-process-gone', {}, { reason: 'crashed' })
    expect(window?.reloads).toBe(1)
    complaints.mockRestore()
  })

  it('closes also where its place cannot be kept', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    await start()
    mkdirSync(join(folder, 'window.json.new'))
    electron.windows.list[0]?.close()
    expect(electron.windows.list).toEqual([])
    expect(complaints).toHaveBeenCalledWith('the place of the window could not be kept', expect.any(Error))
    complaints.mockRestore()
  })
})

describe('the place of the window', () => {
  const saved = { x: 300, y: 200, width: 1300, height: 800, maximized: true }

  it('is the one that it was closed at', async () => {
    await start()
    // Nothing was kept yet: the system chooses the place.
    expect(electron.windows.list[0]?.options).not.toHaveProperty('x')
    electron.windows.list[0]?.close()
    expect(JSON.parse(readFileSync(join(folder, 'window.json'), 'utf8'))).toEqual({
      ...electron.BrowserWindow.prototype.getNormalBounds(),
      maximized: false,
    })
    writeFileSync(join(folder, 'window.json'), JSON.stringify(saved))
    electron.emitApp('activate')
    const { x, y, width, height } = electron.windows.list[0]?.options ?? {}
    expect({ x, y, width, height, maximized: electron.shown.isMaximized }).toEqual(saved)
  })

  it('is left to the system where its screen is gone, or nobody can read what was kept', async () => {
    for (const text of [JSON.stringify({ ...saved, x: 3_000 }), '{"x":']) {
      writeFileSync(join(folder, 'window.json'), text)
      if (electron.windows.list.length === 0 && electron.shown.tray === '') await start()
      else electron.emitApp('activate')
      expect(electron.windows.list[0]?.options).not.toHaveProperty('x')
      electron.windows.list[0]?.close()
    }
  })
})

describe('links of the system', () => {
  it.each([true, false])('are taken by an installed app only (%s)', async (isPackaged) => {
    electron.computer.isPackaged = isPackaged
    await asPackaged(() => start())
    expect(electron.shown.schemes).toEqual(isPackaged ? ['scrapyd-service'] : [])
  })
})

describe('updates', () => {
  it('are not offered by a package that knows of no place for them', async () => {
    electron.computer.isPackaged = true
    await asPackaged(() => start())
    const labels = electron.shown.menu.flatMap(({ submenu }) =>
      Array.isArray(submenu) ? submenu.map(({ label }) => label) : [],
    )
    expect(labels).toContain(ENGLISH.about)
    expect(labels).not.toContain(ENGLISH.lookForUpdates)
  })
})

describe('the last cluster', () => {
  it('is opened with its password after the window was made', async () => {
    const [press] = clusters
    const passwords = { [press.id]: electron.safeStorage.encryptString('correct horse').toString('base64') }
    writeFileSync(join(folder, 'passwords.json'), JSON.stringify(passwords))
    await start(press.id, [{ ...press, username: 'operator' }])
    expect(electron.shown.decrypted).toEqual([{ windows: 1 }])
    expect((await state()).open?.name).toBe('press')
  })
})

describe('switching', () => {
  it('sends each cluster its own password, and leaves nothing of the one open in the other', async () => {
    const heard: string[] = []
    const servers = await Promise.all(
      ['alpha', 'beta'].map(async (name) => {
        const server = createServer((request, response) => {
          heard.push(`${name}: ${Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString()}`)
          const path = request.url ?? ''
          const known = {
            '/api/node': sampleSelf(),
            '/api/session': { username: name, authentication: true },
            '/api/cluster': { ...sampleSelf(), head: 0, nodes: [] },
          }
          response.end(JSON.stringify(known[path as keyof typeof known] ?? {}))
        })
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
        return server
      }),
    )
    try {
      const saved = servers.map((server, index) => ({
        ...cluster(index + 1, `cluster ${index}`),
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        username: 'operator',
      }))
      await start(null, saved)
      for (const [index, { id }] of saved.entries()) {
        expect(await call('clusters.open', id, `secret-${index}`)).toMatchObject({ kind: 'connected' })
        expect((await state()).open).toMatchObject({ id, base: `${saved[index]?.url ?? ''}/` })
        await call('session.call', `call-${index}`, 'getNode', {})
      }
      // The first one again: its password was kept, not asked for.
      await call('clusters.open', saved[0]?.id, null)
      await call('session.call', 'call-2', 'getNode', {})
      expect([...new Set(heard)]).toEqual(['alpha: operator:secret-0', 'beta: operator:secret-1'])
      expect(heard.at(-1)).toBe('alpha: operator:secret-0')
      expect(JSON.parse(readFileSync(join(folder, 'clusters.json'), 'utf8'))).toMatchObject({ last: saved[0]?.id })
    } finally {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    }
  })
})

describe('the open cluster', () => {
  it('is closed when it is removed', async () => {
    const [press] = clusters
    await start(press.id)
    expect((await state()).open?.name).toBe('press')
    await call('clusters.remove', press.id)
    const { open, clusters: left } = await state()
    expect([open, left.map(({ name }) => name)]).toEqual([null, ['far']])
  })
})

describe('a node', () => {
  it('that was away as the app came is told of when it is back', async () => {
    const [sample] = sampleCluster().nodes
    const node = { ...sample, id: 'far', name: 'far-01', state: 'offline' }
    const daemon = new FakeDaemon({ answers: { listNodes: () => ({ nodes: [node] }) } })
    const url = await daemon.start()
    try {
      await start(clusters[0].id, [{ ...clusters[0], url }])
      await call('session.follow', 'events', null)
      await until('its state is known', () => electron.shown.tray.includes('1 node offline'))
      daemon.commit({ type: 'node', node })
      daemon.commit({ type: 'node', node: { ...node, state: 'online' } })
      await until('it is told', () => electron.shown.notifications.length > 0)
      expect(electron.shown.notifications.map(({ title }) => title)).toEqual(['far-01 is back'])
      // In front it is seen; behind others it is counted, and where nothing is counted it flashes.
      const [window] = electron.windows.list
      expect([electron.shown.badge, window?.flashes]).toEqual([0, false])
      if (window !== undefined) window.hasFocus = false
      await onPlatform('win32', async () => {
        daemon.commit({ type: 'node', node })
        await until('it is counted', () => electron.shown.badge === 1)
      })
      expect(window?.flashes).toBe(true)
      // Without a window nobody else would follow the events.
      const before = daemon.streams.length
      window?.close()
      await until('main follows them', () => daemon.streams.length === before + 1)
    } finally {
      await daemon.stop()
    }
  })
})

describe('the switches of a cluster', () => {
  it('keep from the screen what is not wanted of it', async () => {
    const [sample] = sampleCluster().nodes
    const node = { ...sample, id: 'far', name: 'far-01', state: 'online' }
    const daemon = new FakeDaemon({ answers: { listNodes: () => ({ nodes: [node] }) } })
    const url = await daemon.start()
    try {
      await start(clusters[0].id, [{ ...clusters[0], url, notifications: { failed: false, nodes: true } }])
      await call('session.follow', 'events', null)
      await until('its nodes are known', () => electron.shown.tray.includes('1 node online'))
      daemon.commit({ type: 'job', job: sampleJob({ outcome: 'failed' }) })
      daemon.commit({ type: 'node', node: { ...node, state: 'offline' } })
      await until('it is told', () => electron.shown.notifications.length > 0)
      expect(electron.shown.notifications.map(({ title }) => title)).toEqual(['far-01 is offline'])
    } finally {
      await daemon.stop()
    }
  })
})

describe('a file', () => {
  it('of another machine is neither opened nor shown here', async () => {
    await start(clusters[0].id)
    const [window] = electron.windows.list
    for (const name of ['files.open', 'files.reveal']) {
      const answer = await electron.callMain(window!.webContents, 'scrapyd-service', [name, ['/logs/p/s/1.log']])
      expect(answer).toMatchObject({ ok: false, error: { message: expect.stringContaining('on another machine') } })
    }
    expect([electron.shown.opened, electron.shown.revealed]).toEqual([[], []])
  })
})

describe('the clusters', () => {
  it.each([
    [
      'clusters.save',
      [{ ...cluster(1, 'press'), id: null, url: 'ftp://host', password: null }],
      /url: The address has to/,
    ],
    [
      'clusters.save',
      [{ ...cluster(1, 'press'), id: null, password: null }],
      /^There is a cluster of the name press already/,
    ],
    ['clusters.import', [], /^This is not a file of exported clusters: format: /],
  ])('say why %s is refused', async (name, args, says) => {
    await start()
    const file = join(folder, 'other.json')
    writeFileSync(file, '{}')
    electron.answers.openFile = file
    const answer = await electron.callMain(electron.windows.list[0]!.webContents, 'scrapyd-service', [name, args])
    expect(answer).toMatchObject({ ok: false, error: { message: expect.stringMatching(says) } })
  })
})

describe('the about box', () => {
  it.each(['linux', 'win32', 'darwin'])('tells all versions on %s', async (platform) => {
    await onPlatform(platform, () => start())
    // Linux and Windows show no more than these two.
    const { applicationName, applicationVersion, version } = electron.shown.about
    const text = [applicationName, applicationVersion, platform === 'darwin' ? version : ''].join(' ')
    expect(text).toMatch(/^Scrapyd Service 0\.1\.0 .*Electron .*, Node \d/)
    // Windows shows notifications only under the id of the installed shortcut.
    const appId = /^appId: (.*)$/m.exec(readFileSync(join(root, 'electron-builder.yml'), 'utf8'))?.[1]
    expect(electron.shown.appId).toBe(platform === 'win32' ? appId : null)
  })
})

describe('a link', () => {
  it('to a cluster that cannot be opened leaves the open one, and says so', async () => {
    await start(clusters[0].id)
    link('scrapyd-service://far/jobs')
    const question = await until('it is said', () => electron.shown.questions[0])
    expect(question).toBe('The link to far could not be opened')
    expect((await state()).open?.name).toBe('press')
  })

  it('shows the cluster that cannot be opened where none is open', async () => {
    await start()
    link('scrapyd-service://far/jobs')
    await until('it is shown', async () => (await state()).selected === clusters[1].id)
    expect(electron.shown.questions).toEqual([])
  })

  it('launches no local master: its page is shown', async () => {
    await start(clusters[0].id)
    link('scrapyd-service://local/jobs')
    await until('its page is shown', async () => {
      const { open, selected } = await state()
      return open === null && selected === 'local'
    })
    expect((await state()).local.state).toBe(process.platform === 'win32' ? 'unsupported' : 'stopped')
  })
})
