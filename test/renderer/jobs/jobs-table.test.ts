import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { RouterView, type Router } from 'vue-router'
import type { Job } from '../../../src-daemon/api/contract/values.ts'
import JobsPage from '../../../src-renderer/pages/jobs/JobsPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { sampleCluster, sampleJob, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { useTallWindow } from '../tall-window.ts'
import { wait } from '../wait.ts'

let cluster: SampleCluster
let transport: FakeTransport
let router: Router
useTallWindow()

const lines = () => [...document.querySelectorAll<HTMLElement>('.job-line')]
const textOf = (element: Element | null | undefined) => element?.textContent?.replaceAll(/\s+/g, ' ').trim() ?? ''
const lineOf = (spider: string) => lines().find((line) => textOf(line).includes(spider))
const bar = () => document.querySelector('.selection-bar')
const button = (text: string, within: ParentNode = document) =>
  [...within.querySelectorAll('button')].find((each) => textOf(each).includes(text))

/** Presses a key on the row that has the focus. */
async function press(key: string, init: KeyboardEventInit = {}): Promise<void> {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))
  await flushPromises()
}

async function open(path = '/jobs'): Promise<void> {
  ;({ router } = await showInConsole(RouterView, { transport }))
  router.addRoute({ path: '/jobs', name: 'jobs', component: JobsPage })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  await router.push(path)
  await wait(() => lines().length > 3 && lines().every((line) => line.getAttribute('aria-busy') === 'false'))
}

const told = (job: Job) => transport.events({ type: 'job', seq: 1, at: '', job })

beforeEach(() => {
  cluster = sampleCluster()
  // Few rows, of every kind: each of them costs.
  const few = cluster.jobs.filter(({ project, outcome }) => project !== 'weibo_hot' && outcome !== 'finished')
  cluster.jobs.splice(0, cluster.jobs.length, ...few)
  transport = sampleTransport(cluster)
})

describe('a row of the jobs', () => {
  it('says since when its node is away, and is hatched', async () => {
    await open()
    const line = lineOf('gov_tenders_gd')
    expect(textOf(line)).toMatch(/Running.*gov_tenders_gd.*node offline since \d\d:\d\d:\d\d, last known state/)
    expect(line?.classList).toContain('hatched')
    expect(lineOf('caixin_headlines')?.classList).not.toContain('hatched')
  })

  it('counts the errors of a job that has finished in their column, and quotes why one failed', async () => {
    await open('/jobs?outcome=failed')
    expect(textOf(lineOf('财联社电报')?.querySelector('.col-errors'))).toBe('14')
    expect(lineOf('财联社电报')?.querySelector('[data-tip-row]')?.className).toContain('c-failed')
  })

  it('is tinted when its state changes, each time, and not for longer', async () => {
    await open()
    const job = cluster.jobs.find(({ spider }) => spider === 'jiemian_flash')
    if (job === undefined) throw new Error('the sample has no such job')
    vi.useFakeTimers({ toFake: ['setTimeout', 'Date'] })
    const isTinted = () => lineOf('jiemian_flash')?.classList.contains('changed')
    for (const change of [
      { state: 'running' },
      { state: 'finished', outcome: 'finished', ended_at: new Date().toISOString() },
    ] as const) {
      told({ ...job, ...change })
      await nextTick()
      expect(isTinted()).toBe(true)
      vi.advanceTimersByTime(600)
      await nextTick()
      expect(isTinted()).toBe(false)
    }
    vi.useRealTimers()
  })

  it('is tinted when it has changed while nothing was heard', async () => {
    await open()
    const at = cluster.jobs.findIndex(({ spider }) => spider === 'caixin_headlines')
    const ended = { state: 'finished', outcome: 'failed', ended_at: new Date().toISOString() } as const
    cluster.jobs.splice(at, 1, { ...cluster.jobs[at], ...ended } as Job)
    transport.live({ resumed: false })
    await wait(() => lineOf('caixin_headlines')?.classList.contains('changed'))
    expect(lines().filter((line) => line.classList.contains('changed'))).toHaveLength(1)
  })

  it('is the last known state while the stream is cut; what one does with it is still asked for', async () => {
    await open()
    transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now() + 4_000, reason: 'cut' })
    await nextTick()
    expect(lineOf('caixin_headlines')?.classList).toContain('hatched')
    expect(lineOf('reuters_world')?.classList).not.toContain('hatched')
    lineOf('caixin_headlines')?.focus()
    await nextTick()
    expect(lineOf('caixin_headlines')?.querySelector('.acts button')?.hasAttribute('disabled')).toBe(false)
  })

  it('has its two actions where the pointer or the focus is', async () => {
    await open()
    const acts = (spider: string) =>
      [...(lineOf(spider)?.querySelectorAll('.acts button') ?? [])].map((each) => each.getAttribute('aria-label'))
    expect(acts('caixin_headlines')).toEqual([])
    lineOf('caixin_headlines')?.dispatchEvent(new Event('pointerenter'))
    await nextTick()
    expect(acts('caixin_headlines')).toEqual(['Cancel job', 'More actions'])
    lineOf('reuters_world')?.focus()
    await nextTick()
    expect(acts('reuters_world')).toEqual(['Run again', 'More actions'])
  })
})

