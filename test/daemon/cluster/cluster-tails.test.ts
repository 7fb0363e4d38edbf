import { describe, expect, it, vi } from 'vitest'
import type { LogTails, Tail, TailPiece } from '../../../src-daemon/api/ports.ts'
import { ClusterTails } from '../../../src-daemon/cluster/cluster-tails.ts'
import type { NodeTarget } from '../../../src-daemon/cluster/node-target.ts'
import { ScrapydNode } from '../../../src-daemon/cluster/scrapyd-node.ts'
import type { LogEvent, NodeStream } from '../../../src-daemon/cluster/slave-tail.ts'
import { ConflictError, JobNotFoundError, NodeUnreachableError } from '../../../src-daemon/errors.ts'
import { targetAt } from './http-servers.ts'
import { placeOn, TestPlaces } from './job-places.ts'

/** A slave with one log, as its event stream shows it. */
class TestSlave implements NodeStream {
  id: string | null = 's1'
  log = ''
  adds: { stream: string; tail: string; offset: number }[] = []
  readonly drops: string[] = []
  refuses: Error | null = null
  /** Sends the log by itself when a tail is added. */
  isLive = true
  readonly #change = new Set<(id: string | null) => void>()
  readonly #logs = new Set<(event: LogEvent) => void>()
  readonly #tails = new Map<string, { position: number; key: string }>()

  async addTail(stream: string, tail: string, key: string, offset: number): Promise<{ size: number }> {
    if (this.refuses !== null) throw this.refuses
    if (stream !== this.id) throw new ConflictError('The event stream has ended')
    this.adds.push({ stream, tail, offset })
    const size = this.log.length
    this.#tails.set(tail, { position: offset < 0 ? Math.max(0, size + offset) : offset > size ? 0 : offset, key })
    if (this.isLive) this.flush()
    return { size }
  }

  async dropTail(_stream: string, tail: string): Promise<void> {
    this.drops.push(tail)
    this.#tails.delete(tail)
  }

  onChange(listener: (id: string | null) => void): () => void {
    this.#change.add(listener)
    return () => this.#change.delete(listener)
  }

  onLog(listener: (event: LogEvent) => void): () => void {
    this.#logs.add(listener)
    return () => this.#logs.delete(listener)
  }

  get listeners(): number {
    return this.#change.size + this.#logs.size
  }

  get lastTail(): string {
    return this.adds.at(-1)?.tail ?? ''
  }

  send(tail: string, offset: number, text: string, state: LogEvent['state'] = 'live'): void {
    for (const listener of this.#logs) {
      listener({ type: 'log', tail, key: 'k', offset, length: text.length, text, state })
    }
  }

  /** Sends each tail what it has not got. */
  flush(piece = Infinity): void {
    for (const [tail, at] of this.#tails) {
      while (this.#tails.has(tail) && at.position < this.log.length) {
        const text = this.log.slice(at.position, at.position + piece)
        at.position += text.length
        this.send(tail, at.position - text.length, text)
      }
    }
  }

  write(text: string): void {
    this.log += text
    this.flush()
  }

