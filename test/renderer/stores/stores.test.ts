import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { useClusterStore } from '../../../src-renderer/stores/cluster.ts'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useNodeDetailsStore } from '../../../src-renderer/stores/node-details.ts'
import { useOverviewStore } from '../../../src-renderer/stores/overview.ts'
import { usePreferencesStore } from '../../../src-renderer/stores/preferences.ts'
import { usePullsStore } from '../../../src-renderer/stores/pulls.ts'
import { useSpidersStore } from '../../../src-renderer/stores/spiders.ts'
import { useToastsStore } from '../../../src-renderer/stores/toasts.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, sampleJob } from '../../helpers/sample-cluster.ts'
import { sampleTransport, useStores } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'

let transport: FakeTransport
const cluster = sampleCluster()

beforeEach(() => {
  vi.useFakeTimers()
  localStorage.clear()
  transport = sampleTransport(cluster)
  useStores(transport)
})

afterEach(() => vi.useRealTimers())

const job = (change = {}) => ({ type: 'job', seq: 1, at: '', job: sampleJob(change) }) as const

describe('the nodes', () => {
  it('tell whether a job is out of reach, whatever was true when it was read', async () => {
    const store = useClusterStore()
    await store.load()
    const away = sampleJob({ state: 'running', outcome: null, ended_at: null, node: 'crawl-03', node_offline: true })
    expect(store.isOutOfReach(away)).toBe(true)
    const node = store.byName.get('crawl-03')!
    store.apply({ type: 'node', seq: 2, at: '', node: { ...node, state: 'online' } })
    expect(store.isOutOfReach(away)).toBe(false)
    store.apply({ type: 'node', seq: 3, at: '', node: { ...node, state: 'offline' } })
    expect(store.isOutOfReach({ ...away, node_offline: false })).toBe(true)
    expect(store.isOutOfReach({ ...away, state: 'finished' })).toBe(false)
    expect(store.isOutOfReach({ ...away, node: 'nobody knows it' })).toBe(true)
  })

  it('keep what events have told over an answer that comes after them', async () => {
    const store = useClusterStore()
    await store.load()
    const node = store.byName.get('crawl-03')!
    const added = { ...node, id: 'new', name: 'crawl-99', state: 'unknown' as const }
    store.learn(added)
    expect(store.byId.get('new')?.state).toBe('unknown')
    store.apply({ type: 'node', seq: 2, at: '', node: { ...added, state: 'online' } })
    store.learn(added)
    expect(store.byId.get('new')?.state).toBe('online')
    store.learnPause({ ...added, paused: true, pause_note: 'new disk' })
    expect(store.byId.get('new')).toMatchObject({ state: 'online', paused: true, pause_note: 'new disk' })
    store.learnPause({ ...added, id: 'removed meanwhile', paused: true })
    expect(store.byId.has('removed meanwhile')).toBe(false)
  })
})

describe('the overview', () => {
  /** Fifty changes within two seconds; how often the overview is asked for when an answer takes so long (ms). */
  async function asked(answerMs: number): Promise<number> {
    const { overview: answer } = transport.answers
    transport.answers.overview = async (input) => {
      await new Promise((resolve) => {
        setTimeout(resolve, answerMs)
      })
      return answer!(input)
    }
    const overview = useOverviewStore()
    const leave = overview.watch()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(transport.callsTo('overview')).toHaveLength(1)
    for (let event = 0; event < 50; event += 1) {
      overview.apply([job()])
      await vi.advanceTimersByTimeAsync(40)
    }
    await vi.advanceTimersByTimeAsync(5_000)
    leave()
    return transport.callsTo('overview').length - 1
  }

  it('is asked again at once while somebody looks at it, where that is cheap', async () => {
    expect(await asked(5)).toBeGreaterThan(20)
  })

  it('is asked again rarely where it takes the daemon long, but once a second', async () => {
    const times = await asked(400)
    expect(times).toBeGreaterThanOrEqual(2)
    expect(times).toBeLessThanOrEqual(4)
  })

  it('follows the first change within 200 ms', async () => {
    const overview = useOverviewStore()
    overview.watch()
    await vi.advanceTimersByTimeAsync(5_000)
    overview.apply([job()])
    await vi.advanceTimersByTimeAsync(150)
    expect(transport.callsTo('overview')).toHaveLength(2)
  })

  it('is left alone while nobody looks, and read again by the next who does', async () => {
    const overview = useOverviewStore()
    overview.watch()()
    await vi.advanceTimersByTimeAsync(2_000)
    overview.apply([job()])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(transport.callsTo('overview')).toHaveLength(1)
    overview.watch()
    expect(transport.callsTo('overview')).toHaveLength(2)
  })

  it('does not mind load and figures', async () => {
    const overview = useOverviewStore()
    overview.watch()
    await vi.advanceTimersByTimeAsync(2_000)
    overview.apply([{ type: 'load', node: 'n1', pending: 0, running: 0, max_proc: 1, latency_ms: 1 }])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(transport.callsTo('overview')).toHaveLength(1)
  })
})

