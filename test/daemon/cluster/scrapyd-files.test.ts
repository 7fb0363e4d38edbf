import { readdirSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ClusterNode } from '../../../src-daemon/cluster/cluster-node.ts'
import { ScrapydFiles } from '../../../src-daemon/cluster/scrapyd-files.ts'
import { LogReader } from '../../../src-daemon/files/log-reader.ts'
import type { JobRow } from '../../../src-daemon/storage/jobs.ts'
import { serve, targetAt } from './http-servers.ts'

const line = (n: number, level = 'INFO') => `2026-01-01 00:00:0${n} [news] ${level}: line ${n}\n`
const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith('scrapyd-service-files-'))

/** A stock Scrapyd with one file, whose text can change, and what was asked for. */
async function world(text: string, longest?: number) {
  const state = { text, ranges: [] as string[], status: 200 }
  const listener: RequestListener = (request, response) => {
    const bytes = Buffer.from(state.text)
    if (state.status !== 200) return void response.writeHead(state.status).end()
    if (request.method === 'HEAD') return void response.setHeader('content-length', bytes.length).end()
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    state.ranges.push(`${request.url} ${from}-${to}`)
    response.writeHead(206).end(bytes.subarray(Number(from), Number(to) + 1))
  }
  const { url } = await serve(listener)
  const row = { id: 'j1', project: 'news', spider: 'one', state: 'running' } as JobRow
  const files = new ScrapydFiles(
    {
      jobs: { get: (key: string) => (key === 'k1' ? row : null) } as never,
      logs: new LogReader(),
      target: () => targetAt(url),
    },
    longest,
  )
  onTestFinished(() => files.stop())
  return { files, state, node: { id: 'n1' } as ClusterNode }
}

const search = { q: 'line', limit: 100 } as Parameters<ScrapydFiles['search']>[2]

describe('files of a stock Scrapyd', () => {
  it('are indexed and searched, and only what was appended is fetched again', async () => {
    const { files, state, node } = await world(line(1) + line(2, 'ERROR'))
    expect(await files.index(node, 'k1')).toMatchObject({ lines: 2 })
    const before = Buffer.byteLength(state.text)
    state.text += line(3)
    const { matches } = await files.search(node, 'k1', search)
    expect(matches.map(({ text }) => text)).toHaveLength(3)
    expect(state.ranges).toEqual([
      `/logs/news/one/j1.log 0-${before - 1}`,
      `/logs/news/one/j1.log ${before}-${Buffer.byteLength(state.text) - 1}`,
    ])
  })

  it('are the same for two who ask at once', async () => {
    const { files, state, node } = await world(line(1))
    const both = await Promise.all([files.index(node, 'k1'), files.index(node, 'k1')])
    expect(both.map(({ lines }) => lines)).toEqual([1, 1])
    expect(state.ranges).toHaveLength(1)
  })

  it('are read anew when another one has their name', async () => {
    const { files, state, node } = await world(line(1) + line(2))
    await files.index(node, 'k1')
    state.text = line(3)
    const { matches } = await files.search(node, 'k1', search)
    expect(matches.map(({ text }) => text)).toEqual([expect.stringContaining('line 3')])
  })

  it('give rows of items', async () => {
    const { files, node } = await world('{"a": 1}\n{"a": 2}\n')
    const { items: rows } = await files.items(node, 'k1', { offset: 0, limit: 10 } as Parameters<
      ScrapydFiles['items']
    >[2])
    expect(rows).toHaveLength(2)
  })

  it('are told to be missing, too long, or not to be had', async () => {
    const { files, state, node } = await world(line(1).repeat(100), 2_000)
    await expect(files.index(node, 'k1')).rejects.toThrow('more than 0 MiB: download it')
    await expect(files.index(node, 'unknown')).rejects.toThrow('unknown')
    state.status = 404
    await expect(files.index(node, 'k1')).rejects.toThrow("this file of job 'j1' is not on")
    state.status = 500
    await expect(files.index(node, 'k1')).rejects.toThrow('answers HTTP 500')
  })

  it('leave nothing behind', async () => {
    const before = copies()
    const { files, node } = await world(line(1))
    await files.index(node, 'k1')
    expect(copies().length).toBeGreaterThan(before.length)
    files.stop()
    expect(copies().filter((name) => !before.includes(name))).toEqual([])
  })
})
