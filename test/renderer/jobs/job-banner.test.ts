import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import { RouterView } from 'vue-router'
import { reasonText } from '../../../src-daemon/api/contract/reasons.ts'
import type { Job } from '../../../src-daemon/api/contract/values.ts'
import JobAside from '../../../src-renderer/components/job/JobAside.vue'
import JobBanner from '../../../src-renderer/components/job/JobBanner.vue'
import JobFacts from '../../../src-renderer/components/job/JobFacts.vue'
import { useJobDetail } from '../../../src-renderer/composables/use-job-detail.ts'
import JobPage from '../../../src-renderer/pages/job/JobPage.vue'
import JobsPage from '../../../src-renderer/pages/jobs/JobsPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { sampleCluster, sampleJob, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { runInConsole, sampleTransport, showInConsole } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { useTallWindow } from '../tall-window.ts'
import { wait } from '../wait.ts'

let cluster: SampleCluster
let transport: FakeTransport
beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

const WHEN = '2020-11-22T10:00:00.000Z'

async function banner(job: Job, runs: readonly Job[] = []) {
  const { wrapper } = await showInConsole(JobBanner, { transport, props: { job, runs, hasLog: true } })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  return wrapper
}

describe('the banner of a job', () => {
  it.each([
    [reasonText('paused', { node: '上海-02' }), {}, 'It starts as soon as 上海-02 is resumed.'],
    [reasonText('pausedMany', { nodes: 'a, b' }), {}, 'as soon as one of them is resumed.'],
    [reasonText('onlyOffline', { node: 'crawl-03', project: 'p' }), {}, 'as soon as crawl-03 is back.'],
    [reasonText('allOffline', { n: 2, project: 'p' }), {}, 'as soon as one of them is back.'],
    [reasonText('fullAll', { n: 3, project: 'p' }), {}, 'as soon as a running job there ends.'],
    [reasonText('nowhere', { project: 'p' }), {}, 'as soon as a node has p: add the project.'],
    [reasonText('noSpider', { project: 'p', spider: 's' }), {}, 'code with s: pull the code of p.'],
    [reasonText('noNode'), {}, 'resume one, or add one.'],
    ['Waits: crawl-01: does something', {}, 'It starts by itself as soon as a node can take it.'],
    [null, { pinned_node: 'crawl-01' }, 'It is pinned to crawl-01'],
  ])('says why a job waits and what would free it: %s', async (reason, change, words) => {
    const job = sampleJob({ state: 'pending', outcome: null, started_at: null, ended_at: null, reason, ...change })
    const wrapper = await banner(job)
    expect(wrapper.find('b').text()).toBe(reason ?? 'Pending')
    expect(wrapper.text()).toContain(words)
  })

  it('says how a job failed, after how long, and since which commit', async () => {
    const at = (minute: number) => ({
      created_at: `2020-11-22T10:0${minute}:00.000Z`,
      started_at: `2020-11-22T10:0${minute}:00.000Z`,
      ended_at: `2020-11-22T10:0${minute}:02.000Z`,
    })
    const good = sampleJob({ version: '9c33d08b4a5968778695a4b3c2d1e0f9a8b7c6d5', ...at(0) })
    const bad = { state: 'finished', outcome: 'failed', exit_code: 1, pages: 0 } as const
    const failed = sampleJob({ ...bad, reason: 'Exit code 1: KeyError', ...at(1) })
    const wrapper = await banner(failed, [good, failed])
    expect(wrapper.attributes('role')).toBe('alert')
    expect(wrapper.text().replaceAll(/\s+/g, ' ')).toBe(
      'Exit code 1: KeyErrorExit code 1 after 2 s, no page fetched. First failed with commit a81d40f; the last good run had 9c33d08.Jump to errorE',
    )
    const killed = await banner(sampleJob({ ...bad, exit_code: null, signal: 'SIGKILL', pages: 7, ...at(1) }))
    expect(killed.text()).toContain('Ended by SIGKILL after 2 s, 7 pages fetched.')
  })

  it('says once who cancelled a job, and when', async () => {
    const cancelled = {
      state: 'finished',
      outcome: 'cancelled',
      cancelled_by: 'lin',
      cancel_requested_at: WHEN,
    } as const
    const known = await banner(sampleJob({ ...cancelled, reason: 'Cancelled by lin after 595 s' }))
    expect(known.text()).toMatch(/^Cancelled by lin after 9 min 55 sAsked to stop at Nov 22, 2020\.$/)
    const silent = await banner(sampleJob({ ...cancelled, reason: null }))
    expect(silent.text()).toMatch(/^CancelledCancelled by lin\. Asked to stop at Nov 22, 2020\.$/)
  })

  it('says why a job is lost, and runs it again', async () => {
    const wrapper = await banner(sampleJob({ state: 'finished', outcome: 'lost', reason: reasonText('rebooted') }))
    expect(wrapper.text()).toContain('The machine was restarted while the spider ran')
    await wrapper.find('button').trigger('click')
    expect(wrapper.emitted('again')).toHaveLength(1)
  })

  it('says that the node of a job is away, and offers to run it anyway', async () => {
    const wrapper = await banner(sampleJob({ state: 'running', outcome: null, ended_at: null, node: 'crawl-03' }))
    expect(wrapper.text()).toMatch(/crawl-03 cannot be reached.*last known state/)
    await wrapper.find('button').trigger('click')
    expect(wrapper.emitted('anyway')).toHaveLength(1)
  })

  it('is not there for a job that runs or has finished well', async () => {
    expect((await banner(sampleJob({ state: 'running', outcome: null, ended_at: null }))).text()).toBe('')
    expect((await banner(sampleJob())).text()).toBe('')
  })
})