describe('the spiders', () => {
  it('are read once for all who ask, and follow their jobs', async () => {
    const spiders = useSpidersStore()
    await Promise.all([spiders.load('newspapers'), spiders.load('newspapers'), spiders.loadOnce('newspapers')])
    expect(transport.callsTo('listSpiders').length).toBeLessThanOrEqual(2)
    const of = () => spiders.byProject.get('newspapers')?.spiders.find(({ name }) => name === 'zeit_politik')
    const before = of()
    const started = sampleJob({
      key: 'z'.repeat(24),
      spider: 'zeit_politik',
      state: 'running',
      outcome: null,
      ended_at: null,
    })
    spiders.apply([{ type: 'job', seq: 1, at: '', job: started }])
    expect(of()?.last_job?.key).toBe(started.key)
    expect(of()?.recent).toHaveLength(12)
    expect(of()?.recent.at(-1)).toMatchObject({ state: 'running' })
    spiders.apply([{ type: 'job', seq: 2, at: '', job: { ...started, state: 'finished', outcome: 'failed' } }])
    expect(of()?.recent.at(-1)).toMatchObject({ state: 'finished', outcome: 'failed' })
    expect(of()?.recent.slice(0, 11)).toEqual(before?.recent.slice(1))
  })

  it('do not take the end of an old job for the last run', async () => {
    const spiders = useSpidersStore()
    await spiders.load('newspapers')
    const of = () => spiders.byProject.get('newspapers')?.spiders.find(({ name }) => name === 'zeit_politik')
    const last = of()?.last_job?.key
    spiders.apply([{ type: 'job', seq: 1, at: '', job: sampleJob({ key: '0'.repeat(24), spider: 'zeit_politik' }) }])
    expect(of()?.last_job?.key).toBe(last)
  })
})

describe('the pulls', () => {
  it('keep what events say over an answer that is older', async () => {
    const pulls = usePullsStore()
    const started = pulls.start('newspapers')
    const done = {
      ...(cluster.pulls[0] ?? { id: '' }),
      id: 'p2',
      started_at: '2026-11-22T14:00:00.000Z',
      ended_at: '2026-11-22T14:00:09.000Z',
    }
    pulls.apply({ type: 'pull', pull: done as never })
    await started
    expect(pulls.byId.get('p2')?.ended_at).toBe('2026-11-22T14:00:09.000Z')
  })

  it('know the newest of a project', async () => {
    const pulls = usePullsStore()
    await pulls.load('newspapers')
    expect(pulls.latest('newspapers')?.id).toBe('p1')
    expect(pulls.latest('finance_cn')).toBeNull()
    expect(pulls.running).toHaveLength(1)
  })
})

