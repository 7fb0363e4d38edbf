import type { CallError } from '../../src-renderer/transport/call-error.ts'
import type { FileBytes, TailHandle, TailHandlers, TailRequest } from '../../src-renderer/transport/transport.ts'
import { sampleLogIndex } from '../helpers/sample-log.ts'
import { FakeTransport } from './fake-transport.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
/** The line of a made-up log that has this number. */
export const lineOf = (n: number) => {
  const level = n % 500 === 0 ? 'ERROR' : n % 50 === 0 ? 'INFO' : 'DEBUG'
  return `2026-11-22 22:10:40 [scrapy.core.engine] ${level}: 第 ${n} 行 ${'x'.repeat(n % 90)}\n`
}

/** A log in memory, served by ranges and tails as the daemon does. */
export class LogTransport extends FakeTransport {
  file = new Uint8Array()
  readonly reads: number[] = []
  /** Why no tail can be opened. */
  refusal: CallError | null = null
  #handlers: TailHandlers | null = null
  #sent = 0

  constructor(count: number) {
    super()
    this.answers.getLogIndex = () => sampleLogIndex(decoder.decode(this.file))
    this.grow(1, count)
  }

  override bytes(_: string, input: { readonly query?: unknown }): Promise<FileBytes> {
    const { offset, limit } = input.query as { offset: number; limit: number }
    this.reads.push(limit)
    return Promise.resolve({ bytes: this.file.slice(offset, offset + limit), size: this.file.length })
  }

  override tail(request: TailRequest, handlers: TailHandlers): TailHandle {
    this.#handlers = handlers
    const wanted = Math.max(0, request.offset < 0 ? this.file.length + request.offset : request.offset)
    this.#sent = wanted === 0 ? 0 : this.file.indexOf(10, wanted - 1) + 1
    queueMicrotask(() => (this.refusal === null ? this.send() : handlers.onError(this.refusal)))
    return { close: () => (this.#handlers = this.#handlers === handlers ? null : this.#handlers) }
  }

  send(state: 'live' | 'end' | 'away' | 'gone' = 'live'): void {
    const piece = this.file.subarray(this.#sent)
    const event = {
      type: 'log',
      tail: 't',
      key: 'k',
      offset: this.#sent,
      length: piece.length,
      text: decoder.decode(piece),
      state,
    }
    this.#sent = this.file.length
    this.#handlers?.onPiece(event as never)
  }

  grow(from: number, to: number): void {
    const more = encoder.encode(Array.from({ length: to - from + 1 }, (_, index) => lineOf(from + index)).join(''))
    const file = new Uint8Array(this.file.length + more.length)
    file.set(this.file)
    file.set(more, this.file.length)
    this.file = file
  }
}
