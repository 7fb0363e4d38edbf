import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { useLogView, type LogView } from '../../../src-renderer/composables/use-log-view.ts'
import { sampleLogIndex } from '../../helpers/sample-log.ts'
import { runInConsole } from '../console-app.ts'
import { lineOf, LogTransport } from '../log-transport.ts'
import { wait } from '../wait.ts'

const decoder = new TextDecoder()

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
