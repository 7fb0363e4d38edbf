import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { RouterView, type Router } from 'vue-router'
import type { Job } from '../../../src-daemon/api/contract/values.ts'
import JobsPage from '../../../src-renderer/pages/jobs/JobsPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useToastsStore } from '../../../src-renderer/stores/toasts.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, sampleJob, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { giveSizes, sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

const Shell = whenReady(RouterView)

let cluster: SampleCluster
let transport: FakeTransport
let wrapper: VueWrapper
let router: Router

beforeEach(() => {
  cluster = sampleCluster()
  // A job of each kind that an operator meets.
  const kinds = new Map<string, Job>()
  for (const job of cluster.jobs) {
    const kind = `${job.outcome ?? job.state} ${job.node_offline} ${job.cancel_requested_at !== null}`
    if (!kinds.has(kind)) kinds.set(kind, job)
  }
  cluster.jobs.splice(0, cluster.jobs.length, ...kinds.values())
  transport = sampleTransport(cluster)
  giveSizes()
})

async function show(path = '/jobs'): Promise<void> {
  ;({ wrapper, router } = await showInConsole(Shell, { transport, path, pages: { jobs: JobsPage } }))
  useLiveStore().start()
  transport.live()
  await flushPromises()
}
async function showRows(path?: string): Promise<void> {
  await show(path)
  await wait(() => lines().length > 0 && wrapper.findAll('.job-line.job-bones').length === 0)
}

const lines = () => wrapper.findAll('.job-line')
const words = (text: string | null | undefined) => (text ?? '').replaceAll(/\s+/g, ' ').trim()
const lineOf = (text: string) => lines().find((line) => line.text().includes(text))
const keyOf = (status: string) => cluster.jobs.find(({ state, outcome }) => state === status || outcome === status)?.key
const focus = (row: { readonly element: Element } | undefined) => {
  if (row?.element instanceof HTMLElement) row.element.focus()
}
const press = async (key: string, init: KeyboardEventInit = {}) => {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))
  await flushPromises()
}
const answer = async (yes: boolean) => {
  const question = await wait(() => useConfirmationStore().question)
  useConfirmationStore().answer(yes)
  await flushPromises()
  return question
}

