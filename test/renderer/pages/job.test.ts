import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h } from 'vue'
import { RouterView, useRoute, type Router } from 'vue-router'
import { reasonText } from '../../../src-daemon/api/contract/reasons.ts'
import type { Job } from '../../../src-daemon/api/contract/values.ts'
import JobPage from '../../../src-renderer/pages/job/JobPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import { readFilter } from '../../../src-renderer/domain/jobs-filter.ts'
import { PAGE_ROWS, useJobsPageStore } from '../../../src-renderer/stores/jobs-page.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useToastsStore } from '../../../src-renderer/stores/toasts.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import type { TailHandlers } from '../../../src-renderer/transport/transport.ts'
import { sampleCluster, sampleJob, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleLog } from '../../helpers/sample-log.ts'
import { giveSizes, sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

// Nothing is painted here; the figures of a chart stand in the table beside it.
vi.mock('vue-echarts', () => ({ default: { template: '<i />' } }))

/** As the shell shows it: another job is another page. */
const PageOfOneJob = defineComponent({
  setup() {
    const route = useRoute()
    return () => h(RouterView, { key: String(route.params['key']) })
  },
})

let cluster: SampleCluster
let transport: FakeTransport
let wrapper: VueWrapper
let router: Router
/** The tail that the page has opened, to be played by the test. */
let tail: TailHandlers | null
let log: Uint8Array

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
  tail = null
  giveSizes()
  transport.tail = (_, handlers) => {
    tail = handlers
    return { close: () => undefined }
  }
  transport.bytes = (_, { query }) => {
    const { offset, limit } = query as { offset: number; limit: number }
    return Promise.resolve({ bytes: log.slice(offset, offset + limit), size: log.length })
  }
})

async function show(job: Job, path = ''): Promise<void> {
  if (!cluster.jobs.includes(job)) cluster.jobs.push(job)
  log = new TextEncoder().encode(sampleLog(job))
  ;({ wrapper, router } = await showInConsole(whenReady(PageOfOneJob), {
    transport,
    path: `/jobs/${job.key}${path}`,
    pages: { job: JobPage },
  }))
  useLiveStore().start()
  transport.live()
  await flushPromises()
}

/** The log as its tail brings it. */
async function play(text: string, state: 'live' | 'end' | 'away' | 'gone', offset = 0): Promise<void> {
  const length = new TextEncoder().encode(text).length
  tail?.onPiece({ type: 'log', tail: 't', key: 'k', offset, length, text, state })
  await flushPromises()
}

const words = (text: string | null | undefined) => (text ?? '').replaceAll(/\s+/g, ' ').trim()
const text = (selector: string) => words(wrapper.find(selector).text())
const jobOf = (status: string, more: (job: Job) => boolean = () => true) => {
  const found = cluster.jobs.find((job) => (job.state === status || job.outcome === status) && more(job))
  if (found === undefined) throw new Error(`the sample has no job that is ${status}`)
  return found
}
const buttonOf = (name: string) =>
  wrapper
    .findAll('button')
    .find((each) => each.text().startsWith(name) || each.attributes('aria-label')?.startsWith(name))
const press = async (key: string) => {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
  await flushPromises()
}

