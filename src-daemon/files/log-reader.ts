import { Worker } from 'node:worker_threads'
import type { LogIndex } from '../api/contract/values.ts'
import type { LogSearchResult } from '../api/ports.ts'
import { assertNever, FileNotFoundError, StorageError } from '../errors.ts'
import type { LogReply, LogRequest } from './log-messages.ts'
import type { LogQuery } from './log-query.ts'

/** How long an index is waited for before it is answered as far as it is. */
const patienceMs = 100
const maxHeapMb = 256

interface Waiting {
  readonly resolve: (reply: LogReply) => void
  readonly reject: (error: Error) => void
}

/**
 * Indexes and searches logs on this node's disk, in a thread of its own, so that the largest log does not hold up the
 * daemon. The thread is started by the first question; one that died is started anew by the next.
 */
export class LogReader {
  #worker: Worker | null = null
  #nextId = 1
  readonly #waiting = new Map<number, Waiting>()

  /**
   * What is known of the log now. Of a large one that was not asked for before only a part: ask again. Throws
   * FileNotFoundError, StorageError.
   */
  async index(path: string): Promise<LogIndex> {
    const reply = await this.#ask({ id: this.#nextId++, ask: 'index', path, patience: patienceMs })
    if (reply.says !== 'index') throw new StorageError(`unexpected answer about ${path}`)
    const { offsets, ...rest } = reply.index
    return { ...rest, offsets: Array.from(offsets) }
  }

  /**
   * Lines that match, in file order; at most `limit`, and fewer when they are long. `total` counts from `from` to `size`;
   * `next` is the offset of the first match that is not in the answer. Throws FileNotFoundError, StorageError, and the
   * signal's reason once it is aborted.
   */
  async search(path: string, query: LogQuery, signal?: AbortSignal): Promise<LogSearchResult> {
    const reply = await this.#ask({ id: this.#nextId++, ask: 'search', path, query }, signal)
    if (reply.says !== 'search') throw new StorageError(`unexpected answer about ${path}`)
    return reply.result
  }

  /** Ends the thread; questions that are open fail. */
  async stop(): Promise<void> {
    const worker = this.#worker
    this.#lose(new StorageError('the daemon is stopping'))
    await worker?.terminate()
  }

  async #ask(request: LogRequest, signal?: AbortSignal): Promise<LogReply> {
    signal?.throwIfAborted()
    const worker = this.#started()
    const { id } = request
    const answered = Promise.withResolvers<LogReply>()
    function cancel(): void {
      send(worker, { id, ask: 'cancel' })
      answered.reject(signal?.reason)
    }
    signal?.addEventListener('abort', cancel, { once: true })
    this.#waiting.set(id, answered)
    try {
      send(worker, request)
      return await answered.promise
    } finally {
      this.#waiting.delete(id)
      signal?.removeEventListener('abort', cancel)
    }
  }

  #started(): Worker {
    if (this.#worker !== null) return this.#worker
    const worker = new Worker(workerFile(), {
      execArgv: [],
      name: 'logs',
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    })
    worker.unref()
    worker.on('message', (reply: LogReply) => this.#settle(reply))
    const lose = (cause: unknown) => {
      if (this.#worker === worker) this.#lose(new StorageError('the thread that reads logs ended', { cause }))
    }
    worker.on('error', lose)
    worker.on('exit', lose)
    this.#worker = worker
    return worker
  }

  #settle(reply: LogReply): void {
    const waiting = this.#waiting.get(reply.id)
    if (waiting === undefined) return
    switch (reply.says) {
      case 'index':
      case 'search':
        waiting.resolve(reply)
        return
      case 'error':
        waiting.reject(reply.notFound ? new FileNotFoundError(reply.message) : new StorageError(reply.message))
        return
      default:
        assertNever(reply)
    }
  }

  #lose(error: StorageError): void {
    this.#worker = null
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

function send(worker: Worker, request: LogRequest): void {
  worker.postMessage(request)
}

/** The thread's file: as it is written here, or as it is published. */
function workerFile(): URL {
  if (import.meta.url.endsWith('.ts')) return new URL('./log-worker.ts', import.meta.url)
  return new URL('./log-worker.js', import.meta.url)
}