describe('the table of jobs', () => {
  it('says how many match, and never moves for those that are new', async () => {
    await open()
    const before = lines().map(textOf)
    expect(textOf(document.querySelector('.jobs-foot'))).toMatch(/^1–\d+ of 16 jobs match/)
    for (let count = 0; count < 14; count += 1)
      told(
        sampleJob({
          state: 'pending',
          outcome: null,
          node: null,
          created_at: new Date(Date.now() + 1_000).toISOString(),
        }),
      )
    await nextTick()
    expect(textOf(document.querySelector('.jobs-fresh'))).toBe('14 new')
    expect(lines().map(textOf)).toEqual(before)
    const asked = transport.callsTo('listJobs').length
    document.querySelector<HTMLElement>('.jobs-fresh')?.click()
    await flushPromises()
    expect(transport.callsTo('listJobs').length).toBeGreaterThan(asked)
    expect(document.querySelector('.jobs-fresh')).toBeNull()
  })

  it('is moved in, opened, peeked and selected by keys', async () => {
    await open()
    lines()[0]?.focus()
    await press('j')
    expect(document.activeElement).toBe(lines()[1])
    await press(' ')
    expect(textOf(document.querySelector('.job-peek'))).toContain('jiemian_flash')
    await press('Escape')
    expect(document.querySelector('.job-peek')).toBeNull()
    await press('x')
    await press('ArrowDown', { shiftKey: true })
    expect(textOf(bar())).toMatch(/^2 selected ?2 running/)
    await press('Escape')
    expect(bar()).toBeNull()
    const key = cluster.jobs.find(({ spider }) => spider === '人民日报')?.key
    await press('Home')
    await press('Enter')
    expect(router.currentRoute.value).toMatchObject({ name: 'job', params: { key } })
  })

  it('says in the bar what a batch will really do, and does just that', async () => {
    await open()
    const wanted = ['人民日报', 'sina_finance', 'caixin_headlines', 'xinhua_finance']
    for (const spider of wanted) lineOf(spider)?.querySelector<HTMLElement>('input')?.click()
    await nextTick()
    expect(textOf(bar())).toMatch(/^4 selected ?1 pending, 2 running, 1 ended ?Cancel 3.*Run 4 again/)
    transport.answers.cancelJobs = () => ({ cancelled: 3, skipped: 0, errors: [] })
    await press('c')
    expect(useConfirmationStore().question?.title).toBe('Cancel 2 running jobs and 1 pending?')
    useConfirmationStore().answer(true)
    await flushPromises()
    const active = cluster.jobs.filter(
      ({ spider, state }) => state !== 'finished' && wanted.slice(0, 3).includes(spider),
    )
    const body = transport.callsTo('cancelJobs')[0]?.input.body as { keys: string[] } | undefined
    expect(new Set(body?.keys)).toEqual(new Set(active.map(({ key }) => key)))
    expect(bar()).toBeNull()
  })

  it('sends all that match as the filter, not as ids', async () => {
    await open('/jobs?project=newspapers')
    lines()[0]?.focus()
    await press('a', { ctrlKey: true })
    await wait(() => button('Cancel 7'))
    expect(textOf(bar())).toMatch(/^All \d+ matching selected ?1 pending, 6 running/)
    expect(button('Copy ids')).toBeUndefined()
    transport.answers.cancelJobs = () => ({ cancelled: 7, skipped: 0, errors: [] })
    transport.answers.rerunJobs = () => ({ results: [] })
    await press('Backspace')
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(transport.callsTo('cancelJobs')[0]?.input.body).toEqual({
      filter: { project: ['newspapers'], state: ['pending', 'assigned', 'starting', 'running'] },
    })
    lines()[0]?.focus()
    await press('a', { ctrlKey: true })
    await press('a')
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(transport.callsTo('rerunJobs')[0]?.input.body).toEqual({ filter: { project: ['newspapers'] } })
  })

  it('runs what is selected by R', async () => {
    await open()
    for (const spider of ['人民日报', 'sina_finance']) lineOf(spider)?.querySelector<HTMLElement>('input')?.click()
    await nextTick()
    await press('r')
    expect(router.currentRoute.value.query).toEqual({
      run: 'newspapers',
      'run-spider': ['人民日报', 'sina_finance'],
    })
  })
})