describe('the page of a job', () => {
  it.each<[string, (cluster: SampleCluster) => Job, RegExp]>([
    [
      'failed',
      () => jobOf('failed', ({ exit_code: code }) => code === 1),
      /Exit code 1: ModuleNotFoundError: No module named 'dateutil'.*Exit code 1 after \d+ (min|s).*4 failures in a row\..*Jump to error/,
    ],
    [
      'killed',
      () => jobOf('failed', ({ signal }) => signal !== null),
      /Ended by SIGKILL, not sent by us \(out of memory\?\).*Ended by SIGKILL after/,
    ],
    ['lost', () => jobOf('lost'), /Nobody knows how it ended\. It is not run again by itself\..*Run again/],
    ['pending', () => jobOf('pending'), /^Waits: .*crawl-03.*It starts as soon as crawl-03 is back/],
    [
      'cancelled',
      () =>
        sampleJob({
          outcome: 'cancelled',
          reason: reasonText('cancelledAfterBy', { who: 'lin.wei', seconds: 595 }),
          cancelled_by: 'lin.wei',
          cancel_requested_at: new Date().toISOString(),
        }),
      /^Cancelled by lin\.wei after 9 min 55 s ?Asked to stop at [\d:]+\.$/,
    ],
    [
      'on a node that is away',
      () => jobOf('running', ({ node_offline: away }) => away),
      /^crawl-03 cannot be reached.*Run anyway/,
    ],
    ['finished with errors', () => sampleJob({ errors: 4 }), /^4 logged errors.*Jump to error/],
  ])('says why it is as it is: %s', async (_, job, expected) => {
    await show(job(cluster))
    expect(text('.job-banner')).toMatch(expected)
  })

  it('has node, times, exit code, finish reason, arguments, settings and what happened', async () => {
    await show(
      sampleJob({ priority: 7, scheduled_by: 'lin.wei', finish_reason: 'closespider_timeout' }),
      '/configuration',
    )
    await showLanguage('zh-CN')
    await flushPromises()
    for (const expected of [/任务提交人 ?lin\.wei/, /进程启动方式 ?冷启动/])
      expect(text('.configuration-tab')).toMatch(expected)
    await showLanguage('en')
    await flushPromises()
    expect(text('.facts')).toMatch(
      /Ran for ?30 min 00 s ?usually 55 min.*Ended.*Node ?crawl-01 ?10\.20\.0\.21:6800 ?Exit code ?0 ?finish_reason: closespider_timeout ?Pages ?18,452.*Items ?12,480.*Memory ?318 MiB/,
    )
    const about = text('.configuration-tab')
    for (const expected of [/Priority ?7/, /since ?2026-11-22/, /channel ?roll,live/, /CONCURRENT_REQUESTS ?32/])
      expect(about).toMatch(expected)
    expect(wrapper.findAll('.moment').map((moment) => words(moment.text()))).toEqual([
      expect.stringMatching(/^Scheduled by lin\.wei/),
      expect.stringMatching(/^Waited 1 min/),
      expect.stringMatching(/^Sent to crawl-01, attempt 1/),
      expect.stringMatching(/^Running, pid 20418/),
      expect.stringMatching(/^Exit code 0/),
    ])
  })

  it('shows figures of a running job as they come, with the rates of the last half hour', async () => {
    const job = jobOf('running', ({ spider }) => spider === 'sina_finance')
    await show(job, '/about')
    await wait(() => wrapper.find('.job-aside tbody').exists())
    const rates = () =>
      wrapper.findAll('.job-aside tbody tr').map((row) => row.findAll('td').map((cell) => cell.text()))
    const before = rates().length
    const asked = transport.callsTo('getJob').length
    const at = new Date().toISOString()
    transport.events({
      type: 'stats',
      key: job.key,
      pages: 20_001,
      items: 13_001,
      errors: 13,
      rate: { at, pages: 611, items: 402, errors: 3 },
    })
    await flushPromises()
    expect(text('.facts')).toMatch(/Pages ?20,001 ?611 per min.*Items ?13,001 ?402 per min.*Errors ?13 ?3 per min/)
    expect(rates().at(-1)).toEqual(['611', '402', '3'])
    expect(rates().length).toBeLessThanOrEqual(before + 1)
    expect(transport.callsTo('getJob')).toHaveLength(asked)
  })

  it('stays as it is when its cancel is refused', async () => {
    transport.answers.cancelJob = () => {
      throw new CallError('refused', 'crawl-01 does not answer', { status: 502 })
    }
    await show(jobOf('running', ({ spider }) => spider === 'sina_finance'))
    await press('c')
    await wait(() => useConfirmationStore().question)
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(text('.object-head')).toMatch(/Running/)
    expect(useToastsStore().toasts).toMatchObject([{ kind: 'error', text: 'crawl-01 does not answer' }])
  })

  it('says that there is no such job', async () => {
    await show(sampleJob())
    await router.push('/jobs/never')
    await flushPromises()
    expect(wrapper.text()).toContain('There is no such job.')
  })
})

