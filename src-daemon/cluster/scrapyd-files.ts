import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { EndpointInput, EndpointReply } from '../api/contract/endpoints.ts'
import { FileNotFoundError, JobNotFoundError, NodeUnreachableError } from '../errors.ts'
import { readItems } from '../files/items.ts'
import type { LogReader } from '../files/log-reader.ts'
import type { JobRow, JobStore } from '../storage/jobs.ts'
import type { ClusterNode } from './cluster-node.ts'
import { hrefOf } from './forward-path.ts'
import { NodeCallError } from './node-failure.ts'
import { requestNode } from './node-request.ts'
import type { NodeTarget } from './node-target.ts'

const TIMEOUT_MS = 30_000
/** Bytes that are fetched and written at a time. */
const PIECE = 4_194_304
/** A longer file is not copied: it can be read through the master piece by piece, or downloaded. */
const LONGEST = 256 * 1024 * 1024
/** Copies that are kept for a next question. */
const MOST_COPIES = 8

export interface ScrapydFilesParts {
  readonly jobs: JobStore
  readonly logs: Pick<LogReader, 'index' | 'search'>
  readonly target: (node: ClusterNode) => NodeTarget
}

interface Copy {
  readonly path: string
  /** The last one that brings it up to date; the next one waits for it. */
  work: Promise<unknown>
}

/**
 * What a stock Scrapyd cannot do itself: an index and a search of a log, and rows of items. Its files are copied for that, and
 * brought up to date by what was appended meanwhile. The copies go with `stop`.
 */
export class ScrapydFiles {
  readonly #parts: ScrapydFilesParts
  readonly #longest: number
  readonly #copies = new Map<string, Copy>()
  #folder: string | null = null
  #next = 0

  constructor(parts: ScrapydFilesParts, longest = LONGEST) {
    this.#parts = parts
    this.#longest = longest
  }

  /** Throws JobNotFoundError, FileNotFoundError, NodeUnreachableError, as the others do. */
  async index(node: ClusterNode, key: string): Promise<EndpointReply<'getLogIndex'>> {
    return this.#parts.logs.index(await this.#copyOf(node, this.#job(key), 'logs'))
  }

  async search(
    node: ClusterNode,
    key: string,
    { level, ...rest }: EndpointInput<'searchLog'>['query'],
  ): Promise<EndpointReply<'searchLog'>> {
    const path = await this.#copyOf(node, this.#job(key), 'logs')
    const found = await this.#parts.logs.search(path, { ...rest, levels: level ?? [] })
    return { ...found, matches: [...found.matches] }
  }

  async items(
    node: ClusterNode,
    key: string,
    query: EndpointInput<'getItems'>['query'],
  ): Promise<EndpointReply<'getItems'>> {
    const row = this.#job(key)
    return readItems(await this.#copyOf(node, row, 'items'), { ...query, ended: row.state === 'finished' })
  }

  stop(): void {
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true })
    this.#folder = null
    this.#copies.clear()
  }

  #job(key: string): JobRow {
    const row = this.#parts.jobs.get(key)
    if (row === null) throw new JobNotFoundError(key)
    return row
  }

  /** Path of a copy that holds what the node's file holds now. */
  async #copyOf(node: ClusterNode, row: JobRow, kind: 'logs' | 'items'): Promise<string> {
    const target = this.#parts.target(node)
    const href = hrefOf(kind, [row.project, row.spider, `${row.id}.${kind === 'logs' ? 'log' : 'jl'}`], false)
    const copy = this.#reserve(`${node.id} ${href}`)
    // Whatever became of the one before: this one looks for itself.
    const work = copy.work.then(
      () => this.#bringUpToDate(target, href, row, copy.path),
      () => this.#bringUpToDate(target, href, row, copy.path),
    )
    copy.work = work
    await work
    return copy.path
  }

  #reserve(name: string): Copy {
    const known = this.#copies.get(name)
    if (known !== undefined) {
      // Used last, dropped last.
      this.#copies.delete(name)
      this.#copies.set(name, known)
      return known
    }
    this.#folder ??= mkdtempSync(join(tmpdir(), 'scrapyd-service-files-'))
    const copy: Copy = { path: join(this.#folder, String(this.#next++)), work: Promise.resolve() }
    this.#copies.set(name, copy)
    const [oldest] = this.#copies
    if (this.#copies.size > MOST_COPIES && oldest !== undefined) {
      this.#copies.delete(oldest[0])
      const drop = () => rm(oldest[1].path, { force: true })
      void oldest[1].work.then(drop, drop)
    }
    return copy
  }

  async #bringUpToDate(target: NodeTarget, href: string, row: JobRow, path: string): Promise<void> {
    const size = await this.#sizeOf(target, href, row)
    const have = await stat(path).then(
      (found) => found.size,
      () => 0,
    )
    // Cleaners of temporary folders may have taken it away.
    await mkdir(dirname(path), { recursive: true })
    // Shorter than what we have: another file under the same name.
    const from = have > size ? 0 : have
    const file = await open(path, from === 0 ? 'w' : 'a', 0o600)
    try {
      for (let at = from; at < size;) {
        const end = Math.min(at + PIECE, size)
        const answer = await ask(target, {
          path: href,
          headers: { range: `bytes=${at}-${end - 1}` },
          mostBytes: PIECE,
        })
        if (answer.status !== 206 && !(answer.status === 200 && at === 0))
          throw this.#refusal(target, answer.status, row)
        if (answer.body.length === 0) return
        await file.writeFile(answer.body)
        at += answer.body.length
      }
    } finally {
      await file.close()
    }
  }

  async #sizeOf(target: NodeTarget, href: string, row: JobRow): Promise<number> {
    const { status, headers } = await ask(target, { method: 'HEAD', path: href, mostBytes: 0 })
    const size = Number(headers['content-length'] ?? Number.NaN)
    if (status !== 200 || !Number.isSafeInteger(size)) throw this.#refusal(target, status, row)
    if (size > this.#longest) {
      const mib = Math.round(this.#longest / 1024 / 1024)
      throw new FileNotFoundError(
        `${target.name} is a stock Scrapyd server, and this file has more than ${mib} MiB: download it to look into it`,
      )
    }
    return size
  }

  #refusal(target: NodeTarget, status: number, row: JobRow): Error {
    return status === 404
      ? new FileNotFoundError(`this file of job '${row.id}' is not on ${target.name} (any more)`)
      : new NodeUnreachableError(`${target.name} answers HTTP ${status} for a file of job '${row.id}'`)
  }
}

async function ask(target: NodeTarget, call: Omit<Parameters<typeof requestNode>[1], 'timeoutMs'>) {
  try {
    return await requestNode(target, { timeoutMs: TIMEOUT_MS, ...call })
  } catch (error) {
    throw error instanceof NodeCallError ? new NodeUnreachableError(error.message, { cause: error }) : error
  }
}