describe('the page of jobs', () => {
  it('has jobs of all states and nodes with the reason beside the state', async () => {
    await showRows()
    const text = (name: string) => words(lineOf(name)?.text())
    expect(text('人民日报')).toMatch(/^Pending ?人民日报.*crawl-03 ?queued.*Waits: /)
    expect(text('jiemian_flash')).toMatch(/^Starting/)
    expect(text('thepaper_cn')).toMatch(/^Cancelling…/)
    expect(text('gov_tenders_gd')).toMatch(/^Running.*2 h 11 min.*node offline since \d\d:\d\d:\d\d, last known state/)
    expect(lineOf('gov_tenders_gd')?.classes()).toContain('hatched')
    expect(text('No module named')).toMatch(/^Failed.*Exit code 1: ModuleNotFoundError/)
    expect(text('Cancelled by operator')).toMatch(/^Cancelled/)
    expect(wrapper.find('.jobs-foot').text()).toMatch(new RegExp(`of ${cluster.jobs.length} jobs match`))
  })

  it('is used by keys alone: move, select, extend, cancel what is selected, open', async () => {
    await showRows()
    expect(wrapper.findAll('.job-line[tabindex="0"]')).toHaveLength(1)
    focus(lines()[0])
    await press('x')
    await press('ArrowDown', { shiftKey: true })
    expect(wrapper.findAll('.job-line[aria-selected="true"]')).toHaveLength(2)
    expect(words(wrapper.find('.selection-bar').text())).toMatch(/^2 selected ?2 pending|^2 selected ?1 pending/)
    await press('c')
    expect((await answer(false)).title).toMatch(/^Cancel /)
    expect(transport.callsTo('cancelJobs')).toEqual([])
    expect(wrapper.findAll('.job-line[aria-selected="true"]')).toHaveLength(2)
    await press('Escape')
    expect(wrapper.find('.selection-bar').exists()).toBe(false)
    await press(' ')
    expect(wrapper.find('.job-peek').exists()).toBe(true)
    await press('Escape')
    expect(wrapper.find('.job-peek').exists()).toBe(false)
    await press('Enter')
    expect(router.currentRoute.value.name).toBe('job')
  })

  it('leaves a row as it is when its cancel is refused, and keeps what was selected', async () => {
    const refused = () => {
      throw new CallError('refused', 'crawl-01 does not answer', { status: 502 })
    }
    transport.answers.cancelJob = refused
    transport.answers.cancelJobs = refused
    await showRows('/jobs?state=running')
    const line = () => lineOf('sina_finance')
    focus(line())
    await press('c')
    await answer(true)
    expect(words(line()?.text())).toMatch(/^Running/)
    await press('x')
    await press('c')
    await answer(true)
    expect(line()?.attributes('aria-selected')).toBe('true')
    expect(useToastsStore().toasts.map(({ kind, text }) => [kind, text])).toEqual([
      ['error', 'crawl-01 does not answer'],
      ['error', 'crawl-01 does not answer'],
    ])
  })

  it('asks before many are run again, and says how many were refused', async () => {
    transport.answers.rerunJobs = () => ({
      results: [
        { ok: true, job: sampleJob(), error: null },
        { ok: false, job: null, error: "project 'newspapers' not found" },
      ],
    })
    await showRows('/jobs?outcome=failed')
    focus(lines()[0])
    await press('x')
    await press('a')
    expect(await answer(true)).toMatchObject({ title: 'Run 1 job again?' })
    expect(transport.callsTo('rerunJobs')[0]?.input.body).toEqual({ keys: [keyOf('failed')] })
    expect(useToastsStore().toasts).toMatchObject([{ kind: 'error', text: "Project 'newspapers' not found" }])
  })

  it('keeps its filters, its order and its search in the address', async () => {
    await showRows()
    const sorts = wrapper.findAll('.sort-button')
    await sorts[1]?.trigger('click')
    await flushPromises()
    await wrapper.find('.jobs-bar [data-search] input').setValue('finance')
    await wait(() => router.currentRoute.value.query['q'] === 'finance')
    await wrapper.findAll('.segments button')[2]?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({ q: 'finance', sort: '-duration', state: 'running' })
    expect(transport.callsTo('listJobs').at(-1)?.input.query).toMatchObject({ q: 'finance', sort: '-duration' })
    expect(wrapper.findAll('[role="columnheader"]')[5]?.attributes('aria-sort')).toBe('descending')
  })

  it('says that nothing matches, and clears the filter', async () => {
    await show('/jobs?q=no+such+job')
    await wait(() => wrapper.text().includes('No job matches'))
    await wrapper.findAll('.jobs-body button').at(-1)?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({})
    await wait(() => lines().length > 0)
  })

  it('says why jobs could not be read, beside those that were', async () => {
    await showRows()
    const { listJobs } = transport.answers
    transport.answers.listJobs = () => {
      throw new CallError('refused', 'the database is locked', { status: 503 })
    }
    const job = sampleJob({ state: 'pending', outcome: null, created_at: new Date(Date.now() + 1_000).toISOString() })
    transport.events({ type: 'job', job })
    await flushPromises()
    await wrapper.find('.jobs-fresh').trigger('click')
    await flushPromises()
    expect(wrapper.find('.jobs-error').text()).toContain('the database is locked')
    expect(lines().length).toBeGreaterThan(0)
    if (listJobs !== undefined) transport.answers.listJobs = listJobs
    await wrapper.find('.jobs-error button').trigger('click')
    await flushPromises()
    expect(wrapper.find('.jobs-error').exists()).toBe(false)
  })

  it('hatches what is live while the stream is cut', async () => {
    await showRows('/jobs?state=running')
    expect(lineOf('sina_finance')?.classes()).not.toContain('hatched')
    transport.status({ state: 'waiting', since: Date.now(), retryAt: Date.now() + 1_000, reason: 'cut' })
    await flushPromises()
    expect(lineOf('sina_finance')?.classes()).toContain('hatched')
    transport.live({ resumed: true })
    await flushPromises()
    expect(lineOf('sina_finance')?.classes()).not.toContain('hatched')
  })
})