describe('the way to its neighbours', () => {
  const neighbours = () => wrapper.findAll<HTMLButtonElement>('.object-head .job-neighbours button')
  const names = () => neighbours().map((button) => button.attributes('aria-label'))
  const disabled = () => neighbours().map(({ element }) => element.disabled)

  /** Reads a list of jobs, as the page of all jobs does it. */
  async function list(query: Record<string, string>): Promise<readonly string[]> {
    const jobs = useJobsPageStore()
    jobs.show(readFilter(query), query)
    await wait(() => jobs.isLoaded)
    await flushPromises()
    return jobs.rowsBetween(0, jobs.total - 1).map(({ key }) => key)
  }

  async function goTo(key: string | undefined): Promise<void> {
    await router.push(`/jobs/${key ?? ''}`)
    await flushPromises()
  }

  it('is not shown without a list, in a list without the job, and in a list of one', async () => {
    const job = jobOf('lost')
    await show(job)
    expect(neighbours()).toEqual([])
    await list({ outcome: 'cancelled' })
    expect(neighbours()).toEqual([])
    expect(await list({ outcome: 'lost' })).toEqual([job.key])
    expect(neighbours()).toEqual([])
    await press(']')
    expect(router.currentRoute.value.params['key']).toBe(job.key)
  })

  it('are two buttons with names and keys, of which one is disabled at an end', async () => {
    await show(jobOf('lost'))
    const keys = await list({ outcome: 'failed' })
    await goTo(keys[0])
    expect(names()).toEqual(['Previous job of the list', 'Next job of the list'])
    expect(neighbours().map((button) => button.attributes('data-tip'))).toEqual([
      'Previous job of the list, key [',
      'Next job of the list, key ]',
    ])
    expect(disabled()).toEqual([true, false])
    await neighbours()[1]?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.params['key']).toBe(keys[1])
    expect(disabled()).toEqual([false, false])
    await goTo(keys.at(-1))
    expect(disabled()).toEqual([false, true])
    await showLanguage('zh-CN')
    await flushPromises()
    expect(names()).toEqual(['列表中的上一个任务', '列表中的下一个任务'])
    expect(neighbours()[1]?.attributes('data-tip')).toBe('列表中的下一个任务，快捷键 ]')
  })

  it('keeps the tab and the focus, which goes to the other button at the end', async () => {
    await show(jobOf('lost'))
    const keys = await list({ outcome: 'failed' })
    await goTo(`${keys.at(-3)}/stats`)
    for (const focused of ['Next job of the list', 'Previous job of the list']) {
      await neighbours()[1]?.trigger('click')
      await flushPromises()
      expect(document.activeElement?.getAttribute('aria-label')).toBe(focused)
    }
    expect(router.currentRoute.value.params).toMatchObject({ key: keys.at(-1), tab: 'stats' })
  })

  it('leads into rows of the list that were not read yet', async () => {
    cluster.jobs.push(
      ...Array.from({ length: PAGE_ROWS + 1 }, (_, index) =>
        sampleJob({ spider: 'many', ended_at: new Date(Date.now() - index * 1_000).toISOString() }),
      ),
    )
    await show(jobOf('lost'))
    const keys = await list({ spider: 'many' })
    expect(keys).toHaveLength(PAGE_ROWS)
    await goTo(keys.at(-1))
    await wait(() => disabled().every((is) => !is))
    await neighbours()[1]?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.params['key']).toBe(useJobsPageStore().rowAt(PAGE_ROWS)?.key)
    expect(disabled()).toEqual([false, true])
  })
})

