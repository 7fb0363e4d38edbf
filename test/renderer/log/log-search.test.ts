import { beforeEach, describe, expect, it } from 'vitest'
import { nextTick, ref } from 'vue'
import { useLogErrors } from '../../../src-renderer/composables/use-log-errors.ts'
import { useLogSearch } from '../../../src-renderer/composables/use-log-search.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { runInConsole } from '../console-app.ts'
import { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

const match = (offset: number, text = `line at ${offset}`) => ({ offset, line: offset / 10, text })
/** A daemon that gives `page` matches at a time. */
function serving(offsets: readonly number[], page: number, text?: string): FakeTransport {
  return new FakeTransport({
    searchLog: ({ query }) => {
      const left = offsets.filter((offset) => offset >= Number(query?.from ?? 0))
      const matches = left.slice(0, page).map((offset) => match(offset, text))
      return { matches, total: offsets.length, next: left[page] ?? null, size: 1_000 }
    },
  })
}

describe('a search in a log', () => {
  const found: number[] = []
  beforeEach(() => void (found.length = 0))
  const search = (transport: FakeTransport, query = ref('timeout')) =>
    runInConsole(() => useLogSearch('k', query, ({ offset }) => found.push(offset)), { transport })

  it('is of the whole file, on its node, and goes round at both ends', async () => {
    const transport = serving([10, 250, 900], 2)
    const { result } = await search(transport)
    await wait(() => result.current.value === 0)
    expect([result.total.value, found]).toEqual([3, [10]])
    expect(transport.callsTo('searchLog')[0]?.input).toMatchObject({
      params: { key: 'k' },
      query: { q: 'timeout', from: 0 },
    })
    // The third lies on a page that is read when it is gone to.
    for (const step of [1, 1, 1, -1] as const) await result.go(step)
    expect(found).toEqual([10, 250, 900, 10, 900])
    expect(transport.callsTo('searchLog')).toHaveLength(2)
  })

  it('forgets what is on its way for another word, and says why it failed', async () => {
    const transport = serving([10], 2)
    const query = ref('first')
    let release = () => {}
    const { searchLog } = transport.answers
    transport.answers.searchLog = async (input) => {
      if (input.query?.q === 'first') await new Promise<void>((resolve) => (release = resolve))
      if (input.query?.q === 'broken') throw new CallError('refused', 'the disk is broken', { status: 500 })
      return searchLog?.(input)
    }
    const { result } = await search(transport, query)
    await wait(() => transport.callsTo('searchLog').length === 1)
    query.value = 'second'
    await wait(() => result.total.value === 1)
    release()
    await nextTick()
    expect(found).toEqual([10])
    query.value = 'broken'
    await wait(() => result.error.value !== null)
    expect([result.total.value, result.isSearching.value]).toEqual([null, false])
  })
})

describe('the errors of a log', () => {
  const ERROR = '2026-11-22 22:10:40 [a] ERROR: broken'
  const errors = async (transport: FakeTransport) => (await runInConsole(() => useLogErrors('k'), { transport })).result

  it('are gone to one after the other, in both directions', async () => {
    const transport = serving([100, 200, 300], 2, ERROR)
    const { next, previous } = await errors(transport)
    expect([await next(-1), await next(100), await next(250), await next(300)].map((hit) => hit?.offset)).toEqual([
      100,
      200,
      300,
      undefined,
    ])
    expect((await previous(300, null))?.offset).toBe(200)
    expect(await previous(100, null)).toBeNull()
    expect(transport.callsTo('searchLog')[0]?.input.query).toMatchObject({ level: ['ERROR', 'CRITICAL'] })
  })

  it('begin with their record: further lines of one are no errors of their own', async () => {
    const { next } = await errors(serving([100, 200], 5, '  File "spider.py", line 3, in parse'))
    expect(await next(-1)).toBeNull()
  })
})
