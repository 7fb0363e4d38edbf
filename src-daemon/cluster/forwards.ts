import { randomBytes } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Forward } from '../api/contract/values.ts'
import type { ForwardPort } from '../api/ports.ts'
import { passedHead, sendProblem, sendText } from './forward-answers.ts'
import type { AnswerHead } from './forward-headers.ts'
import { parseForwardPath } from './forward-path.ts'
import type { ForwardProxy } from './forward-proxy.ts'
import type { NodeTarget } from './node-target.ts'

export interface ForwardsParts {
  readonly proxy: ForwardProxy
  /** The node as it is now; null = it is not in the cluster (any more). */
  readonly target: (nodeId: string) => NodeTarget | null
  /** A forward that is not used for so long goes. */
  readonly expireMs: number
  /** Beyond this many, the one that is unused for longest goes. */
  readonly most?: number
  /** Hears of a forward that was made, is used, or is gone. */
  readonly changed?: (id: string) => void
}

/** A request that is passed to a node outside of a forward. */
export interface ForwardOptions {
  /** Headers for the node, in place of the client's range and conditions. */
  readonly headers?: OutgoingHttpHeaders
  /** Changes the begin of an answer before it is looked at. */
  readonly head?: (head: AnswerHead) => AnswerHead
  /** Errors are told as `/api` does it, not as text. */
  readonly problems?: boolean
}

interface LiveForward {
  readonly id: string
  readonly nodeId: string
  readonly createdAt: number
  lastUsedAt: number
  /** Of the monotonic clock. */
  usedAt: number
  readonly transfers: Set<() => void>
}

const ALLOW = 'OPTIONS, HEAD, GET'

/** The forwards of a master: each shows `/logs/` and `/items/` of one node below `/forward/<id>/`, for as long as it is used. */
export class Forwards implements ForwardPort {
  readonly #proxy: ForwardProxy
  readonly #target: (nodeId: string) => NodeTarget | null
  readonly #expireMs: number
  readonly #most: number
  readonly #changed: (id: string) => void
  readonly #forwards = new Map<string, LiveForward>()
  #timer: NodeJS.Timeout | null = null

  constructor({ proxy, target, expireMs, most = 1_000, changed = () => {} }: ForwardsParts) {
    this.#proxy = proxy
    this.#target = target
    this.#expireMs = expireMs
    this.#most = most
    this.#changed = changed
  }

