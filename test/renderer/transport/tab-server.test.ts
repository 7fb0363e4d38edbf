// @vitest-environment node
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ALIVE_INTERVAL, ALIVE_LIMIT, type TabMessage } from '../../../src-renderer/transport/hub-messages.ts'
import type { HubSubscriber, StreamHub } from '../../../src-renderer/transport/stream-hub.ts'
import { TabServer } from '../../../src-renderer/transport/tab-server.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { WorkerHub } from '../../../src-renderer/transport/worker-hub.ts'

/** Two ends of a wire that delivers at once and copies, as ports do. */
function wire() {
  const ends = [new EventTarget(), new EventTarget()] as const
  const port = (own: EventTarget, other: EventTarget) => ({
    postMessage: (data: unknown) => other.dispatchEvent(new MessageEvent('message', { data: structuredClone(data) })),
    addEventListener: own.addEventListener.bind(own) as MessagePort['addEventListener'],
    start: () => {},
  })
  return [port(ends[0], ends[1]), port(ends[1], ends[0])] as const
}

class FakeHub {
  readonly subscribers = new Set<HubSubscriber>()
  readonly log: unknown[] = []
  add(subscriber: HubSubscriber): void {
    this.subscribers.add(subscriber)
    subscriber.onStatus({ state: 'connecting' })
  }
  remove(subscriber: HubSubscriber): void {
    this.subscribers.delete(subscriber)
  }
  addTail(_: HubSubscriber, id: string, request: unknown): void {
    this.log.push(['tail', id, request])
  }
  dropTail(id: string): void {
    this.log.push(['drop', id])
  }
  reconnect(): void {
    this.log.push('reconnect')
  }
}

const page = () => ({ onEvents: vi.fn(), onStatus: vi.fn(), onPiece: vi.fn(), onTailError: vi.fn() })
const windowEvents = new EventTarget()
let hub: FakeHub
let server: TabServer

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('addEventListener', windowEvents.addEventListener.bind(windowEvents))
  vi.stubGlobal('removeEventListener', windowEvents.removeEventListener.bind(windowEvents))
  hub = new FakeHub()
  server = new TabServer(() => hub as unknown as StreamHub)
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function openTab() {
  const [tabEnd, workerEnd] = wire()
  server.connect(workerEnd)
  const subscriber = page()
  const worker = new WorkerHub(tabEnd, 'http://master/')
  worker.add(subscriber)
  return { subscriber, worker, say: (message: TabMessage) => tabEnd.postMessage(message) }
}

describe('a tab and the shared worker', () => {
  it('share one hub: every tab hears every event', () => {
    const one = openTab()
    const two = openTab()
    expect(hub.subscribers.size).toBe(2)
    for (const subscriber of hub.subscribers) subscriber.onEvents([{ type: 'pull' } as never])
    expect(one.subscriber.onEvents).toHaveBeenCalledWith([{ type: 'pull' }])
    expect(two.subscriber.onEvents).toHaveBeenCalledTimes(1)
    expect(one.subscriber.onStatus).toHaveBeenCalledWith({ state: 'connecting' })
  })

  it('carry tails, their pieces and their errors', () => {
    const { subscriber, worker } = openTab()
    worker.addTail(subscriber, 't', { key: 'k', offset: -5 })
    expect(hub.log).toEqual([['tail', 't', { key: 'k', offset: -5 }]])
    const [served] = hub.subscribers
    served?.onPiece({ type: 'log', tail: 't', key: 'k', offset: 0, length: 3, text: 'abc', state: 'live' })
    expect(subscriber.onPiece).toHaveBeenCalledWith(expect.objectContaining({ text: 'abc' }))
    served?.onTailError('t', new CallError('refused', 'the log is gone', { status: 404, code: 'file-not-found' }))
    const [, error] = subscriber.onTailError.mock.calls[0] as [string, CallError]
    expect(error).toBeInstanceOf(CallError)
    expect(error).toMatchObject({ message: 'the log is gone', status: 404, code: 'file-not-found' })
    worker.dropTail('t')
    worker.reconnect()
    expect(hub.log.slice(1)).toEqual([['drop', 't'], 'reconnect'])
  })

  it('stay together while the tab shows signs of life', () => {
    openTab()
    vi.advanceTimersByTime(ALIVE_LIMIT * 3)
    expect(hub.subscribers.size).toBe(1)
    expect(ALIVE_INTERVAL * 2).toBeLessThan(ALIVE_LIMIT)
  })

  it('part when the tab closes, and when it leaves for the back/forward cache', () => {
    const { worker } = openTab()
    windowEvents.dispatchEvent(new Event('pagehide'))
    expect(hub.subscribers.size).toBe(0)
    windowEvents.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    expect(hub.subscribers.size).toBe(1)
    worker.remove()
    expect(hub.subscribers.size).toBe(0)
  })

  it('find together again after a tab was silent for too long, with its tails at their place', () => {
    const [tabEnd, workerEnd] = wire()
    server.connect(workerEnd)
    const subscriber = page()
    const worker = new WorkerHub(tabEnd, 'http://master/')
    worker.add(subscriber)
    worker.addTail(subscriber, 't', { key: 'k', offset: 0 })
    const [served] = hub.subscribers
    served?.onPiece({ type: 'log', tail: 't', key: 'k', offset: 0, length: 30, text: '…', state: 'live' })
    // Frozen: neither timers run nor messages are sent.
    vi.clearAllTimers()
    workerEnd.addEventListener('message', () => {})
    tabEnd.postMessage({ type: 'leave' })
    expect(hub.subscribers.size).toBe(0)
    tabEnd.postMessage({ type: 'alive' })
    expect(hub.subscribers.size).toBe(1)
    expect(hub.log.at(-1)).toEqual(['tail', 't', { key: 'k', offset: 30 }])
  })

  it('forget a tab that says nothing any more', () => {
    const [tabEnd, workerEnd] = wire()
    server.connect(workerEnd)
    tabEnd.postMessage({ type: 'join', base: 'http://master/' })
    expect(hub.subscribers.size).toBe(1)
    vi.advanceTimersByTime(ALIVE_LIMIT + 1)
    expect(hub.subscribers.size).toBe(0)
  })
})
