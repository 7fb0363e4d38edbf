import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { BrowserRules } from '../../../src-daemon/api/browser-rules.ts'
import type { HttpServerOptions } from '../../../src-daemon/api/server.ts'
import { FakeServer } from '../../helpers/fake-server.ts'
import { sendRaw } from '../../helpers/raw-http.ts'

let server: FakeServer
afterEach(() => server.stop())

const start = async (options: Partial<HttpServerOptions> = {}) => {
  server = await new FakeServer().start(options)
}
const BROWSER = ['User-Agent: Mozilla/5.0 (X11)', 'Accept-Language: en']

async function ask(method: string, host: string | null, ...headers: string[]) {
  const lines = [
    `${method} /cancel.json HTTP/1.1`,
    ...(host === null ? [] : [`Host: ${host}`]),
    'Content-Type: application/x-www-form-urlencoded',
    ...(method === 'POST' ? ['Content-Length: 9'] : []),
    ...headers,
  ]
  return sendRaw(server.port, `${lines.join('\r\n')}\r\n\r\n${method === 'POST' ? 'project=x' : ''}`)
}

describe('the Host of a browser', () => {
  it.each([
    'localhost',
    'LOCALHOST:6800',
    '127.0.0.1:1',
    '[::1]:6800',
    'a.localhost',
    'crawl.example.org',
    'crawl.example.org:443',
    `${hostname()}:6800`,
  ])('may be %s', async (host) => {
    await start({ allowedHosts: ['Crawl.example.org'] })
    expect((await ask('POST', host, ...BROWSER)).status).toBe(200)
  })

  it.each([
    ['evil.example', BROWSER],
    ['evil.example:6800', ['Origin: http://evil.example:6800']],
    ['localhost.evil.example', ['Sec-Fetch-Site: same-origin']],
    ['127.0.0.1.evil.example', ['Accept-Language: de']],
    ['192.0.2.1', ['Accept: text/html']],
    ['', BROWSER],
    ['[::2]', BROWSER],
  ])('may not be %j', async (host, headers) => {
    await start()
    const answer = await ask('GET', host, ...headers)
    expect(answer.status).toBe(421)
    expect(answer.body).toContain('allowed_hosts')
  })

  it('does not matter for programs', async () => {
    await start()
    expect((await ask('POST', 'anything.example', 'User-Agent: curl/8.0', 'Accept: */*')).status).toBe(200)
    expect((await ask('POST', 'anything.example', 'User-Agent: python-requests/2.32')).status).toBe(200)
    const java = ['User-Agent: Java/21.0.5', 'Accept: text/html, image/gif, image/jpeg, */*; q=0.2']
    expect((await ask('POST', 'anything.example', ...java)).status).toBe(200)
  })
})

describe('another daemon', () => {
  it('is a program, under whatever name it knows this one', async () => {
    const sent: IncomingHttpHeaders[] = []
    const other = createServer((request, response) => {
      sent.push(request.headers)
      response.end()
    }).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    await fetch(`http://127.0.0.1:${port}`, { method: 'PUT', body: '{}' })
    other.close()
    const headers = { ...sent[0], host: 'slave7.example:6801' }
    const rules = new BrowserRules({ bindAddress: '0.0.0.0', allowedHosts: [], allowedOrigins: [] })
    expect(() => rules.check({ method: 'PUT', headers } as IncomingMessage)).not.toThrow()
    const page = { ...headers, 'sec-fetch-site': 'same-origin' }
    expect(() => rules.check({ method: 'PUT', headers: page } as IncomingMessage)).toThrow('slave7.example')
  })
})

describe('a change asked for by another site', () => {
  it.each([
    [['Origin: http://evil.example']],
    [['Origin: null']],
    [['Origin: http://localhost:1']],
    [['Origin: http://localhost:6800', 'Sec-Fetch-Site: cross-site']],
    [['Origin: http://localhost:1', 'Sec-Fetch-Site: same-site']],
    [['Sec-Fetch-Site: cross-site']],
  ])('is refused: %j', async (headers) => {
    await start()
    const answer = await ask('POST', 'localhost:6800', ...headers)
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'error', node_name: 'node1' })
    expect(server.scrapyd.calls).toEqual([])
  })

  it.each([
    [['Origin: http://localhost:6800']],
    [['Origin: http://LOCALHOST:6800', 'Sec-Fetch-Site: same-origin']],
    [['Origin: https://crawl.example.org', 'X-Forwarded-Host: crawl.example.org']],
    [['Origin: https://crawl.example.org', 'Sec-Fetch-Site: same-origin']],
    [['Origin: https://friend.example', 'Sec-Fetch-Site: cross-site']],
    [['Sec-Fetch-Site: none']],
    [[]],
  ])('is not: %j', async (headers) => {
    await start({ allowedOrigins: ['https://friend.example'] })
    expect((await ask('POST', 'localhost:6800', ...BROWSER, ...headers)).status).toBe(200)
  })

  it('is no matter where nothing is changed', async () => {
    await start()
    expect((await ask('OPTIONS', 'localhost', 'Origin: http://evil.example')).status).toBe(204)
    const answer = await server.get('/daemonstatus.json', { headers: { Origin: 'http://evil.example' } })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('allowed_origins', () => {
  const preflight = (origin: string) =>
    server.get('/schedule.json', {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' },
    })

  it('open the daemon to the pages of an origin, and to no others', async () => {
    await start({ allowedOrigins: ['https://friend.example'], username: 'a', password: 'b' })
    const friend = await preflight('https://friend.example')
    expect(friend.status).toBe(204)
    expect(friend.headers.get('access-control-allow-origin')).toBe('https://friend.example')
    expect(friend.headers.get('access-control-allow-headers')).toContain('Authorization')
    const stranger = await preflight('https://friend.example.evil.example')
    expect(stranger.status).toBe(401)
    expect(stranger.headers.get('access-control-allow-origin')).toBeNull()
    const headers = { Origin: 'https://friend.example', Authorization: `Basic ${btoa('a:b')}` }
    const answer = await server.get('/daemonstatus.json', { headers })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://friend.example')
    expect(answer.headers.get('vary')).toContain('Origin')
  })
})