describe('its items', () => {
  it('are a table of the first rows, and more on demand; a row opens to the whole', async () => {
    const evil = '<img src=x onerror=alert(1)>'
    transport.answers.getItems = ({ query }) =>
      query?.offset === undefined
        ? {
            items: [
              { title: evil, tags: ['a', 'b'] },
              { title: 'two', words: 12 },
            ],
            next: 90,
            size: 200,
          }
        : { items: [{ title: 'three' }], next: null, size: 200 }
    await show(sampleJob({ items: 3 }), '/items')
    expect(wrapper.findAll('.items-table th').map((head) => head.text())).toEqual(['#', 'title', 'tags', 'words'])
    const rows = () => wrapper.findAll('.items-table tbody tr').map((row) => words(row.text()))
    expect(rows()).toEqual([`1${evil}["a","b"]`, '2two12'])
    await wrapper.find('.item-open').trigger('click')
    expect(text('.item-whole pre')).toBe(words(JSON.stringify({ title: evil, tags: ['a', 'b'] }, null, 2)))
    await wrapper.find('.item-open').trigger('click')
    await buttonOf('Show more')?.trigger('click')
    await flushPromises()
    expect(rows().at(-1)).toBe('3three')
    expect(transport.callsTo('getItems').at(-1)?.input.query).toMatchObject({ offset: 90 })
    expect(buttonOf('Show more')).toBeUndefined()
    await buttonOf('Download items')?.trigger('click')
    expect(transport.opened).toEqual([expect.stringMatching(/^\/items\/newspapers\/sina_finance\/.*\.jl$/)])
    expect(document.querySelector('img')).toBeNull()
  })

  it('are one tab stop, from where keys go on and open', async () => {
    transport.answers.getItems = () => ({ items: [{ n: 1 }, { n: 2 }, { n: 3 }], next: null, size: 30 })
    await show(sampleJob({ items: 3 }), '/items')
    const openers = () => wrapper.findAll<HTMLButtonElement>('.item-open')
    const stops = () => openers().map(({ element }) => element.tabIndex)
    expect(stops()).toEqual([0, -1, -1])
    openers()[0]?.element.focus()
    await openers()[0]?.trigger('keydown', { key: 'End' })
    await flushPromises()
    expect(document.activeElement).toBe(openers()[2]?.element)
    expect(stops()).toEqual([-1, -1, 0])
    // A browser clicks a button for these.
    for (const key of ['Enter', ' ']) {
      const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
      document.activeElement?.dispatchEvent(event)
      expect(event.defaultPrevented).toBe(false)
    }
  })

  it('say that there are none, that the file is gone, or why they cannot be read', async () => {
    const job = sampleJob({ items: 5 })
    const refuse = (status: number) => () => {
      throw new CallError('refused', 'crawl-01 does not answer', { status })
    }
    transport.answers.getItems = refuse(404)
    await show(job, '/items')
    expect(text('.items-tab')).toMatch(/No items ?The file was removed\./)
    transport.answers.getItems = refuse(502)
    transport.live()
    await flushPromises()
    expect(text('.items-tab')).toMatch(/crawl-01 does not answer ?Try again/)
  })
})

