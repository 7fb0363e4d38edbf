import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { root } from '../../scripts/lib/root.ts'
import { clientOf } from '../../src-main/connection-test.ts'
import type { LocalState } from '../../src-main/ipc-contract.ts'
import { JsonFile } from '../../src-main/json-file.ts'
import { isAlive, localFolders, recordedPid } from '../../src-main/local-daemon.ts'
import { LocalMaster, localSettings, type LocalMasterOptions } from '../../src-main/local-master.ts'
import { nextRestart } from '../../src-main/restart-plan.ts'
import { testPython } from '../helpers/setup-python.ts'
import { until } from '../helpers/until.ts'

const LIMIT = 90_000
let folder: string
let masters: LocalMaster[]
/** As the system's store would keep it; cleared: it keeps none. */
let stored: Map<string, string>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-local-'))
  masters = []
  stored = new Map()
})
afterEach(async () => {
  for (const master of masters) await master.stop()
  rmSync(folder, { recursive: true, force: true })
}, LIMIT)

function make(
  states: LocalState[] = [],
  program = join(root, 'src-daemon/bin/scrapyd-service.mjs'),
  more: Partial<LocalMasterOptions> = {},
): LocalMaster {
  const master = new LocalMaster({
    dataDir: join(folder, 'local'),
    program,
    nodeName: 'here',
    env: process.env,
    settings: new JsonFile(
      join(folder, 'local.json'),
      localSettings,
      localSettings.parse({ background: false, port: null }),
    ),
    passwords: { get: (id) => stored.get(id) ?? null, set: (id, password) => void stored.set(id, password) },
    findPython: () => Promise.resolve({ path: testPython(), version: '3', scrapy: '2' }),
    onChange: (state) => states.push(state),
    ...more,
  })
  masters.push(master)
  return master
}

const pid = () => recordedPid(localFolders(join(folder, 'local'))) ?? -1