  /** The forward to a node, made now unless there is one. `path` is below the daemon's base and ends with a slash. */
  open(target: NodeTarget): { readonly id: string; readonly path: string } {
    let forward = [...this.#forwards.values()].find(({ nodeId }) => nodeId === target.id)
    if (forward === undefined) {
      this.#makeRoom()
      const now = Date.now()
      const id = randomBytes(8).toString('hex')
      forward = { id, nodeId: target.id, createdAt: now, lastUsedAt: now, usedAt: 0, transfers: new Set() }
      this.#forwards.set(id, forward)
    }
    this.#touch(forward)
    this.#timer ??= setInterval(() => this.#reclaim(), Math.min(Math.max(this.#expireMs / 4, 10), 30_000)).unref()
    return { id: forward.id, path: `/forward/${forward.id}/` }
  }

  /** Answers a request below `/forward/<id>`; `rest` is its path and query behind that. */
  serve(id: string, rest: string, request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'OPTIONS') {
      response.writeHead(204, { Allow: ALLOW }).end()
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      sendText(response, 405, `Method ${request.method} is not allowed here`, { Allow: ALLOW })
      return
    }
    const forward = this.#forwards.get(id)
    const target = forward === undefined ? null : this.#target(forward.nodeId)
    if (forward === undefined || target === null) {
      if (forward !== undefined) this.drop(id)
      sendText(response, 404, 'This forward is not there any more: ask crawllog.json, or the console, for another one')
      return
    }
    this.#touch(forward)
    const [path = ''] = rest.split('?')
    if (path === '' || path === '/') {
      sendText(response, 302, 'Found', { Location: path === '' ? `./${id}/logs/` : './logs/' })
      return
    }
    const place = parseForwardPath(rest)
    if (place === null) {
      sendText(response, 404, 'A forward shows /logs/ and /items/ of its node, and nothing else')
      return
    }
    const cut = this.#pass(target, place.href, place.isFolder, request, response, {}, () => {
      if (cut !== null) forward.transfers.delete(cut)
      this.#touch(forward)
    })
    if (cut !== null) {
      forward.transfers.add(cut)
      this.#changed(id)
    }
  }

  /**
   * Passes a request on to a node outside of a forward: a file of another node under the master's own `/logs/…`, or a log of
   * a job in `/api`. `path` (with its query) is sent as it is.
   */
  forwardTo(
    target: NodeTarget,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    options: ForwardOptions = {},
  ): void {
    this.#pass(target, path, path.endsWith('/'), request, response, options, () => {})
  }

  /** Live forwards, oldest first. */
  list(): readonly Forward[] {
    return [...this.#forwards.keys()].flatMap((id) => this.get(id) ?? [])
  }

  /** One of them; null = it is not there (any more). */
  get(id: string): Forward | null {
    const forward = this.#forwards.get(id)
    const target = forward === undefined ? null : this.#target(forward.nodeId)
    if (forward === undefined || target === null) return null
    return {
      id,
      node: target.name,
      url: target.url,
      created_at: new Date(forward.createdAt).toISOString(),
      last_used_at: new Date(forward.transfers.size > 0 ? Date.now() : forward.lastUsedAt).toISOString(),
      open: forward.transfers.size,
    }
  }

  /** Ends a forward and what it transfers. Whether there was one. */
  drop(id: string): boolean {
    const forward = this.#forwards.get(id)
    if (forward === undefined) return false
    this.#forwards.delete(id)
    for (const cut of forward.transfers) cut()
    if (this.#forwards.size === 0) this.#stopTimer()
    this.#changed(id)
    return true
  }

  /** Ends the forwards to a node that leaves the cluster. */
  dropNode(nodeId: string): void {
    for (const forward of this.#forwards.values()) if (forward.nodeId === nodeId) this.drop(forward.id)
  }

  /** Ends all forwards and every transfer. */
  stop(): void {
    for (const id of this.#forwards.keys()) this.drop(id)
    this.#stopTimer()
    this.#proxy.stop()
  }

  #pass(
    target: NodeTarget,
    path: string,
    isFolder: boolean,
    request: IncomingMessage,
    response: ServerResponse,
    { headers, head, problems = false }: ForwardOptions,
    done: () => void,
  ): (() => void) | null {
    return this.#proxy.pass(
      {
        target,
        path,
        ...(headers === undefined ? {} : { headers }),
        answer: (answer) => passedHead(target, path, isFolder, head === undefined ? answer : head(answer)),
        refuse: ({ status, message, headers: more = {} }) => {
          if (problems) sendProblem(response, status, message, more)
          else sendText(response, status, message, more)
        },
      },
      request,
      response,
      done,
    )
  }

  #reclaim(): void {
    const now = performance.now()
    for (const { id, usedAt, transfers } of this.#forwards.values()) {
      if (transfers.size === 0 && now - usedAt >= this.#expireMs) this.drop(id)
    }
  }

  #makeRoom(): void {
    if (this.#forwards.size < this.#most) return
    const all = [...this.#forwards.values()]
    const unused = all.filter(({ transfers }) => transfers.size === 0)
    const [oldest] = (unused.length > 0 ? unused : all).toSorted((a, b) => a.usedAt - b.usedAt)
    if (oldest !== undefined) this.drop(oldest.id)
  }

  #touch(forward: LiveForward): void {
    forward.lastUsedAt = Date.now()
    forward.usedAt = performance.now()
    this.#changed(forward.id)
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }
}
