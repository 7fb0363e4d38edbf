import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { useLogView, type LogView } from '../../../src-renderer/composables/use-log-view.ts'
import type { FileBytes, TailHandle, TailHandlers, TailRequest } from '../../../src-renderer/transport/transport.ts'
import { sampleLogIndex } from '../../helpers/sample-log.ts'
import { runInConsole } from '../console-app.ts'
import { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const lineOf = (n: number) => {
  const level = n % 500 === 0 ? 'ERROR' : n % 50 === 0 ? 'INFO' : 'DEBUG'
  return `2026-11-22 22:10:40 [scrapy.core.engine] ${level}: 第 ${n} 行 ${'x'.repeat(n % 90)}\n`
}

/** A log in memory, served by ranges and tails as the daemon does. */
class LogTransport extends FakeTransport {
  file = new Uint8Array()
  readonly reads: number[] = []
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
    queueMicrotask(() => this.send())
    return { close: () => (this.#handlers = this.#handlers === handlers ? null : this.#handlers) }
  }

  send(state: 'live' | 'end' = 'live'): void {
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

describe('a log that is looked at', () => {
  const COUNT = 20_000
  let transport: LogTransport
  let view: LogView
  let unmount: () => void
  beforeEach(async () => {
    transport = new LogTransport(COUNT)
    const run = await runInConsole(() => useLogView('k'), { transport })
    view = run.result
    unmount = run.unmount
    await wait(() => view.lines.value.length > 0 && view.total.value !== null && numbers()[0] !== null)
  })
  afterEach(() => unmount())

  const numbers = () => view.lines.value.map((line) => view.numberOf(line))
  /** Lines follow each other, each with its own number, as in the file. */
  const expectWhole = () => {
    const [first = 0] = numbers()
    expect(view.lines.value.map(({ text }) => `${text}\n`)).toEqual(
      view.lines.value.map((_, index) => lineOf((first ?? 0) + index)),
    )
    expect(numbers()).toEqual(view.lines.value.map((_, index) => (first ?? 0) + index))
  }

  it('opens at its end with the numbers of its lines, and never reads the whole', () => {
    expect(view.lines.value.at(-1)?.text).toBe(lineOf(COUNT).trimEnd())
    expect(numbers().at(-1)).toBe(COUNT)
    expect(view.atStart.value).toBe(false)
    expect(view.counts.value).toMatchObject({ ERROR: COUNT / 500 })
    expectWhole()
    expect(transport.reads.reduce((sum, limit) => sum + limit, 0)).toBeLessThan(transport.file.length)
  })

  it('follows what is written, and only counts it while it is paused', async () => {
    transport.grow(COUNT + 1, COUNT + 30)
    transport.send()
    await wait(() => numbers().at(-1) === COUNT + 30)
    view.pause()
    transport.grow(COUNT + 31, COUNT + 40)
    transport.send()
    await wait(() => view.newLines.value === 10)
    view.follow()
    await wait(() => numbers().at(-1) === COUNT + 40)
    expect(view.newLines.value).toBe(0)
    expectWhole()
    expect(view.counts.value?.INFO).toBe(sampleLogIndex(decoder.decode(transport.file)).levels.INFO)
  })

  it('holds a bounded number of lines, however much is written', async () => {
    for (let round = 0; round < 20; round += 1) {
      transport.grow(COUNT + 1 + round * 1_000, COUNT + (round + 1) * 1_000)
      transport.send()
    }
    await wait(() => numbers().at(-1) === COUNT + 20_000)
    expect(view.lines.value.length).toBeLessThanOrEqual(6_000)
    expectWhole()
  })

  it('jumps anywhere and grows from there in both directions without a gap', async () => {
    const at = await view.openLine(7_000)
    expect(view.following.value).toBe(false)
    await wait(() => numbers()[0] != null)
    const target = view.lines.value.find(({ offset }) => offset === at)
    expect(target === undefined ? null : view.numberOf(target)).toBe(7_000)
    expectWhole()
    for (let round = 0; round < 4; round += 1) {
      await view.loadBefore()
      expectWhole()
    }
    expect(view.lines.value.length).toBeLessThanOrEqual(6_000)
    while (!view.atStart.value) await view.loadBefore()
    expect(numbers()[0]).toBe(1)
    for (let round = 0; round < 60 && !view.atEnd.value; round += 1) {
      await view.loadAfter()
      expectWhole()
    }
    expect(numbers().at(-1)).toBe(COUNT)
    // It reaches the end again, and so goes on with the tail.
    view.follow()
    transport.grow(COUNT + 1, COUNT + 2)
    transport.send()
    await wait(() => numbers().at(-1) === COUNT + 2)
    expectWhole()
  })

  it('passes by hidden levels until there is something to see, with the right numbers', async () => {
    await view.openLine(10_000)
    await view.setHidden(new Set(['DEBUG', 'INFO'] as const), view.lines.value[0]?.offset ?? 0)
    await wait(() => view.lines.value.length >= COUNT / 500 && numbers()[0] != null)
    expect(numbers()).toEqual(Array.from({ length: COUNT / 500 }, (_, index) => (index + 1) * 500))
  })

  it('says that it is over', async () => {
    transport.send('end')
    await wait(() => view.status.value === 'ended')
    expectWhole()
  })
})
