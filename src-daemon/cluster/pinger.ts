import { setTimeout as delay } from 'node:timers/promises'
import type { NodeSelf } from '../api/contract/values.ts'
import { ConflictError } from '../errors.ts'
import type { ClusterNode } from './cluster-node.ts'
import type { Nodes } from './nodes.ts'

/** What a ping found. */
export type PingResult =
  | { readonly kind: 'slave'; readonly self: NodeSelf }
  | {
      readonly kind: 'scrapyd'
      readonly name: string
      readonly pending: number
      readonly running: number
      readonly projects: readonly string[]
    }

/** Something answers there, but it cannot be a node of this cluster. */
export class UnusableNodeError extends ConflictError {}

/** Asks one node. Throws with a reason in words when it does not answer as a node should. */
export type Ping = (node: ClusterNode, timeoutMs: number, signal: AbortSignal) => Promise<PingResult>

/** Between a ping and another that was asked for meanwhile. */
const AGAIN_MS = 100

export interface PingerParts {
  readonly nodes: Nodes
  readonly intervalMs: number
  readonly ping: Ping
  readonly answered: (node: ClusterNode, result: PingResult, sentAt: number, latencyMs: number) => Promise<void>
  readonly failed: (node: ClusterNode, error: unknown) => Promise<void>
  /** Waits, and a clock (ms) that only goes on: a test has its own. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
  readonly now?: () => number
}

/**
 * Asks every node every `ping_interval`. Each node has its turn, a moment within the interval that it keeps whatever happens,
 * so that many nodes do not make a burst: not even after something (the start, a network that was cut) made them be asked
 * all at once. A node that does not answer costs its own timeout and nobody else's.
 */
export class Pinger {
  readonly #parts: PingerParts
  readonly #loops = new Map<string, { readonly abort: AbortController; wake: () => void }>()
  readonly #now: () => number
  /** Turns are reckoned from here. */
  #epoch: number

  constructor(parts: PingerParts) {
    this.#parts = parts
    this.#now = parts.now ?? (() => performance.now())
    this.#epoch = this.#now()
    parts.nodes.onAdded((node) => this.#begin(node, 0, Math.random()))
    parts.nodes.onRemoved((node) => this.#end(node.id))
  }

  start(): void {
    const nodes = this.#parts.nodes.list()
    this.#epoch = this.#now()
    // The first round is at once (of a large cluster within two seconds); the next ones are spread over the interval.
    const spread = nodes.length > 10 ? Math.min(this.#parts.intervalMs, 2_000) : 0
    for (const [index, node] of nodes.entries()) {
      const place = index / Math.max(1, nodes.length)
      this.#begin(node, spread * place, place)
    }
  }

  stop(): void {
    for (const id of this.#loops.keys()) this.#end(id)
  }

  /** Asks the node now, without waiting for its turn. */
  now(node: ClusterNode): void {
    this.#loops.get(node.id)?.wake()
  }

  /** `place`: where its pings lie in the interval (0 to 1). */
  #begin(node: ClusterNode, after: number, place: number): void {
    if (this.#loops.has(node.id)) return
    const abort = new AbortController()
    const loop = { abort, wake: () => {} }
    this.#loops.set(node.id, loop)
    void this.#run(node, after, place, loop)
  }

  #end(id: string): void {
    this.#loops.get(id)?.abort.abort()
    this.#loops.delete(id)
  }

  async #run(
    node: ClusterNode,
    after: number,
    place: number,
    loop: { readonly abort: AbortController; wake: () => void },
  ): Promise<void> {
    const { wait = unheld } = this.#parts
    const { signal } = loop.abort
    let pause = after
    while (!signal.aborted) {
      const early = new AbortController()
      loop.wake = () => early.abort()
      await wait(pause, AbortSignal.any([signal, early.signal])).catch(() => {})
      if (signal.aborted) return
      // The node may have answered before that happened which makes somebody ask: once more then.
      let isAsked = false
      loop.wake = () => {
        isAsked = true
      }
      await this.#once(node, signal)
      pause = isAsked ? AGAIN_MS : this.#untilTurn(place)
    }
  }

  /** Milliseconds until the next turn of a node that was asked just now. */
  #untilTurn(place: number): number {
    const { intervalMs } = this.#parts
    // Less than the rest of an interval in which a ping was waited for in vain.
    const least = intervalMs * 0.05
    const behind = (this.#now() + least - this.#epoch - place * intervalMs) % intervalMs
    return least + ((intervalMs - behind) % intervalMs)
  }

  async #once(node: ClusterNode, signal: AbortSignal): Promise<void> {
    const { ping, answered, failed, intervalMs } = this.#parts
    const timeoutMs = Math.min(10_000, Math.max(500, intervalMs * 0.9))
    const sentAt = Date.now()
    const begun = performance.now()
    try {
      const result = await ping(node, timeoutMs, signal)
      const latency = Math.round((performance.now() - begun) * 10) / 10
      node.addLatency(sentAt, latency)
      await answered(node, result, sentAt, latency)
    } catch (error) {
      if (signal.aborted) return
      node.addLatency(sentAt, null)
      await failed(node, error).catch(() => {})
    }
  }
}

/** A wait that keeps no process running. */
function unheld(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal, ref: false })
}