describe('its log', () => {
  const rows = () => wrapper.findAll('.log-row')

  it('is coloured by level, hides levels by key and button, and says how much is hidden', async () => {
    const job = sampleJob({ errors: 12 })
    await show(job)
    await play(sampleLog(job), 'end')
    await wait(() => rows().length > 0)
    expect(rows().some((row) => row.classes().includes('log-DEBUG'))).toBe(true)
    await press('1')
    await wait(() => router.currentRoute.value.query['level'] !== undefined)
    expect(router.currentRoute.value.query['level']).toEqual(['INFO', 'WARNING', 'ERROR'])
    expect(buttonOf('DEBUG')?.attributes('aria-pressed')).toBe('false')
    expect(text('.log-foot')).toMatch(/DEBUG hidden, 1,200 lines/)
  })

  it('opens at the line of the address', async () => {
    await show(sampleJob(), '?line=20')
    await play(new TextDecoder().decode(log.slice(-1_000)), 'end', log.length - 1_000)
    await wait(() => wrapper.find('.log-marked').exists())
    expect(wrapper.find('.log-marked .log-number').text()).toBe('20')
    const [shown] = new TextDecoder().decode(log).split('\n').slice(19)
    expect(shown).toContain(wrapper.find('.log-marked .log-text').text().slice(-20))
  })

  it('is searched for what the address asks, also later, and for what is typed', async () => {
    const job = sampleJob()
    await show(job, '?q=ERROR')
    await play(sampleLog(job), 'end')
    const field = () => wrapper.find<HTMLInputElement>('.log-bar input')
    const asked = () => (transport.callsTo('searchLog').at(-1)?.input.query as { q?: string } | undefined)?.q
    await wait(() => asked() === 'ERROR')
    expect(field().element.value).toBe('ERROR')
    await router.push({ query: { q: 'Traceback' } })
    await wait(() => asked() === 'Traceback')
    expect(field().element.value).toBe('Traceback')
    for (const text of ['w', 'wo', 'words']) await field().setValue(text)
    await wait(() => asked() === 'words')
    expect(router.currentRoute.value.query['q']).toBe('words')
    expect(field().element.value).toBe('words')
  })

  it('wraps, is copied whole and downloaded', async () => {
    const written: string[] = []
    vi.spyOn(navigator.clipboard, 'writeText').mockImplementation((copied) =>
      Promise.resolve(void written.push(copied)),
    )
    const job = sampleJob()
    await show(job)
    await play(sampleLog(job), 'end')
    await wait(() => rows().length > 0)
    await press('w')
    expect(wrapper.find('.log-pane').classes()).toContain('log-wrap')
    await buttonOf('Copy the log')?.trigger('click')
    await wait(() => written.length > 0)
    expect(written).toEqual([sampleLog(job)])
    await buttonOf('Download')?.trigger('click')
    expect(transport.opened).toEqual([`/api/jobs/${job.key}/log?download=1`])
    await press('w')
  })

  it('follows and pauses by key, and counts what comes meanwhile', async () => {
    const job = jobOf('running', ({ spider }) => spider === 'sina_finance')
    await show(job)
    const first = '2026-11-22 22:10:40 [a] INFO: one\n'
    await play(first, 'live')
    await wait(() => rows().length > 0)
    await press('f')
    expect(buttonOf('Paused')).toBeDefined()
    await play('2026-11-22 22:10:41 [a] INFO: two\n2026-11-22 22:10:41 [a] INFO: three\n', 'live', first.length)
    await wait(() => wrapper.find('.log-new').exists())
    expect(text('.log-new')).toMatch(/^2 new lines ?Jump to end/)
    await wrapper.find('.log-new').trigger('click')
    await wait(() => !wrapper.find('.log-new').exists())
    expect(buttonOf('Following')).toBeDefined()
  })

  it('shows neither markup nor escape sequences, and colours what they colour', async () => {
    const job = jobOf('running', ({ spider }) => spider === 'sina_finance')
    await show(job)
    const line =
      'plain <script>document.title=1</script> \u001b[31mred\u001b[0m \u001b]0;owned\u0007 \u202Eright to left'
    await play(`${line}\n`, 'live')
    await wait(() => rows().length > 0)
    const shown = rows()[0]?.find('.log-text').text() ?? ''
    expect(shown).toContain('plain <script>document.title=1</script> red')
    for (const hidden of ['\u001b', '\u0007', '\u202E', 'owned']) expect(shown).not.toContain(hidden)
    expect(wrapper.find('.log-row script').exists()).toBe(false)
    expect(rows()[0]?.find('[class*="red"]').text()).toBe('red')
  })

  it.each<[string, () => Promise<void>, RegExp]>([
    ['its node is away', () => play('', 'away'), /cannot be reached.*can be read when the node is back/],
    ['its file was removed', () => play('', 'gone'), /The log is gone.*jobs_to_keep/],
    [
      'it cannot be read',
      async () => {
        tail?.onError(new CallError('refused', 'the disk is broken', { status: 500 }))
        await flushPromises()
      },
      /The log could not be read\..*the disk is broken.*Try again/,
    ],
    ['it is over', () => play(new TextDecoder().decode(log), 'end'), /End of log, exit code 0\./],
  ])('says that %s', async (_, happen, expected) => {
    await show(sampleJob())
    await happen()
    await wait(() => expected.test(text('.log')))
  })
})
