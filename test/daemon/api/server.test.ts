import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConflictError } from '../../../src-daemon/errors.ts'
import { rowsOf } from '../../helpers/fake-scrapyd.ts'
import { FakeServer } from '../../helpers/fake-server.ts'
import { RawConnection } from '../../helpers/raw-http.ts'

let folder: string
const servers: FakeServer[] = []
const start = async (...parameters: Parameters<FakeServer['start']>) => {
  const server = new FakeServer()
  servers.push(server)
  return server.start(...parameters)
}
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'server-'))
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()))
  rmSync(folder, { recursive: true })
})

function getBySocket(socketPath: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/daemonstatus.json' }, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

describe('the server', () => {
  it('says where it listens, and that an address is taken', async () => {
    const server = await start()
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
    const second = start({ httpPort: server.port })
    await expect(second).rejects.toBeInstanceOf(ConflictError)
    await expect(second).rejects.toThrow('the address is in use')
    await expect(start({ bindAddress: '192.0.2.1' })).rejects.toThrow('this machine does not have that address')
  })

  it('listens on IPv6 alike', async () => {
    const server = await start({ bindAddress: '::1' })
    expect(server.url).toBe(`http://[::1]:${server.port}`)
    expect((await server.get('/daemonstatus.json', { headers: { 'Accept-Language': 'en' } })).status).toBe(200)
  })

  it('listens on a Unix socket as well, and takes it over from a dead daemon', async () => {
    const unixSocketPath = join(folder, 'daemon.sock')
    // A process that is killed leaves its socket behind.
    const script = `require('net').createServer().listen(${JSON.stringify(unixSocketPath)}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', script])
    expect(existsSync(unixSocketPath)).toBe(true)
    const server = await start({ unixSocketPath })
    expect(await getBySocket(unixSocketPath)).toBe(200)
    expect(statSync(unixSocketPath).mode & 0o777).toBe(0o660)
    expect((await server.get('/daemonstatus.json')).status).toBe(200)
    await expect(start({ unixSocketPath })).rejects.toThrow('another daemon answers there')
    expect(await getBySocket(unixSocketPath)).toBe(200)
    await server.stop()
    expect(existsSync(unixSocketPath)).toBe(false)
  })

  it('does not remove a file that is no socket', async () => {
    const unixSocketPath = join(folder, 'precious')
    writeFileSync(unixSocketPath, '')
    await expect(start({ unixSocketPath })).rejects.toThrow('a file of another kind')
    expect(existsSync(unixSocketPath)).toBe(true)
    await expect(start({ unixSocketPath: join(folder, 'no', 'sock') })).rejects.toThrow('folder does not exist')
  })

  it('gives open requests a moment when it stops, idle connections none', async () => {
    // Nobody waits for the end of that moment: a connection that is kept is closed with its last answer.
    const server = await start({ limits: { stopMs: 60_000 } })
    const idle = await RawConnection.open(server.port)
    await idle.send('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n').answer()
    let goOn = () => {}
    const waiting = new Promise<void>((resolve) => {
      goOn = resolve
    })
    server.scrapyd.finishedRows = (async function* () {
      await waiting
      yield* rowsOf('{"id": 1}')
    })()
    const answer = server.get('/listjobs.json')
    await expect.poll(() => server.scrapyd.calls).toHaveLength(1)
    const stopped = server.stop()
    await idle.closed()
    goOn()
    expect(await (await answer).json()).toMatchObject({ finished: [{ id: 1 }] })
    await stopped
    expect(await portIsFree(server.port)).toBe(true)
  })

  it('does not wait for ever', async () => {
    const server = await start({ limits: { stopMs: 50 } })
    const stuck = await RawConnection.open(server.port)
    stuck.send(
      'POST /schedule.json HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9\r\n\r\n',
    )
    const events = await RawConnection.open(server.port)
    await events.send('GET /api/events HTTP/1.1\r\nHost: a\r\n\r\n').until((text) => text.includes('hello'))
    await server.stop()
    await Promise.all([stuck.closed(), events.closed()])
    expect(await portIsFree(server.port)).toBe(true)
  })
})

function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
