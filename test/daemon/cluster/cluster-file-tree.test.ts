import type { RequestListener } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FileTree, FolderRow, TreeEntry } from '../../../src-daemon/api/ports.ts'
import { ClusterFileTree } from '../../../src-daemon/cluster/cluster-file-tree.ts'
import { ForwardProxy } from '../../../src-daemon/cluster/forward-proxy.ts'
import { Forwards } from '../../../src-daemon/cluster/forwards.ts'
import type { NodeTarget } from '../../../src-daemon/cluster/node-target.ts'
import { ask, serve, targetAt } from './http-servers.ts'
import { placeOn, TestPlaces } from './job-places.ts'

const row = (name: string, folder: boolean, size = 0): FolderRow => ({ name, folder, size, modifiedAt: 1 })
const file = { kind: 'file' as const, path: '/x', size: 1, modifiedAt: 1 }

class TestTree implements FileTree {
  hasItems = false
  readonly entries = new Map<string, TreeEntry>([['logs', { kind: 'folder', entries: [row('p', true)] }]])

  async find(kind: 'logs' | 'items', segments: readonly string[]): Promise<TreeEntry | null> {
    return this.entries.get([kind, ...segments].join('/')) ?? null
  }

  async ofJob(): Promise<Exclude<TreeEntry, { kind: 'folder' }>> {
    return file
  }
}

async function setup(listener: RequestListener = () => {}, more: Partial<NodeTarget> = {}) {
  const node = await serve(listener)
  const target = targetAt(node.url, more)
  const local = new TestTree()
  const places = new TestPlaces()
  const forwards = new Forwards({ proxy: new ForwardProxy(), target: () => target, expireMs: 60_000 })
  onTestFinished(() => forwards.stop())
  const tree = new ClusterFileTree({ local, places, forwards })
  /** Serves one remote entry as the server does. */
  const master = async (entry: TreeEntry | null) => {
    if (entry?.kind !== 'remote') throw new Error(`not remote: ${entry?.kind}`)
    return serve((request, response) => entry.forward(request, response))
  }
  return { node, target, local, places, tree, master }
}

describe('find', () => {
  it('gives what lies here', async () => {
    const { tree, local } = await setup()
    local.entries.set('logs/p/s/j.log', file)
    expect(await tree.find('logs', ['p', 's', 'j.log'])).toBe(file)
    expect(await tree.find('logs', ['p', 's', 'k.log'])).toBeNull()
  })

  it('streams a file of another node from there', async () => {
    const { tree, places, target, master, node } = await setup((_q, r) => void r.end('far away'))
    places.files.set('p/云 s/j.log', target)
    const { url } = await master(await tree.find('logs', ['p', '云 s', 'j.log']))
    expect(await ask(url, '/logs/p/x/j.log', { headers: { range: 'bytes=0-' } })).toMatchObject({ text: 'far away' })
    expect(node.requests[0]).toMatchObject({ url: '/logs/p/%E4%BA%91%20s/j.log' })
    expect(node.requests[0]?.headers.range).toBe('bytes=0-')
  })

  it('prefers the newest job to an older file here', async () => {
    const { tree, local, places, target } = await setup()
    local.entries.set('logs/p/s/daily.log', file)
    places.files.set('p/s/daily.log', target)
    expect(await tree.find('logs', ['p', 's', 'daily.log'])).toMatchObject({ kind: 'remote' })
  })

  it('lists the folders of the whole cluster', async () => {
    const { tree, places, local } = await setup()
    places.rows.set('logs', [row('p', true), row('q', true)])
    places.rows.set('logs/q', [row('s', true)])
    places.rows.set('logs/p/s', [row('j1.log', false), row('j2.log', false)])
    local.entries.set('logs/p/s', { kind: 'folder', entries: [row('j1.log', false, 7)] })
    const names = async (...segments: string[]) => {
      const entry = await tree.find('logs', segments)
      return entry?.kind === 'folder' ? entry.entries.map(({ name, size }) => `${name} ${size}`).toSorted() : entry
    }
    expect(await names()).toEqual(['p 0', 'q 0'])
    expect(await names('q')).toEqual(['s 0'])
    expect(await names('p', 's')).toEqual(['j1.log 7', 'j2.log 0'])
    expect(await names('r')).toBeNull()
  })

  it('shows the items of other nodes where this one has none', async () => {
    const { tree, places } = await setup()
    expect(tree.hasItems).toBe(false)
    places.itemsThere = true
    expect(tree.hasItems).toBe(true)
    expect(await tree.find('items', [])).toEqual({ kind: 'folder', entries: [] })
  })
})

