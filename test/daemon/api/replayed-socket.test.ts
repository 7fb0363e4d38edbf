import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { rowsOf } from '../../helpers/fake-scrapyd.ts'
import { FakeServer } from '../../helpers/fake-server.ts'
import { RawConnection, sendRaw } from '../../helpers/raw-http.ts'

let server: FakeServer
beforeEach(async () => {
  server = await new FakeServer().start()
})
afterEach(() => server.stop())

/** As curl sends it: the address in the bytes of the terminal. */
const asTyped = (method: string, target: string, ...headers: string[]) =>
  Buffer.from(`${[`${method} ${target} HTTP/1.1`, 'Host: localhost', ...headers].join('\r\n')}\r\n\r\n`)

describe('an address outside ASCII that the client did not escape', () => {
  it('is read as it was meant, like Scrapyd does', async () => {
    const { status, body } = await sendRaw(server.port, asTyped('GET', '/listversions.json?project=新闻&x=%41'))
    expect([status, body]).toEqual([200, '{"versions": [], "status": "ok", "node_name": "node1"}\n'])
    expect(server.scrapyd.last?.input).toEqual({ project: '新闻' })
    const latin1 = await sendRaw(server.port, 'GET /listspiders.json?project=\u00fc HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(latin1.body).toContain("can't decode byte 0xfc")
  })

  it('is so on a connection that was kept, which then ends: clients open another one', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send(asTyped('GET', '/listversions.json?project=a'))
    await connection.until((text) => text.includes('"status": "ok"'))
    connection.send(asTyped('GET', '/listversions.json?project=云'))
    const [, first, second] = (await connection.closed()).split('HTTP/1.1 200 OK')
    expect(first).toMatch(/connection: keep-alive/i)
    expect(second).toMatch(/connection: close/i)
    expect(server.scrapyd.calls.map(({ input }) => input)).toEqual([{ project: 'a' }, { project: '云' }])
  })

  it('brings its file, whole, and however long it takes', async () => {
    mkdirSync(join(server.logsDir, 'news', '云溪日报'), { recursive: true })
    const text = 'line\n'.repeat(1_000_000)
    writeFileSync(join(server.logsDir, 'news', '云溪日报', '1.log'), text)
    const connection = await RawConnection.open(server.port)
    connection.send(asTyped('GET', '/logs/news/云溪日报/1.log', 'Connection: close'))
    expect((await connection.answer()).body).toBe(text)
  })

  it('may have a body that comes later', async () => {
    const connection = await RawConnection.open(server.port)
    connection.send(
      asTyped(
        'POST',
        '/schedule.json?spider=云',
        'Content-Type: application/x-www-form-urlencoded',
        'Content-Length: 12',
        'Expect: 100-continue',
      ),
    )
    await connection.until((text) => text.includes('100 Continue'))
    connection.send('project=news')
    expect(await connection.answer()).toMatchObject({ body: expect.stringContaining(String.raw`spider '\u4e91'`) })
    connection.close()
  })

  it('waits for its answer as any other request does', async () => {
    await server.stop()
    server = await new FakeServer().start({ limits: { unreadMs: 50 } })
    server.scrapyd.projects.set('新闻', { spiders: [], versions: [] })
    server.scrapyd.finishedRows = (async function* () {
      await wait(200)
      yield* rowsOf('{"id": "late"}')
    })()
    const { body } = await sendRaw(server.port, asTyped('GET', '/listjobs.json?project=新闻'))
    expect(body).toContain('"finished": [{"id": "late"}]')
  })

  it('is refused where it stands in what is no request', async () => {
    for (const bytes of ['GET /云 nothing\r\n\r\n', 'GET 云 HTTP/1.1\r\n\r\n', '云 /x HTTP/1.1\r\n\r\n']) {
      expect((await sendRaw(server.port, Buffer.from(bytes))).status).toBe(400)
    }
    // Behind a request that is still answered it could not be told whose answer is whose.
    const connection = await RawConnection.open(server.port)
    connection.send(Buffer.concat([asTyped('GET', '/listprojects.json'), asTyped('GET', '/云')]))
    expect(await connection.closed()).toMatch(/^HTTP\/1\.1 200 [^]*HTTP\/1\.1 400 /)
    expect((await server.get('/daemonstatus.json')).status).toBe(200)
  })
})
