import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { NodeSelf } from '../../../src-daemon/api/contract/values.ts'
import { probeNode } from '../../../src-daemon/cluster/node-probe.ts'
import { serve, targetAt } from './http-servers.ts'

const SELF: NodeSelf = {
  node_name: 'reed',
  identity: 'slave',
  cluster_name: 'pond',
  version: '0.1.0',
  feed: 'abcdefgh',
  instance: 'i-reed',
  started_at: '2026-01-01T00:00:00.000Z',
  now: '2026-01-01T00:00:00.000Z',
  paused: false,
  pause_note: null,
  pending: 0,
  running: 1,
  finished: 2,
  max_proc: 4,
  disk_free_bytes: null,
  disk_total_bytes: null,
  cpus: 2,
  load_average: [0, 0, 0],
  memory_free_bytes: 1,
  memory_total_bytes: 2,
  platform: 'linux',
  node_version: '24.0.0',
  python: null,
  scrapy: null,
  owner: null,
  projects: [],
}

const options = { timeoutMs: 2_000, instance: 'i-master' }
const json = (path: string, body: unknown): RequestListener => {
  return (request, response) => {
    if (request.url === path) response.end(JSON.stringify(body))
    else response.writeHead(404).end('no such place')
  }
}

async function probed(listener: RequestListener, credentials = {}) {
  const { url } = await serve(listener)
  return probeNode(targetAt(url, credentials), options)
}

describe('probeNode', () => {
  it('recognises one of our daemons', async () => {
    const result = await probed(json('/api/node', SELF))
    expect(result).toMatchObject({ kind: 'slave', name: 'reed', version: '0.1.0', self: { max_proc: 4 } })
  })

  it('asks on the connection that it has, and on a new one when the node closed that', async () => {
    const sockets: unknown[] = []
    let isClosing = false
    const { url } = await serve((request, response) => {
      sockets.push(request.socket)
      if (isClosing) request.socket.destroy()
      else response.end(JSON.stringify(SELF))
      isClosing = false
    })
    const ask = () => probeNode(targetAt(url), options)
    await ask()
    expect(await ask()).toMatchObject({ kind: 'slave' })
    expect(new Set(sockets).size).toBe(1)
    isClosing = true
    expect(await ask()).toMatchObject({ kind: 'slave' })
    expect(sockets).toHaveLength(4)
    expect(new Set(sockets).size).toBe(2)
  })

  it.each([
    ['the master itself', { ...SELF, instance: 'i-master' }, 'it is this master itself'],
    ['another master', { ...SELF, identity: 'master' }, "it is a master itself (of the cluster 'pond')"],
    ['a strange version', { feed: 'x', instance: 'y', version: '9.9.9' }, 'its version (9.9.9) and this one do not'],
  ])('tells %s', async (_what, self, words) => {
    const result = await probed(json('/api/node', self))
    expect(result).toMatchObject({ kind: 'unknown', answered: true, problem: expect.stringContaining(words) })
  })

  it('recognises a stock Scrapyd', async () => {
    const result = await probed((request, response) => {
      const ok = { status: 'ok', node_name: 'fern' }
      if (request.url === '/daemonstatus.json')
        response.end(JSON.stringify({ ...ok, pending: 1, running: 2, finished: 3 }))
      else if (request.url === '/listprojects.json') response.end(JSON.stringify({ ...ok, projects: ['p'] }))
      else response.writeHead(404).end('<html>No Such Resource')
    })
    expect(result).toEqual({ kind: 'scrapyd', name: 'fern', projects: ['p'], pending: 1, running: 2 })
  })

  it.each([
    ['another web server', (_q, r) => void r.end('<html>hello'), 'this is not a Scrapyd'],
    ['a web server without the page', (_q, r) => void r.writeHead(404).end(), 'it has no daemonstatus.json'],
    [
      'a redirect',
      (_q, r) => void r.writeHead(302, { Location: 'https://u:p@x.example/y?t=1' }).end(),
      'https://x.example',
    ],
    ['a proxy whose node is away', (_q, r) => void r.writeHead(502).end('<html>Bad Gateway'), 'it answers HTTP 502'],
    [
      'a server that wants a password',
      (_q, r) => void r.writeHead(401).end(),
      'it asks for a user name and a password',
    ],
    [
      'an HTTPS port of nginx',
      (_q, r) => void r.writeHead(400).end('The plain HTTP request was sent to HTTPS port'),
      'write https:// in front of it',
    ],
  ] satisfies [string, RequestListener, string][])('tells %s', async (_what, listener, words) => {
    const result = await probed(listener)
    expect(result).toMatchObject({ kind: 'unknown', answered: true, problem: expect.stringContaining(words) })
    expect(JSON.stringify(result)).not.toContain('u:p@')
  })

  it('tells a wrong password, without saying it', async () => {
    const result = await probed((_q, r) => void r.writeHead(401).end(), { username: 'ann', password: 'hunter2' })
    expect(result).toEqual({ kind: 'unknown', answered: true, problem: 'its user name or password is wrong' })
  })

  it('tells that nobody is there', async () => {
    const server = await serve(() => {})
    await server.stop()
    expect(await probeNode(targetAt(server.url), options)).toEqual({
      kind: 'unknown',
      answered: false,
      problem: 'connection refused: is the daemon running, and does it listen on this address?',
    })
  })

  it('tells that there is no answer in time', async () => {
    const { url } = await serve(() => {})
    expect(await probeNode(targetAt(url), { ...options, timeoutMs: 100 })).toEqual({
      kind: 'unknown',
      answered: false,
      problem: 'no answer within 0.1 s',
    })
  })

  it('tells what is no HTTP', async () => {
    const server = createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const result = await probeNode(targetAt(`http://127.0.0.1:${port}`), options)
    expect(result).toMatchObject({ kind: 'unknown', problem: 'it does not speak HTTP: this is not a Scrapyd' })
  })

  it('tells a certificate that is not trusted, and HTTPS where there is none', async () => {
    const pem = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', `self-signed-${name}.pem`))
    const server = createServer({ key: pem('key'), cert: pem('cert') }, (_q, r) => r.end()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const secure = await probeNode(targetAt(`https://127.0.0.1:${port}`), options)
    expect(secure).toMatchObject({
      kind: 'unknown',
      problem: expect.stringContaining('its certificate is not trusted'),
    })
    const plain = await serve(() => {})
    const wrong = await probeNode(targetAt(plain.url.replace('http', 'https')), options)
    expect(wrong).toMatchObject({ kind: 'unknown', problem: expect.stringContaining('it does not speak HTTPS') })
  })
})