describe('ofJob', () => {
  it('gives the file here', async () => {
    const { tree, places } = await setup()
    places.jobs.set('k', { kind: 'local' })
    expect(await tree.ofJob('log', 'k')).toBe(file)
  })

  it.each([
    ['an unknown job', null, "job 'k' not found"],
    ['a job that waits', { kind: 'waiting' } as const, 'it waits in the queue'],
    ['a job of a node that left', { kind: 'gone', node: 'fern' } as const, 'fern, which is not in the cluster'],
  ])('tells that there is no log of %s', async (_what, place, words) => {
    const { tree, places } = await setup()
    if (place !== null) places.jobs.set('k', place)
    await expect(tree.ofJob('log', 'k')).rejects.toThrow(words)
  })

  it.each(['log', 'output'] as const)('passes the %s of a job on a slave on, with its query', async (kind) => {
    const { tree, places, target, master, node } = await setup(
      (_q, r) => void r.setHeader('X-Log-Size', '99').end('piece'),
    )
    places.jobs.set('k', placeOn(target))
    const { url } = await master(await tree.ofJob(kind, 'k'))
    const answer = await ask(url, `/api/jobs/k/${kind}?offset=-5&limit=5`)
    expect(node.requests[0]?.url).toBe(`/api/jobs/k/${kind}?offset=-5&limit=5`)
    expect(answer).toMatchObject({ status: 200, text: 'piece', headers: { 'x-log-size': '99' } })
  })

  it('has no output of a job on a stock Scrapyd', async () => {
    const { tree, places, target } = await setup(() => {}, { kind: 'scrapyd' })
    places.jobs.set('k', placeOn(target))
    await expect(tree.ofJob('output', 'k')).rejects.toThrow('keeps nothing but the log')
  })
})

describe('the log of a job on a stock Scrapyd', () => {
  const LOG = '0123456789'
  /** As Twisted serves a file. */
  const files: RequestListener = (request, response) => {
    if (request.url !== '/logs/p/%E4%BA%91%20s/j-1.log') return void response.writeHead(404).end('<html>')
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    if (from === undefined || to === undefined) {
      return void response.writeHead(200, { 'Content-Length': LOG.length }).end(request.method === 'HEAD' ? '' : LOG)
    }
    const piece = LOG.slice(Number(from), Number(to) + 1)
    response.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/10`, 'Content-Length': piece.length }).end(piece)
  }

  it.each([
    ['', LOG],
    ['?offset=3', '3456789'],
    ['?offset=3&limit=2', '34'],
    ['?offset=-4', '6789'],
    ['?offset=-4&limit=2', '67'],
    ['?offset=-99&limit=2', '01'],
    ['?offset=10', ''],
    ['?offset=99', ''],
  ])('is told as /api does it (%s)', async (query, text) => {
    const { tree, places, target, master } = await setup(files, { kind: 'scrapyd' })
    places.jobs.set('k', placeOn(target))
    const { url } = await master(await tree.ofJob('log', 'k'))
    const answer = await ask(url, `/api/jobs/k/log${query}`)
    expect(answer).toMatchObject({ status: 200, text, headers: { 'x-log-size': '10' } })
    expect(answer.headers['content-range']).toBeUndefined()
  })

  it('can be downloaded', async () => {
    const { tree, places, target, master } = await setup(files, { kind: 'scrapyd' })
    places.jobs.set('k', placeOn(target))
    const { url } = await master(await tree.ofJob('log', 'k'))
    expect(await ask(url, '/api/jobs/k/log?download=true')).toMatchObject({
      status: 200,
      text: LOG,
      headers: { 'content-disposition': 'attachment; filename="j-1.log"' },
    })
  })

  it('is told to be gone, or out of reach', async () => {
    const { tree, places, target, master, node } = await setup((_q, r) => void r.writeHead(404).end('<html>'), {
      kind: 'scrapyd',
    })
    places.jobs.set('k', placeOn(target))
    const { url } = await master(await tree.ofJob('log', 'k'))
    const gone = await ask(url, '/api/jobs/k/log')
    expect(JSON.parse(gone.text)).toMatchObject({ status: 404, code: 'file-not-found' })
    await node.stop()
    const away = await ask(url, '/api/jobs/k/log')
    expect(JSON.parse(away.text)).toMatchObject({ status: 502, detail: expect.stringContaining('connection refused') })
  })
})