describe('node details', () => {
  it('read many a few at a time and go on with the latency by events', async () => {
    const details = useNodeDetailsStore()
    await details.loadAll(['local', 'n1', 'n2', 'nothing'], new AbortController().signal)
    expect([...details.byId.keys()]).toEqual(['local', 'n1', 'n2'])
    const count = details.byId.get('n1')?.latency.length ?? 0
    details.apply([{ type: 'load', node: 'n1', pending: 0, running: 0, max_proc: 1, latency_ms: 77 }], Date.now())
    expect(details.byId.get('n1')?.latency.at(-1)?.ms).toBe(77)
    details.apply(
      [{ type: 'load', node: 'n1', pending: 0, running: 0, max_proc: 1, latency_ms: 78 }],
      Date.now() + 16 * 60_000,
    )
    expect(details.byId.get('n1')?.latency).toHaveLength(1)
    expect(count).toBeGreaterThan(10)
  })

  it('keep why a node could not be read until it was', async () => {
    const details = useNodeDetailsStore()
    const { getClusterNode } = transport.answers
    transport.answers.getClusterNode = () => {
      throw new CallError('refused', 'the disk is full', { status: 503 })
    }
    const reading = details.load('n1')
    expect([...details.loading]).toEqual(['n1'])
    await reading
    expect(details.loading.size).toBe(0)
    expect(details.errors.get('n1')).toMatchObject({ message: 'the disk is full' })
    if (getClusterNode !== undefined) transport.answers.getClusterNode = getClusterNode
    await details.load('n1')
    expect(details.errors.size).toBe(0)
    expect(details.byId.has('n1')).toBe(true)
  })
})

describe('toasts', () => {
  it('go by themselves when something was done; errors stay; three at most', () => {
    const toasts = useToastsStore()
    toasts.done('one')
    const error = toasts.error('two', 'why')
    vi.advanceTimersByTime(5_000)
    expect(toasts.toasts.map(({ title }) => title)).toEqual(['two'])
    toasts.close(error)
    for (const title of ['a', 'b', 'c', 'd']) toasts.error(title)
    expect(toasts.toasts.map(({ title }) => title)).toEqual(['b', 'c', 'd'])
  })

  it('never push an error away for something that was done', () => {
    const toasts = useToastsStore()
    toasts.error('refused')
    for (const title of ['a', 'b', 'c']) toasts.done(title)
    expect(toasts.toasts.map(({ title }) => title)).toEqual(['refused', 'b', 'c'])
  })
})

describe('a question', () => {
  it('is answered once; a second one answers the first with no', async () => {
    const confirmation = useConfirmationStore()
    const question = { title: 'Cancel?', text: '', yes: 'Cancel job', no: 'Keep running', danger: true }
    const first = confirmation.ask(question)
    const second = confirmation.ask({ ...question, title: 'Remove?' })
    await expect(first).resolves.toBe(false)
    confirmation.answer(true)
    await expect(second).resolves.toBe(true)
    expect(confirmation.question).toBeNull()
  })
})

describe('preferences', () => {
  it('are kept in the browser, and other tabs hear of them', async () => {
    const preferences = usePreferencesStore()
    expect(preferences.chosen).toMatchObject({ language: 'system', theme: 'system', shortcuts: true })
    preferences.chosen.theme = 'dark'
    await nextTick()
    expect(preferences.isDark).toBe(true)
    expect(JSON.parse(localStorage.getItem('scrapyd-service.console') ?? '')).toMatchObject({ theme: 'dark' })
    localStorage.setItem('scrapyd-service.console', JSON.stringify({ theme: 'light', shortcuts: false }))
    dispatchEvent(Object.assign(new Event('storage'), { key: 'scrapyd-service.console' }))
    expect(preferences.chosen).toMatchObject({ theme: 'light', shortcuts: false })
  })

  it('do not trust what is stored', () => {
    localStorage.setItem('scrapyd-service.console', '{"shortcuts":"maybe","theme":7,"dockHeight":200}')
    expect(usePreferencesStore().chosen).toMatchObject({ shortcuts: true, theme: 'system', dockHeight: 200 })
    localStorage.setItem('scrapyd-service.console', 'not json')
    useStores(transport)
    expect(usePreferencesStore().chosen.dockHeight).toBe(340)
  })

  it.each([
    [['zh-TW', 'en'], 'zh-CN'],
    [['fr', 'en-GB', 'zh'], 'en'],
    [['de'], 'en'],
  ])('speak the first language of %j that the console has', (languages, expected) => {
    vi.spyOn(navigator, 'languages', 'get').mockReturnValue(languages)
    expect(usePreferencesStore().language).toBe(expected)
  })
})