describe('LocalMaster', () => {
  it(
    'tells each step, serves 127.0.0.1 only with its random password, and leaves no process',
    async () => {
      const states: LocalState[] = []
      const master = make(states)
      await master.start()
      expect(master.state).toMatchObject({ state: 'running', background: false })
      const steps = states.flatMap((state) => (state.state === 'starting' ? state.steps.map(({ step }) => step) : []))
      expect([...new Set(steps)]).toEqual(['folder', 'port', 'python', 'answer'])
      const { url, password } = master.address
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect((await fetch(`${url}/daemonstatus.json`)).status).toBe(401)
      expect(readFileSync(master.folders.config, 'utf8')).not.toContain(password)
      const daemon = pid()
      await master.stop()
      expect(master.state.state).toBe('stopped')
      expect(isAlive(daemon)).toBe(false)
    },
    LIMIT,
  )

  it(
    'is started again when it dies, with the password and the port that are known',
    async () => {
      const states: LocalState[] = []
      const master = make(states)
      await master.start()
      expect(master.state).toMatchObject({ state: 'running' })
      const first = pid()
      const { address } = master
      process.kill(first, 'SIGKILL')
      await until('it waits', () => states.some(({ state }) => state === 'waiting'))
      await until('it runs again', () => master.state.state === 'running' && pid() !== first)
      expect(states.find(({ state }) => state === 'waiting')).toMatchObject({ attempt: 1 })
      expect(master.address).toEqual(address)
      expect((await clientOf(address).call('getNode')).node_name).toBe('here')
      await master.stop()
      await master.start()
      expect(master.state).toMatchObject({ state: 'running' })
      expect(master.address.password).not.toBe(address.password)
    },
    LIMIT,
  )

  it(
    'is given up when it dies again and again, says so, and can be started by hand',
    async () => {
      const states: LocalState[] = []
      const restart: typeof nextRestart = (attempt, livedMs) => {
        const plan = nextRestart(attempt, livedMs)
        return plan && { ...plan, delayMs: 10 }
      }
      const master = make(states, undefined, { restart })
      await master.start()
      const pids = new Set<number>()
      for (let death = 1; death <= 6; death++) {
        pids.add(pid())
        process.kill(pid(), 'SIGKILL')
        const after = death === 6 ? 'failed' : 'running'
        // The last one's pid file stays.
        const isNew = () => after === 'failed' || !pids.has(pid())
        await until(`it ${after} after death ${death}`, () => master.state.state === after && isNew())
      }
      expect(pids.size).toBe(6)
      const attempts = states.flatMap((state) => (state.state === 'waiting' ? [state.attempt] : []))
      expect([...new Set(attempts)]).toEqual([1, 2, 3, 4, 5])
      expect(master.state).toMatchObject({ state: 'failed', reason: expect.stringMatching(/SIGKILL|killed|ended/i) })
      await master.start()
      expect(master.state.state).toBe('running')
    },
    LIMIT,
  )

  it(
    'is tried again when a restart fails, and given up when that goes on',
    async () => {
      const broken = join(folder, 'broken')
      const program = join(folder, 'daemon.mjs')
      const real = pathToFileURL(join(root, 'src-daemon/index.ts')).href
      writeFileSync(
        program,
        `import { existsSync } from 'node:fs'
        if (existsSync(${JSON.stringify(broken)})) process.exit(3)
        const { main } = await import(${JSON.stringify(real)})
        await main(process.argv.slice(2))`,
      )
      const states: LocalState[] = []
      const attempts = () => states.flatMap((state) => (state.state === 'waiting' ? [state.attempt] : []))
      const restart: typeof nextRestart = (attempt) => (attempt < 3 ? { attempt: attempt + 1, delayMs: 200 } : null)
      const master = make(states, program, { restart })
      await master.start()
      writeFileSync(broken, '')
      process.kill(pid(), 'SIGKILL')
      await until('a restart has failed', () => attempts().includes(2))
      rmSync(broken)
      await until('it runs again', () => master.state.state === 'running')

      writeFileSync(broken, '')
      process.kill(pid(), 'SIGKILL')
      await until('it is given up', () => master.state.state === 'failed')
      expect([...new Set(attempts())]).toEqual([1, 2, 3])
      expect(master.state).toMatchObject({ reason: 'The daemon ended with status 3.' })
      // By hand it fails at once.
      const before = attempts().length
      await master.start()
      expect([master.state.state, attempts().length]).toEqual(['failed', before])
    },
    LIMIT,
  )

  it(
    'goes on in the background, and is found again with the same data',
    async () => {
      const before = make()
      await before.start()
      before.setBackground(true)
      const daemon = pid()
      await before.quit()
      expect(isAlive(daemon)).toBe(true)
      const after = make()
      await after.find()
      expect(after.state).toMatchObject({ state: 'running', background: true, url: before.address.url })
      expect(pid()).toBe(daemon)
      expect((await clientOf(after.address).call('getNode')).node_name).toBe('here')

      // Where nothing tells of it the daemon itself refuses to be the second one.
      rmSync(join(folder, 'local/dbs/scrapyd_service.pid'))
      const second = make()
      await second.start()
      expect(second.state).toMatchObject({ state: 'failed', reason: 'Another daemon works on this data folder.' })
      expect(isAlive(daemon)).toBe(true)

      // The app that has quit does not start it again when it is ended.
      await after.stop()
      expect([isAlive(daemon), before.state.state]).toEqual([false, 'running'])
    },
    LIMIT,
  )

  it(
    'is not ended when it does not answer for a while',
    async () => {
      const before = make()
      await before.start()
      before.setBackground(true)
      const daemon = pid()
      await before.quit()
      process.kill(daemon, 'SIGSTOP')
      const after = make([], undefined, { adoptMs: 300 })
      try {
        await after.find()
        expect(after.state).toMatchObject({ state: 'failed', reason: expect.stringContaining(`process ${daemon}`) })
        const asked = after.start()
        process.kill(daemon, 'SIGCONT')
        await asked
      } finally {
        process.kill(daemon, 'SIGCONT')
      }
      expect(after.state).toMatchObject({ state: 'running', url: before.address.url })
      expect(pid()).toBe(daemon)
    },
    LIMIT,
  )

  it(
    'is started anew, never twice, when its password is lost',
    async () => {
      const before = make()
      await before.start()
      before.setBackground(true)
      const daemon = pid()
      await before.quit()
      stored.clear()
      const after = make()
      await after.start()
      expect(after.state.state).toBe('running')
      expect(isAlive(daemon)).toBe(false)
      expect(pid()).not.toBe(daemon)
    },
    LIMIT,
  )

  it(
    'ends its spiders with it, and takes new ones at the next start',
    async () => {
      const master = make()
      await master.start()
      const client = clientOf(master.address)
      await client.call('addProject', {
        params: { project: 'news' },
        body: { path: join(root, 'examples/newspapers') },
      })
      const { results } = await client.call('createJobs', {
        body: { project: 'news', spider: 'night_ticker' },
      })
      const key = results[0]?.job?.key ?? ''
      const { pid: spider } = await until('it runs', async () => {
        const job = await client.call('getJob', { params: { key } })
        return job.state === 'running' && job
      })
      await master.quit()
      expect(isAlive(spider ?? -1)).toBe(false)
      const { stdout } = await promisify(execFile)('ps', ['-eo', 'args'])
      expect(stdout).not.toContain(folder)
      const again = make()
      await again.start()
      const self = await clientOf(again.address).call('getNode')
      expect([self.paused, self.running]).toEqual([false, 0])
    },
    LIMIT,
  )

  it(
    'says why it does not run',
    async () => {
      const master = make([], join(folder, 'no-such-program.mjs'))
      await master.start()
      expect(master.state).toMatchObject({ state: 'failed', reason: 'The daemon ended with status 1.' })
      expect(JSON.stringify(master.state)).toContain('no-such-program')
    },
    LIMIT,
  )
})