describe('the figures of a job', () => {
  it('say what is usual, rounded, and leave out what is not known', async () => {
    const job = sampleJob({ pages: null, max_rss_bytes: null, version: null })
    const detail = { ...job, stats: null, rates: [], log_url: null, items_url: null, output_tail: null }
    const usual = { runs: 20, duration_seconds: 3_312, pages: 1, items: 23_700.4 }
    const { wrapper } = await showInConsole(JobFacts, { transport, props: { job, detail: { ...detail, usual } } })
    expect(wrapper.text()).toContain('usually 55 min')
    expect(wrapper.text()).toContain('usually 23,700')
    expect(wrapper.text()).not.toMatch(/Pages|Memory|Commit/)
    await wrapper.setProps({ job, detail: { ...detail, usual: null } })
    expect(wrapper.text()).not.toContain('usually')
  })
})

describe('beside the log of a failed job', () => {
  it('stand the runs of its spider, and the commits between the last good and the first bad one', async () => {
    const run = (hour: number, change: Partial<Job>) =>
      sampleJob({
        created_at: `2020-11-22T0${hour}:00:00.000Z`,
        started_at: `2020-11-22T0${hour}:00:00.000Z`,
        ...change,
      })
    const old = '9c33d08b4a5968778695a4b3c2d1e0f9a8b7c6d5'
    const runs = [run(3, { outcome: 'failed' }), run(2, { outcome: 'failed' }), run(1, { version: old })]
    const { wrapper } = await showInConsole(JobAside, { transport, props: { job: runs[0], detail: null, runs } })
    await flushPromises()
    expect(wrapper.findAll('.run-line').map((line) => line.find('.state').attributes('aria-label'))).toEqual([
      'Failed',
      'Failed',
      'Finished',
    ])
    expect(transport.callsTo('listCommits')[0]?.input.query).toEqual({ from: old, to: runs[0]?.version })
    const between = wrapper.findAll('.between-line').map((line) => line.text().replaceAll(/\s+/g, ' '))
    expect(between[0]).toMatch(/^a81d40f ?Parse relative times/)
    expect(between.at(-1)).toMatch(/^9c33d08 ?last good$/)
  })
})

describe('a running job', () => {
  it('goes on by its figures and rates as they come, half an hour back', async () => {
    const job = cluster.jobs.find(({ spider }) => spider === 'sina_finance')
    const { result } = await runInConsole(() => useJobDetail(() => job?.key ?? ''), { transport })
    useLiveStore().start()
    transport.live()
    await flushPromises()
    const rates = result.detail.value?.rates ?? []
    const at = new Date(Date.parse(rates.at(-1)?.at ?? '') + 60_000).toISOString()
    transport.events({
      type: 'stats',
      key: job?.key,
      pages: 20_000,
      items: null,
      errors: 13,
      rate: { at, pages: 700, items: 500, errors: 1 },
    })
    await flushPromises()
    expect(result.job.value).toMatchObject({ pages: 20_000, items: job?.items, errors: 13 })
    const now = result.detail.value?.rates ?? []
    expect(now.at(-1)).toMatchObject({ at, pages: 700 })
    expect(now.every((rate) => Date.parse(rate.at) >= Date.parse(at) - 30 * 60_000)).toBe(true)
  })
})

describe('the page of a job', () => {
  useTallWindow()

  it('goes on to its neighbours of the list one came from, cancels and runs again by keys', async () => {
    const { router } = await showInConsole(RouterView, { transport })
    router.addRoute({ path: '/jobs', name: 'jobs', component: JobsPage })
    // As the shell does it: another job is another page.
    router.addRoute({ path: '/jobs/:key/:tab?', name: 'job', component: JobPage })
    useLiveStore().start()
    transport.live()
    await flushPromises()
    await router.push('/jobs')
    const lines = await wait(() => {
      const found = [...document.querySelectorAll('.job-line a')].map((each) => each.getAttribute('href') ?? '')
      return found.length > 16 ? found : null
    })
    const keys = lines.map((href) => href.split('/').at(-1))
    const at = keys.indexOf(cluster.jobs.find(({ spider }) => spider === 'caixin_headlines')?.key)
    await router.push(`/jobs/${keys[at]}`)
    await flushPromises()
    const press = async (key: string) => {
      document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
      await flushPromises()
    }
    await press('c')
    expect(useConfirmationStore().question?.title).toBe('Cancel caixin_headlines?')
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(transport.callsTo('cancelJob')[0]?.input.params).toEqual({ key: keys[at] })
    await press('a')
    expect(transport.callsTo('rerunJob')[0]?.input.params).toEqual({ key: keys[at] })
    await press(']')
    expect(router.currentRoute.value.params['key']).toBe(keys[at + 1])
    await press('[')
    await press('[')
    expect(router.currentRoute.value.params['key']).toBe(keys[at - 1])
  })
})
