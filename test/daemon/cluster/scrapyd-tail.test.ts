import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { TailPiece } from '../../../src-daemon/api/ports.ts'
import { ScrapydNode } from '../../../src-daemon/cluster/scrapyd-node.ts'
import { ScrapydTail } from '../../../src-daemon/cluster/scrapyd-tail.ts'
import { TailOutbox } from '../../../src-daemon/cluster/tail-outbox.ts'
import { Turns } from '../../../src-daemon/cluster/turns.ts'
import { WAIT } from './cluster-parts.ts'
import { ask, serve, targetAt, type TestServer } from './http-servers.ts'

/** A log behind a web server as Twisted's, and a tail of it. */
async function setup(offset: number, begin: string | null) {
  const file: { bytes: Buffer | null; refuses: boolean } = {
    bytes: begin === null ? null : Buffer.from(begin),
    refuses: false,
  }
  const server = await serve((request, response) => {
    const { bytes } = file
    if (file.refuses) return void request.socket.destroy()
    if (bytes === null) return void response.writeHead(404).end('<html>')
    if (request.method === 'HEAD') return void response.writeHead(200, { 'Content-Length': bytes.length }).end()
    const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (Number(from) >= bytes.length) {
      return void response.writeHead(416, { 'Content-Range': `bytes */${bytes.length}` }).end()
    }
    const piece = bytes.subarray(Number(from), Number(to) + 1)
    const range = `bytes ${from}-${Number(from) + piece.length - 1}/${bytes.length}`
    response.writeHead(206, { 'Content-Range': range, 'Content-Length': piece.length }).end(piece)
  })
  const pieces: TailPiece[] = []
  const room = { left: Infinity }
  const out = new TailOutbox((piece) => {
    pieces.push(piece)
    return --room.left > 0
  })
  const job = { isFinished: false }
  const tail = new ScrapydTail({
    node: new ScrapydNode(() => targetAt(server.url, { kind: 'scrapyd' })),
    project: 'p',
    spider: 's',
    id: 'j',
    offset,
    out,
    isFinished: () => job.isFinished,
    turns: new Turns(1),
    intervalMs: 5,
  })
  onTestFinished(() => tail.close())
  const size = await tail.start()
  out.resume()
  const text = () => pieces.map((piece) => piece.text).join('')
  const states = () => pieces.map(({ state, offset: at }) => `${state} ${at}`)
  return { file, server, pieces, out, job, tail, size, text, states, room }
}

const REQUESTS = 50

/** In which a tail would have asked again many times. */
async function someTime({ url }: TestServer): Promise<void> {
  for (let n = 0; n < REQUESTS; n++) await ask(url, '/', { method: 'HEAD' })
}

describe('ScrapydTail', () => {
  it('follows a log as it grows, to its end', async () => {
    const { file, job, size, text, states, server } = await setup(0, 'one\n')
    expect(size).toBe(4)
    await vi.waitUntil(() => text() === 'one\n', WAIT)
    file.bytes = Buffer.from('one\ntwo\n')
    await vi.waitUntil(() => text() === 'one\ntwo\n', WAIT)
    file.bytes = Buffer.from('one\ntwo\nthree\n')
    job.isFinished = true
    await vi.waitUntil(() => states().at(-1) === 'end 14', WAIT)
    expect(text()).toBe('one\ntwo\nthree\n')
    const asked = server.requests.length
    await someTime(server)
    expect(server.requests.length).toBe(asked + REQUESTS)
  })

  it('waits for a log that is not there yet', async () => {
    const { file, text } = await setup(-100, null)
    file.bytes = Buffer.from('one\n')
    await vi.waitUntil(() => text() === 'one\n', WAIT)
  })

  it.each([
    ['the line that it lies in, when none begins after it', -3, 'aaa\nbbb\nccc\n', 'ccc\n'],
    ['the line that begins there', -4, 'aaa\nbbb\nccc\n', 'ccc\n'],
    ['the next line', -5, 'aaa\nbbb\nccc\n', 'ccc\n'],
    ['the begin of a file that is shorter', -99, 'aaa\nbbb\n', 'aaa\nbbb\n'],
    ['the begin of the only line', -2, 'aaaa', 'aaaa'],
    ['the next character, far from any line', -4, `${'一'.repeat(30_000)}二`, '二'],
    ['the very offset', 4, 'aaa\nbbb\n', 'bbb\n'],
    ['the begin, when the file is shorter than the offset', 99, 'aaa\n', 'aaa\n'],
  ])('begins with %s', async (_what, offset, log, expected) => {
    const { pieces, text, job } = await setup(offset, log)
    job.isFinished = true
    await vi.waitUntil(() => pieces.at(-1)?.state === 'end', WAIT)
    expect(text()).toBe(expected)
    expect(Buffer.from(log).subarray(pieces[0]?.offset).toString()).toBe(expected)
  })

  it('cuts no character in two', async () => {
    const whole = Buffer.from('云溪日报\n')
    const { file, pieces, text } = await setup(0, '')
    for (let length = 1; length <= whole.length; length++) {
      file.bytes = whole.subarray(0, length)
      const seen = Math.floor((length === whole.length ? whole.length - 1 : length) / 3)
      await vi.waitUntil(() => text().trimEnd().length === seen, WAIT)
    }
    await vi.waitUntil(() => text() === '云溪日报\n', WAIT)
    expect(pieces.some((piece) => piece.text.includes('\uFFFD'))).toBe(false)
  })

  it('begins anew with a shorter file, and tells that the file went away', async () => {
    const { file, text, states, job } = await setup(0, 'a long line\n')
    await vi.waitUntil(() => text() === 'a long line\n', WAIT)
    file.bytes = Buffer.from('new\n')
    await vi.waitUntil(() => text() === 'a long line\nnew\n', WAIT)
    expect(states()).toEqual(['live 0', 'live 0'])
    file.bytes = null
    await vi.waitUntil(() => states().at(-1) === 'gone 4', WAIT)
    job.isFinished = true
    await vi.waitUntil(() => states().at(-1) === 'gone 0', WAIT)
  })

  it('says that the node is away, and goes on when it is back', async () => {
    const { file, text, states } = await setup(0, 'one\n')
    await vi.waitUntil(() => text() === 'one\n', WAIT)
    file.refuses = true
    await vi.waitUntil(() => states().at(-1) === 'away 4', WAIT)
    file.bytes = Buffer.from('one\ntwo\n')
    file.refuses = false
    await vi.waitUntil(() => text() === 'one\ntwo\n', WAIT)
    expect(states()).toEqual(['live 0', 'away 4', 'live 4', 'live 4'])
  })

  it('asks no more while its reader is full', async () => {
    const { server, room, out, text, file, job } = await setup(0, 'x'.repeat(600_000))
    await vi.waitUntil(() => text().length === 600_000, WAIT)
    room.left = 1
    file.bytes = Buffer.from('x'.repeat(1_500_000))
    await vi.waitUntil(() => text().length === 600_000 + 262_144, WAIT)
    const asked = server.requests.length
    await someTime(server)
    expect(server.requests.length).toBe(asked + REQUESTS)
    room.left = Infinity
    job.isFinished = true
    out.resume()
    await vi.waitUntil(() => text().length === 1_500_000, WAIT)
  })
})
