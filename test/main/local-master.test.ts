import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Interpreter } from '../../src-main/interpreters.ts'
import { JsonFile } from '../../src-main/json-file.ts'
import { isAlive, localFolders, type LocalFolders } from '../../src-main/local-daemon.ts'
import { LocalMaster, localSettings, type LocalMasterOptions } from '../../src-main/local-master.ts'
import { until } from '../helpers/until.ts'

// The pid file names a process that is no daemon of ours: what is found at the start of the app.
let folder: string
let folders: LocalFolders
/** Who came to the port that the daemon had. */
let callers: (string | undefined)[]
const server = createServer((request, response) => {
  callers.push(request.headers.authorization)
  response.writeHead(404).end()
})
let pid: number
let ended: Promise<unknown>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-新闻-'))
  folders = localFolders(join(folder, 'local'))
  mkdirSync(folders.dbs, { recursive: true })
  callers = []
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  await ended
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

/** A process with these arguments, which the pid file names. */
async function leave(...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1_000)', '--', ...args])
  pid = child.pid ?? -1
  ended = once(child, 'exit')
  await once(child.stdout, 'data')
  writeFileSync(join(folders.dbs, 'scrapyd_service.pid'), `${pid}\n`)
}

function make(findPython: LocalMasterOptions['findPython'] = () => Promise.resolve(null)): LocalMaster {
  const { port } = server.address() as AddressInfo
  return new LocalMaster({
    dataDir: folders.dataDir,
    program: '',
    nodeName: 'here',
    env: {},
    settings: new JsonFile(join(folder, 'local.json'), localSettings, localSettings.parse({ background: true, port })),
    passwords: { get: () => 'secret', set: () => {} },
    findPython,
    onChange: () => {},
    adoptMs: 200,
  })
}

describe('a pid that was used again', () => {
  it('by somebody who only has the configuration open is left alone, and nobody is told the password', async () => {
    await leave(folders.config)
    const master = make()
    await master.find()
    expect(master.state.state).toBe('stopped')
    await master.stop()
    expect([isAlive(pid), callers]).toEqual([true, []])
  })

  it('by the daemon on another folder is none of ours', async () => {
    await leave('--config', `${folders.config}.old`)
    const master = make()
    await master.find()
    expect([master.state.state, callers]).toEqual(['stopped', []])
  })
})

describe('the Python for projects', () => {
  it('is looked for also while the master does not run, and anew each time', async () => {
    await leave(folders.config)
    let found: Interpreter | null = null
    const master = make(() => Promise.resolve(found))
    expect(await master.python()).toBeNull()
    found = { path: '/usr/bin/python3', version: '3.12.0', scrapy: null }
    expect(await master.python()).toEqual(found)
  })
})

describe('a daemon of ours', () => {
  it('is known by its arguments, whatever characters its folder has', async () => {
    await leave('--config', folders.config)
    const master = make()
    const found = master.find()
    await until('it is asked', () => callers.length > 0)
    await found
    expect(master.state).toMatchObject({ state: 'failed', reason: expect.stringContaining(`process ${pid}`) as string })
  })
})
