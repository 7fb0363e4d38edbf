import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { figures } from '../../src-main/cluster-health.ts'
import { clustersFile, Connections } from '../../src-main/connections.ts'
import { JsonFile } from '../../src-main/json-file.ts'
import { LocalMaster, localSettings } from '../../src-main/local-master.ts'
import { OpenSession } from '../../src-main/open-session.ts'
import { Passwords, passwordsFile } from '../../src-main/passwords.ts'
import { ENGLISH } from '../../src-main/words.ts'
import { FakeDaemon } from '../helpers/fake-daemon.ts'
import { sampleAnswers } from '../helpers/sample-answers.ts'
import { sampleCluster, sampleJob } from '../helpers/sample-cluster.ts'
import { until } from '../helpers/until.ts'

let folder: string
let daemon: FakeDaemon
const cluster = sampleCluster()
/** Titles of notifications. */
let told: string[]
/** What the tray says. */
let online: number

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-main-'))
  daemon = new FakeDaemon({ answers: sampleAnswers(cluster) })
  told = []
  online = 0
})
afterEach(async () => {
  await daemon.stop()
  rmSync(folder, { recursive: true, force: true })
})

function localMaster(): LocalMaster {
  const fallback = localSettings.parse({ background: false, port: null })
  return new LocalMaster({
    dataDir: join(folder, 'local'),
    program: '',
    nodeName: 'here',
    env: {},
    settings: new JsonFile(join(folder, 'local.json'), localSettings, fallback),
    passwords: { get: () => null, set: () => {} },
    findPython: () => Promise.resolve(null),
    onChange: () => {},
  })
}

/** A session whose local master is the daemon of the test. */
function openWith(url: string, settings: Pick<LocalMaster, 'state' | 'notifications'>): OpenSession {
  const passwords = new Passwords(new JsonFile(join(folder, 'passwords.json'), passwordsFile, {}))
  const file = new JsonFile(join(folder, 'clusters.json'), clustersFile, { clusters: [], last: 'local' })
  return new OpenSession({
    connections: new Connections({ file, passwords, onChange: () => {} }),
    local: {
      get state() {
        const { state } = settings
        return state.state === 'stopped' ? { ...state, state: 'running' as const, since: 0, url, python: '' } : state
      },
      address: { url, username: '', password: null, certificate: { kind: 'system' } },
      start: () => Promise.resolve(),
      get notifications() {
        return settings.notifications
      },
    },
    words: ENGLISH,
    onSwitch: () => {},
    onGo: () => {},
    onNotice: ({ title }) => told.push(title),
    onHealth: (_cluster, health) => (online = figures(health).online),
  })
}

describe('the open local master', () => {
  it('tells what its own switches want, which outlast the app', async () => {
    const url = await daemon.start()
    // As a version without switches has left it.
    writeFileSync(join(folder, 'local.json'), '{ "background": false, "port": null }')
    const settings = localMaster()
    expect(settings.notifications).toEqual({ failed: true, nodes: true })

    const open = openWith(url, settings)
    open.resume()
    await until('it is open', () => open.cluster?.isLocal)
    let heard = 0
    const stream = open.session.follow('events', null, (events) => (heard += events.length))
    await until('it follows', () => daemon.streams.length === 1 && heard > 0)
    const fails = async (spider: string) => {
      const before = heard
      daemon.commit({ type: 'job', job: sampleJob({ spider, project: 'p', outcome: 'failed' }) })
      await until(`${spider} is heard of`, () => heard > before)
    }
    await fails('one')
    settings.setNotifications({ failed: false, nodes: true })
    await fails('two')
    expect(localMaster().notifications).toEqual({ failed: false, nodes: true })
    settings.setNotifications({ failed: true, nodes: true })
    await fails('three')
    expect(told).toEqual(['one failed (p)', 'three failed (p)'])
    open.end()
    await stream
  })
})

describe('a local master that was given up', () => {
  it.each([true, false])(
    'leads back to its page among the clusters, and is told of if that is wanted (%s)',
    async (nodes) => {
      const url = await daemon.start()
      const settings = localMaster()
      settings.setNotifications({ failed: false, nodes })
      const local = { state: settings.state, notifications: settings.notifications }
      const open = openWith(url, local)
      open.resume()
      await until('it is open', () => open.cluster?.isLocal)
      const page = open.session.follow('events', null, () => {})
      await until('it follows', () => daemon.streams.length === 1)
      // While it is started again there is a console, with what it knows.
      local.state = { ...local.state, state: 'waiting', retryAt: 0, attempt: 1, reason: 'The daemon was killed.' }
      open.followLocal()
      expect(open.cluster?.isLocal).toBe(true)
      local.state = { ...local.state, state: 'failed', reason: 'The daemon was killed.', help: null }
      open.followLocal()
      expect([open.cluster, open.selected]).toEqual([null, 'local'])
      expect(told).toEqual(nodes ? [ENGLISH.localEnded] : [])
      // Said once.
      open.followLocal()
      expect(told).toHaveLength(nodes ? 1 : 0)
      await page
    },
  )
})

describe('tray and notifications', () => {
  it('go on when the window is closed, and say that nothing is known when the cluster is away', async () => {
    const url = await daemon.start()
    const open = openWith(url, localMaster())
    open.resume()
    await until('it is open', () => open.cluster?.isLocal)
    open.pageIsGone()
    await until('the nodes are known', () => online > 0)
    daemon.commit({ type: 'job', job: sampleJob({ spider: 'one', project: 'p', outcome: 'failed' }) })
    await until('it is told', () => told.length > 0)
    daemon.isDeaf = true
    daemon.cut()
    await until('nothing is known', () => online === 0)
    daemon.isDeaf = false
    await until('it is back', () => online > 0)
    // A page follows by itself.
    open.pageLoads()
    await until('it is left to the page', () => daemon.streams.length === 0)
    expect(told).toEqual(['one failed (p)'])
    open.end()
  })
})
