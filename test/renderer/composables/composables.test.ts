import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import { useBatch } from '../../../src-renderer/composables/use-batch.ts'
import { useJobActions } from '../../../src-renderer/composables/use-job-actions.ts'
import { useListKeys } from '../../../src-renderer/composables/use-list-keys.ts'
import { usePullWord } from '../../../src-renderer/composables/use-pull-word.ts'
import { useReason } from '../../../src-renderer/composables/use-reason.ts'
import { useRemote } from '../../../src-renderer/composables/use-remote.ts'
import { readRun, useRunLink, withoutRun } from '../../../src-renderer/composables/use-run-link.ts'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useToastsStore } from '../../../src-renderer/stores/toasts.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, sampleJob } from '../../helpers/sample-cluster.ts'
import { runInConsole, sampleTransport } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'

let transport: FakeTransport
const cluster = sampleCluster()

beforeEach(() => {
  transport = sampleTransport(cluster)
})

afterEach(() => document.body.replaceChildren())

const flush = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('useRemote', () => {
  it('reads again when its source changes, and forgets the answer that is late', async () => {
    const source = ref('a')
    const waiting = new Map<string, (value: string) => void>()
    const aborted: string[] = []
    const { result } = await runInConsole(
      () =>
        useRemote(
          () => source.value,
          (key, signal) => {
            signal.addEventListener('abort', () => aborted.push(key))
            return new Promise<string>((resolve) => waiting.set(key, resolve))
          },
        ),
      { transport },
    )
    source.value = 'b'
    await nextTick()
    expect(aborted).toEqual(['a'])
    waiting.get('b')?.('B')
    waiting.get('a')?.('A')
    await flush()
    expect(result.data.value).toBe('B')
    expect(result.isLoading.value).toBe(false)
  })

  it('keeps what is there while it is read again after missing events, and its error', async () => {
    let count = 0
    const { result } = await runInConsole(
      () =>
        useRemote(
          () => null,
          () => {
            count += 1
            return count === 2 ? Promise.reject(new CallError('unreachable', 'nobody answers')) : Promise.resolve(count)
          },
        ),
      { transport },
    )
    await flush()
    expect(result.data.value).toBe(1)
    const live = useLiveStore()
    live.start()
    transport.live()
    await flush()
    transport.live()
    await flush()
    expect(result.data.value).toBe(1)
    expect(result.error.value).toMatchObject({ failure: 'unreachable' })
    await result.reload()
    expect([result.data.value, result.error.value]).toEqual([3, null])
  })

  it('asks by itself for what failed during a cut, and for nothing else', async () => {
    const read = vi.fn(() => Promise.resolve('ok'))
    const { result } = await runInConsole(() => useRemote(() => null, read), { transport })
    useLiveStore().start()
    transport.live()
    const cut = () => transport.status({ state: 'waiting', since: 0, retryAt: 0, reason: 'cut' })
    await flush()
    const before = read.mock.calls.length
    cut()
    read.mockRejectedValueOnce(new CallError('unreachable', 'nobody answers'))
    await result.reload()
    expect(result.error.value).not.toBeNull()
    transport.live({ resumed: true })
    await flush()
    expect([result.data.value, result.error.value]).toEqual(['ok', null])
    cut()
    await flush()
    transport.live({ resumed: true })
    await flush()
    expect(read).toHaveBeenCalledTimes(before + 2)
  })
})

describe('useListKeys', () => {
  async function list(options: Partial<Parameters<typeof useListKeys>[1]> = {}) {
    const container = ref<HTMLElement | null>(document.createElement('div'))
    document.body.append(container.value as HTMLElement)
    const { result } = await runInConsole(() => useListKeys(container, { count: () => 5, ...options }), { transport })
    for (let index = 0; index < 5; index += 1) {
      const row = document.createElement('div')
      row.tabIndex = -1
      row.dataset['index'] = String(index)
      container.value?.append(row)
    }
    container.value?.addEventListener('keydown', result.onKeydown)
    const press = async (key: string, init: KeyboardEventInit = {}) => {
      const target = container.value?.querySelector(`[data-index="${result.active.value}"]`)
      target?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))
      await nextTick()
    }
    return { result, press }
  }

  it('is one tab stop that moves', async () => {
    const { result, press } = await list()
    expect([0, 1].map((index) => result.rowAttributes(index).tabindex)).toEqual([0, -1])
    for (const key of ['ArrowDown', 'j', 'j']) await press(key)
    expect(result.active.value).toBe(3)
    expect((document.activeElement as HTMLElement).dataset['index']).toBe('3')
    await press('End')
    await press('ArrowDown')
    expect(result.active.value).toBe(4)
    for (const key of ['k', 'ArrowUp']) await press(key)
    expect(result.active.value).toBe(2)
    await press('Home')
    await press('PageDown')
    expect(result.active.value).toBe(4)
  })

  it('opens, peeks, selects and extends', async () => {
    const log: unknown[] = []
    const { press } = await list({
      onOpen: (index) => log.push(['open', index]),
      onPeek: (index) => log.push(['peek', index]),
      onToggle: (index) => log.push(['toggle', index]),
      onToggleAll: () => log.push('all'),
      onExtend: (from, to) => log.push(['extend', from, to]),
    })
    await press('Enter')
    await press(' ')
    await press('x')
    await press('ArrowDown', { shiftKey: true })
    await press('a', { ctrlKey: true })
    expect(log).toEqual([['open', 0], ['peek', 0], ['toggle', 0], ['extend', 0, 1], 'all'])
  })
})

