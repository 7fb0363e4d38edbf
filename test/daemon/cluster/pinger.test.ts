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

/** Time that passes when the test says so. */
class OwnTime {
  #at = 0
  readonly #sleepers: { readonly due: number; readonly wake: () => void }[] = []

  readonly now = () => this.#at

  readonly wait = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((wake) => {
      this.#sleepers.push({ due: this.#at + ms, wake })
      signal?.addEventListener('abort', () => wake())
    })

  /** Lets everything happen until then. */
  async until(end: number): Promise<void> {
    for (;;) {
      // What was woken goes on, and waits again.
      await new Promise((resolve) => setImmediate(resolve))
      this.#sleepers.sort((a, b) => a.due - b.due)
      if ((this.#sleepers[0]?.due ?? Number.POSITIVE_INFINITY) > end) break
      const { due, wake } = this.#sleepers.shift()!
      this.#at = Math.max(this.#at, due)
      wake()
    }
    this.#at = end
  }
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

  describe('of many nodes', () => {
    const INTERVAL = 60_000

    /** Four nodes in a time of the test's own; when each was asked, by the order of the nodes. */
    async function inOwnTime(pingMs: (node: ClusterNode) => number = () => 0) {
      const parts = clusterParts()
      const nodes = await loaded(parts, 7001, 7002, 7003, 7004)
      const time = new OwnTime()
      const asked = nodes.map((): number[] => [])
      const pinger = new Pinger({
        nodes: parts.nodes,
        intervalMs: INTERVAL,
        ping: async (node) => {
          asked[nodes.indexOf(node)]!.push(time.now())
          await time.wait(pingMs(node))
          return found
        },
        answered: async () => {},
        failed: async () => {},
        wait: time.wait,
        now: time.now,
      })
      stops.push(() => pinger.stop())
      pinger.start()
      return { time, asked, nodes, pinger }
    }

    it('asks all at once at first, and spreads what follows over the interval', async () => {
      const { time, asked } = await inOwnTime()
      await time.until(2.9 * INTERVAL)
      const shares = asked.map((times) => times.map((at) => at / INTERVAL))
      expect(shares).toEqual([
        [0, 1, 2],
        [0, 0.25, 1.25, 2.25],
        [0, 0.5, 1.5, 2.5],
        [0, 0.75, 1.75, 2.75],
      ])
    })

    it('keeps them apart when something makes all be asked at the same moment', async () => {
      const { time, asked, nodes, pinger } = await inOwnTime()
      await time.until(1.1 * INTERVAL)
      for (const node of nodes) pinger.now(node)
      await time.until(2.9 * INTERVAL)
      const later = asked.map((times) => times.map((at) => at / INTERVAL).filter((share) => share > 1.05))
      expect(later).toEqual([
        [1.1, 2],
        [1.1, 1.25, 2.25],
        [1.1, 1.5, 2.5],
        [1.1, 1.75, 2.75],
      ])
    })

    it('asks a node that takes almost the interval to fail every time', async () => {
      const { time, asked } = await inOwnTime(() => 0.9 * INTERVAL + 100)
      await time.until(3.5 * INTERVAL)
      expect(asked[0]!.map((at) => at / INTERVAL)).toEqual([0, 1, 2, 3])
    })
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