  cut(): void {
    this.id = null
    this.#tails.clear()
    for (const listener of this.#change) listener(null)
  }

  back(id: string): void {
    this.id = id
    for (const listener of this.#change) listener(id)
  }
}

/** A reader that keeps what it gets, and puts it together by the offsets. */
class Reader {
  readonly pieces: TailPiece[] = []
  room = Infinity
  text = ''
  readonly sink = (piece: TailPiece): boolean => {
    this.pieces.push(piece)
    if (piece.offset === 0 && this.text !== '' && piece.length > 0) this.text = ''
    if (piece.length > 0) {
      if (this.text !== '' && piece.offset !== this.begin + this.text.length) throw new Error(`hole at ${piece.offset}`)
      if (this.text === '') this.begin = piece.offset
      this.text += piece.text
    }
    return --this.room > 0
  }
  begin = 0

  get states(): string[] {
    return this.pieces.map(({ state, offset, length }) => `${state} ${offset}+${length}`)
  }
}

function setup(kind: NodeTarget['kind'] = 'slave') {
  const target = targetAt('http://127.0.0.1:1', { kind })
  const places = new TestPlaces()
  const slave = new TestSlave()
  const localPieces: ((piece: TailPiece) => boolean)[] = []
  const localTail = { size: 5, resume: vi.fn<() => void>(), close: vi.fn<() => void>() }
  const local: LogTails = {
    open: async (_key, _offset, sink): Promise<Tail> => {
      localPieces.push(sink)
      return localTail
    },
  }
  const tails = new ClusterTails({
    local,
    places,
    streamOf: () => slave,
    scrapydOf: () => new ScrapydNode(() => target),
  })
  places.jobs.set('k', placeOn(target))
  return { tails, slave, places, target, reader: new Reader(), localPieces, localTail }
}

const settled = () => new Promise((resolve) => void setImmediate(() => void setImmediate(resolve)))

describe('a tail of a job on a slave', () => {
  it('rides on the stream of the follower', async () => {
    const { tails, slave, reader } = setup()
    slave.log = 'one\n'
    const tail = await tails.open('k', 0, reader.sink)
    expect(tail.size).toBe(4)
    await settled()
    slave.write('two\n')
    expect(reader.text).toBe('one\ntwo\n')
    tail.close()
    slave.write('three\n')
    expect(reader.text).toBe('one\ntwo\n')
    expect(slave.drops).toEqual([slave.lastTail])
    expect(slave.listeners).toBe(0)
  })

  it('sends nothing before its reader holds it', async () => {
    const { tails, slave, reader } = setup()
    slave.log = 'early'
    const opened = tails.open('k', -3, reader.sink)
    await opened
    expect(reader.pieces).toEqual([])
    await settled()
    expect(reader.pieces).toMatchObject([{ offset: 2, text: 'rly', state: 'live' }])
  })

  it('says that the node is away, and goes on where it was when the node is back', async () => {
    const { tails, slave, reader } = setup()
    slave.log = 'one\n'
    await tails.open('k', 0, reader.sink)
    await settled()
    slave.cut()
    slave.log += 'two\n'
    slave.back('s2')
    await settled()
    expect(slave.adds.map(({ stream, offset }) => `${stream} ${offset}`)).toEqual(['s1 0', 's2 4'])
    expect(reader.text).toBe('one\ntwo\n')
    expect(reader.states).toEqual(['live 0+4', 'away 4+0', 'live 4+0', 'live 4+4'])
  })

  it('drops what comes late for an older tail', async () => {
    const { tails, slave, reader } = setup()
    slave.log = 'one\n'
    await tails.open('k', 0, reader.sink)
    await settled()
    const old = slave.lastTail
    slave.cut()
    slave.back('s2')
    await settled()
    slave.send(old, 4, 'two\n')
    slave.write('two\n')
    expect(reader.text).toBe('one\ntwo\n')
  })

  it('keeps a negative offset until the first piece came', async () => {
    const { tails, slave, reader } = setup()
    slave.isLive = false
    slave.log = '0123456789'
    await tails.open('k', -4, reader.sink)
    slave.cut()
    slave.isLive = true
    slave.back('s2')
    await settled()
    expect(slave.adds.map(({ offset }) => offset)).toEqual([-4, -4])
    expect(reader.text).toBe('6789')
  })

  it('waits for a node that is away', async () => {
    const { tails, slave, reader } = setup()
    slave.id = null
    const tail = await tails.open('k', 0, reader.sink)
    expect(tail.size).toBe(0)
    slave.log = 'one\n'
    slave.back('s1')
    await settled()
    expect(reader.states).toEqual(['away 0+0', 'live 0+0', 'live 0+4'])
  })

  it('begins anew with another file, and follows one that comes after the file was gone', async () => {
    const { tails, slave, reader } = setup()
    slave.log = 'old\n'
    await tails.open('k', 0, reader.sink)
    await settled()
    slave.send(slave.lastTail, 0, 'new one\n')
    slave.send(slave.lastTail, 8, '', 'gone')
    slave.send(slave.lastTail, 0, 'newest\n')
    expect(reader.states).toEqual(['live 0+4', 'live 0+8', 'gone 8+0', 'live 0+7'])
  })

  it('asks again when a piece is missing', async () => {
    const { tails, slave, reader } = setup()
    slave.log = 'one\n'
    await tails.open('k', 0, reader.sink)
    await settled()
    slave.log = 'one\ntwo\nthree\n'
    slave.send(slave.lastTail, 8, 'three\n')
    await settled()
    expect(reader.text).toBe('one\ntwo\nthree\n')
  })

  it('is over with the end', async () => {
    const { tails, slave, reader } = setup()
    slave.log = 'one\n'
    await tails.open('k', 0, reader.sink)
    await settled()
    slave.send(slave.lastTail, 4, '', 'end')
    slave.cut()
    slave.back('s2')
    await settled()
    expect(reader.states).toEqual(['live 0+4', 'end 4+0'])
    expect(slave.adds).toHaveLength(1)
    expect(slave.listeners).toBe(0)
  })

  it('is refused where the slave refuses it', async () => {
    const { tails, slave, places, reader } = setup()
    slave.refuses = new JobNotFoundError('k')
    await expect(tails.open('k', 0, reader.sink)).rejects.toThrow(JobNotFoundError)
    slave.refuses = new ConflictError('More than 50 logs')
    await expect(tails.open('k', 0, reader.sink)).rejects.toThrow('More than 50 logs')
    expect(slave.listeners).toBe(0)
    expect(places.listeners).toBe(0)
  })

  it('tries again when the slave does not answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const { tails, slave, reader } = setup()
      slave.refuses = new NodeUnreachableError('no answer')
      slave.log = 'one\n'
      await tails.open('k', 0, reader.sink)
      await settled()
      expect(reader.states).toEqual(['away 0+0'])
      slave.refuses = null
      vi.advanceTimersByTime(2_000)
      await settled()
      expect(reader.text).toBe('one\n')
    } finally {
      vi.useRealTimers()
    }
  })

  it('waits for a slow reader without a hole, and lets the slave wait for one that is far behind', async () => {
    const { tails, slave, reader } = setup()
    slave.isLive = false
    reader.room = 1
    const tail = await tails.open('k', 0, reader.sink)
    await settled()
    slave.log = Array.from({ length: 3_000 }, (_, n) => `${n}`.padStart(999, '.')).join('\n')
    slave.flush(10_000)
    expect(reader.pieces).toHaveLength(1)
    expect(slave.drops).toHaveLength(1)
    for (let n = 0; reader.text.length < slave.log.length && n < 1_000; n++) {
      reader.room = 3
      tail.resume()
      await settled()
      slave.flush(10_000)
    }
    expect(reader.text).toBe(slave.log)
    expect(slave.adds.length).toBeGreaterThan(3)
  })
})