describe('useRunLink', () => {
  it('is a part of the address, and leaves the rest of it', async () => {
    const { result, router } = await runInConsole(() => useRunLink(), { transport, path: '/nodes?node=n1' })
    result.run('newspapers', ['a', 'b'])
    await flush()
    expect(router.currentRoute.value.query).toEqual({ node: 'n1', run: 'newspapers', spider: ['a', 'b'] })
    expect(readRun(router.currentRoute.value.query, 'nodes')).toEqual({
      project: 'newspapers',
      spiders: ['a', 'b'],
      rerun: null,
    })
    expect(withoutRun(router.currentRoute.value.query, 'nodes')).toEqual({ node: 'n1' })
    result.rerun('k1')
    await flush()
    expect(readRun(router.currentRoute.value.query, 'nodes')).toEqual({ project: '', spiders: [], rerun: 'k1' })
  })

  it('does not touch the filter of the jobs page', async () => {
    const { result, router } = await runInConsole(() => useRunLink(), { transport, path: '/jobs?spider=x' })
    result.run('newspapers', ['a'])
    await flush()
    expect(router.currentRoute.value.query).toEqual({ spider: 'x', run: 'newspapers', 'run-spider': ['a'] })
    expect(readRun(router.currentRoute.value.query, 'jobs')?.spiders).toEqual(['a'])
    expect(withoutRun(router.currentRoute.value.query, 'jobs')).toEqual({ spider: 'x' })
  })
})

describe('useBatch', () => {
  const jobs = (names: readonly string[]) => names.map((spider) => ({ project: 'newspapers', spider }) as never)

  it('keeps what became of each spider', async () => {
    const { result } = await runInConsole(() => useBatch(), { transport })
    await result.send(jobs(['bbc_world', 'asahi', 'nhk_news']))
    expect(result.rows.value.map(({ spider, state }) => [spider, state])).toEqual([
      ['bbc_world', 'scheduled'],
      ['asahi', 'refused'],
      ['nhk_news', 'scheduled'],
    ])
    expect(result.answered.value).toBe(3)
    expect(result.refused.value[0]?.error).toContain('SyntaxError')
    expect(result.rows.value[0]?.job?.spider).toBe('bbc_world')
  })

  it('sends some at a time, and no more once it is stopped', async () => {
    const { result } = await runInConsole(() => useBatch(), { transport })
    const sending = result.send(jobs(Array.from({ length: 35 }, (_, index) => `s${index}`)))
    result.stop()
    await sending
    expect(transport.callsTo('createJobs')).toHaveLength(1)
    expect(result.rows.value.filter(({ state }) => state === 'waiting')).toHaveLength(25)
  })

  it('says of all of a part that nobody answered', async () => {
    transport.answers.createJobs = () => {
      throw new CallError('unreachable', 'refused')
    }
    const { result } = await runInConsole(() => useBatch(), { transport })
    await result.send(jobs(['a', 'b']))
    expect(result.refused.value).toHaveLength(2)
    expect(result.refused.value[0]?.error).toContain('does not answer')
  })
})

