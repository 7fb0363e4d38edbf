import { afterEach, describe, expect, it, vi } from 'vitest'
import type { ClusterNode } from '../../../src-daemon/cluster/cluster-node.ts'
import { Pinger, type Ping, type PingResult } from '../../../src-daemon/cluster/pinger.ts'
import { clusterParts, loaded, slaveSelf, WAIT } from './cluster-parts.ts'

const stops: (() => void)[] = []
const found: PingResult = { kind: 'slave', self: slaveSelf() }

function pinging(nodes: ReturnType<typeof clusterParts>['nodes'], ping: Ping, intervalMs = 5) {
  const answered: string[] = []
  const failed: string[] = []
  const pinger = new Pinger({
    nodes,
    intervalMs,
    ping,
    answered: async (node) => void answered.push(node.name),
    failed: async (node, error) => void failed.push(`${node.name}: ${(error as Error).message}`),
  })
  stops.push(() => pinger.stop())
  pinger.start()
  return { pinger, answered, failed }
}

describe('a pinger', () => {
  afterEach(() => {
    for (const stop of stops.splice(0)) stop()
  })

  it('asks every node again and again; one that is silent costs nobody else anything', async () => {
    const parts = clusterParts()
    const [silent] = await loaded(parts, 7001, 7002, 7003)
    const asked: string[] = []
    const { answered } = pinging(parts.nodes, async (node) => {
      asked.push(node.name)
      if (node === silent) await new Promise(() => {})
      return found
    })
    await vi.waitFor(() => expect(answered.length).toBeGreaterThan(20), WAIT)
    expect(asked.filter((name) => name === silent!.name)).toHaveLength(1)
    expect(new Set(answered)).toEqual(new Set(['127.0.0.1:7002', '127.0.0.1:7003']))
  })

  it('asks all at once at first, and spreads what follows over the interval', async () => {
    const parts = clusterParts()
    await loaded(parts, 7001, 7002, 7003, 7004)
    const pauses: number[] = []
    const wait = async (ms: number) => {
      pauses.push(ms)
      if (pauses.length > 8) await new Promise(() => {})
    }
    const pinger = new Pinger({
      nodes: parts.nodes,
      intervalMs: 60_000,
      ping: async () => found,
      answered: async () => {},
      failed: async () => {},
      wait,
    })
    stops.push(() => pinger.stop())
    pinger.start()
    await vi.waitFor(() => expect(pauses).toHaveLength(12), WAIT)
    expect(pauses.slice(0, 4)).toEqual([0, 0, 0, 0])
    // What a ping itself takes comes off.
    for (const [index, share] of [0.1, 0.25, 0.5, 0.75].entries())
      expect(pauses[4 + index]! / 60_000).toBeCloseTo(share, 1)
    for (const pause of pauses.slice(8)) expect(pause / 60_000).toBeCloseTo(1, 1)
  })

  it('tells why a node did not answer, and keeps how long answers took', async () => {
    const parts = clusterParts()
    const [node] = await loaded(parts, 7001)
    let count = 0
    const { answered, failed } = pinging(parts.nodes, async () => {
      count++
      if (count % 2 === 0) throw new Error('connection refused')
      return found
    })
    await vi.waitFor(() => expect(answered.length + failed.length).toBeGreaterThan(3), WAIT)
    expect(failed[0]).toBe('127.0.0.1:7001: connection refused')
    expect(node!.latency.slice(0, 2)).toEqual([
      { at: expect.any(Number), ms: expect.any(Number) },
      { at: expect.any(Number), ms: null },
    ])
    expect(node!.latencyMs).toBeGreaterThanOrEqual(0)
  })

  it('asks at once when it is told to, and once more when that happens while it asks', async () => {
    const parts = clusterParts()
    const [node] = await loaded(parts, 7001)
    const asked: PromiseWithResolvers<PingResult>[] = []
    const { pinger, answered } = pinging(
      parts.nodes,
      () => {
        const answer = Promise.withResolvers<PingResult>()
        asked.push(answer)
        return answer.promise
      },
      3_600_000,
    )
    await vi.waitFor(() => expect(asked).toHaveLength(1), WAIT)
    asked[0]!.resolve(found)
    await vi.waitFor(() => expect(answered).toHaveLength(1), WAIT)
    pinger.now(node!)
    await vi.waitFor(() => expect(asked).toHaveLength(2), WAIT)
    // What this answer says may be older than what made somebody ask.
    pinger.now(node!)
    pinger.now(node!)
    asked[1]!.resolve(found)
    await vi.waitFor(() => expect(asked).toHaveLength(3), WAIT)
    asked[2]!.resolve(found)
    await vi.waitFor(() => expect(answered).toHaveLength(3), WAIT)
    expect(asked).toHaveLength(3)
  })

  it('begins with nodes that are added, and leaves those alone that are removed', async () => {
    const parts = clusterParts()
    const asked: ClusterNode[] = []
    pinging(parts.nodes, async (node) => {
      asked.push(node)
      return found
    })
    const node = await parts.nodes.add({ url: 'http://127.0.0.1:7009', username: null, password: null, maxProc: null })
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2), WAIT)
    await parts.nodes.remove(node.id)
    const count = asked.length
    const other = await parts.nodes.add({ url: 'http://127.0.0.1:7010', username: null, password: null, maxProc: null })
    await vi.waitFor(() => expect(asked.slice(count).length).toBeGreaterThan(5), WAIT)
    expect(asked.slice(count).filter((one) => one !== other).length).toBeLessThanOrEqual(1)
  })

  it('stops', async () => {
    const parts = clusterParts()
    await loaded(parts, 7001)
    let count = 0
    const { pinger } = pinging(parts.nodes, async () => {
      count++
      return found
    })
    await vi.waitFor(() => expect(count).toBeGreaterThan(1), WAIT)
    pinger.stop()
    const before = count
    await parts.writer.write(() => {})
    await parts.writer.write(() => {})
    expect(count).toBeLessThanOrEqual(before + 1)
  })
})