describe('a tail of any job', () => {
  it('is the local one where the job is here', async () => {
    const { tails, places, reader, localTail } = setup()
    places.jobs.set('k', { kind: 'local' })
    expect(await tails.open('k', 0, reader.sink)).toBe(localTail)
  })

  it('is refused for a job that is not known', async () => {
    const { tails, reader } = setup()
    await expect(tails.open('other', 0, reader.sink)).rejects.toThrow(JobNotFoundError)
  })

  it('begins when a job that waits is given to a node, and begins anew on another one', async () => {
    const { tails, slave, places, reader, target } = setup()
    places.jobs.set('k', { kind: 'waiting' })
    const tail = await tails.open('k', -100, reader.sink)
    expect(tail.size).toBe(0)
    await settled()
    slave.log = 'first\n'
    places.move('k', placeOn(target))
    await settled()
    expect(reader.text).toBe('first\n')
    places.move('k', { kind: 'waiting' })
    expect(slave.listeners).toBe(0)
    slave.log = 'second\n'
    places.move('k', placeOn({ ...target, id: 'n2' }))
    await settled()
    expect(reader.text).toBe('second\n')
    tail.close()
    expect(places.listeners).toBe(0)
  })

  it('goes on here when the job is run here in the end', async () => {
    const { tails, places, reader, localPieces, localTail } = setup()
    places.jobs.set('k', { kind: 'waiting' })
    const tail = await tails.open('k', 0, reader.sink)
    await settled()
    places.move('k', { kind: 'local' })
    await settled()
    reader.room = 1
    expect(localPieces[0]?.({ offset: 0, length: 3, text: 'abc', state: 'live' })).toBe(false)
    expect(reader.text).toBe('abc')
    tail.resume()
    expect(localTail.resume).toHaveBeenCalledOnce()
    tail.close()
    expect(localTail.close).toHaveBeenCalledOnce()
  })

  it('is gone with a node that left', async () => {
    const { tails, places, reader } = setup()
    places.jobs.set('k', { kind: 'gone', node: 'fern' })
    await tails.open('k', 0, reader.sink)
    await settled()
    expect(reader.states).toEqual(['gone 0+0'])
  })
})