describe('useJobActions', () => {
  const running = sampleJob({ state: 'running', outcome: null, ended_at: null })
  const answer = async (yes: boolean) => {
    await flush()
    useConfirmationStore().answer(yes)
  }

  it('asks before a running job is cancelled, and keeps it when told so', async () => {
    const { result } = await runInConsole(() => useJobActions(), { transport })
    const cancelling = result.cancel(running)
    await flush()
    expect(useConfirmationStore().question).toMatchObject({
      title: 'Cancel sina_finance?',
      yes: 'Cancel job',
      no: 'Keep running',
    })
    await answer(false)
    await expect(cancelling).resolves.toBe(false)
    expect(transport.callsTo('cancelJob')).toEqual([])
  })

  it('does not ask for a pending one, and says that a cancel is stored for a node that is away', async () => {
    transport.answers.cancelJob = () => ({ ...running, node_offline: true })
    const { result } = await runInConsole(() => useJobActions(), { transport })
    await expect(result.cancel({ ...running, state: 'pending' })).resolves.toBe(true)
    expect(useToastsStore().toasts[0]?.title).toBe(
      'The node is offline. The cancel is stored and sent when it is back.',
    )
  })

  it('never says done of what was refused', async () => {
    transport.answers.rerunJob = () => {
      throw new CallError('refused', "project 'newspapers' not found", { status: 404 })
    }
    const { result } = await runInConsole(() => useJobActions(), { transport })
    await expect(result.rerun(running)).resolves.toBeNull()
    expect(useToastsStore().toasts).toMatchObject([
      { kind: 'error', title: 'Could not run sina_finance again', text: "Project 'newspapers' not found" },
    ])
  })

  it('says in the question what it will really do', async () => {
    transport.answers.cancelJobs = () => ({
      cancelled: 2,
      skipped: 0,
      errors: [{ key: 'k', message: 'it has just ended' }],
    })
    const { result } = await runInConsole(() => useJobActions(), { transport })
    const cancelling = result.cancelMany({ keys: ['a', 'b', 'c'] }, { running: 2, pending: 1 })
    await flush()
    expect(useConfirmationStore().question).toMatchObject({
      title: 'Cancel 2 running jobs and 1 pending?',
      yes: 'Cancel 3 jobs',
    })
    await answer(true)
    await expect(cancelling).resolves.toBe(true)
    expect(transport.callsTo('cancelJobs')[0]?.input.body).toEqual({ keys: ['a', 'b', 'c'] })
    expect(useToastsStore().toasts).toMatchObject([
      { kind: 'error', title: '1 job could not be cancelled', text: 'it has just ended' },
    ])
  })

  it('runs anyway only after the warning', async () => {
    transport.answers.rerunJob = vi.fn(() => running)
    const { result } = await runInConsole(() => useJobActions(), { transport })
    const going = result.runAnyway({ ...running, node: 'crawl-03' })
    await flush()
    expect(useConfirmationStore().question?.text).toContain('crawl-03')
    await answer(true)
    await going
    expect(transport.callsTo('rerunJob')[0]?.input.body).toEqual({ anyway: true })
  })
})

describe('usePullWord', () => {
  it('says in Chinese why a node could not be asked, and quotes git', async () => {
    const [step] = cluster.pulls[0]?.steps ?? []
    if (step === undefined) throw new Error('the sample has no pull')
    const { result } = await runInConsole(() => usePullWord(), { transport })
    const word = (message: string) => result({ ...step, state: 'error', message })
    await showLanguage('zh-CN')
    expect(word('crawl-03 (10.20.0.23:6800): no answer within 5 s')).toBe('crawl-03 (10.20.0.23:6800)：5 秒内没有响应')
    expect(word('fatal: refusing to merge unrelated histories')).toBe('fatal: refusing to merge unrelated histories')
    expect(word('')).toBe('已中断，结果未知')
    await showLanguage('en')
  })
})

describe('useReason', () => {
  it('translates the sentences of the daemon and quotes the rest', async () => {
    const { result } = await runInConsole(() => useReason(), { transport })
    expect(result('Ended by SIGKILL, not sent by us (out of memory?)')).toBe(
      'Ended by SIGKILL, not sent by us (out of memory?)',
    )
    expect(result('connection refused')).toBe('Connection refused')
    expect(result('econnrefused')).toBe('econnrefused')
    expect(result('Cancelled by operator after 595 s')).toBe('Cancelled by operator after 9 min 55 s')
    expect(result('crawl-01, a stock Scrapyd, does not know the job any more')).toMatch(/^crawl-01/)
    await showLanguage('zh-CN')
    expect(result('Waits: no free slot on the 3 nodes that have newspapers')).toBe(
      '等待中：部署了 newspapers 的 3 个节点都没有空闲槽位',
    )
    expect(result('Ended by SIGKILL, not sent by us (out of memory?)')).toBe(
      '被 SIGKILL 终止，并非本系统发出（可能内存不足）',
    )
    expect(result("Exit code 1: KeyError: 'x'")).toBe("退出码 1：KeyError: 'x'")
    expect(result('something else')).toBe('something else')
    expect(result('Cancelled by operator after 595 s')).toBe('operator 在运行 9 分 55 秒后取消')
    expect(result(null)).toBe('')
    await showLanguage('en')
  })
})
