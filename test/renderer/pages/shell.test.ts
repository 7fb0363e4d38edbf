import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Router } from 'vue-router'
import AppShell from '../../../src-renderer/components/shell/AppShell.vue'
import ForwardsPage from '../../../src-renderer/pages/ForwardsPage.vue'
import JobPage from '../../../src-renderer/pages/job/JobPage.vue'
import JobsPage from '../../../src-renderer/pages/jobs/JobsPage.vue'
import NodePage from '../../../src-renderer/pages/NodePage.vue'
import NodesPage from '../../../src-renderer/pages/NodesPage.vue'
import OverviewPage from '../../../src-renderer/pages/OverviewPage.vue'
import ProjectPage from '../../../src-renderer/pages/ProjectPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

vi.mock('vue-echarts', () => ({ default: { template: '<i />' } }))

const pages = {
  overview: OverviewPage,
  jobs: JobsPage,
  job: JobPage,
  project: ProjectPage,
  nodes: NodesPage,
  node: NodePage,
  forwards: ForwardsPage,
}
let cluster: SampleCluster
let transport: FakeTransport
let wrapper: VueWrapper
let router: Router

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})
afterEach(() => vi.useRealTimers())

async function show(path: string): Promise<void> {
  ;({ wrapper, router } = await showInConsole(AppShell, { transport, path, pages }))
  useLiveStore().start()
  await flushPromises()
}
const dialogs = () => [...document.querySelectorAll('[role="dialog"]')]
const press = async (key: string, init: KeyboardEventInit = {}) => {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key, code: key, bubbles: true, cancelable: true, ...init }))
  await flushPromises()
}

describe('the console', () => {
  it.each(['/', '/nodes', '/forwards'])('asks for nothing while its stream lives, on %s', async (path) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'Date'] })
    await show(path)
    transport.live()
    await flushPromises()
    await vi.advanceTimersByTimeAsync(3_000)
    await flushPromises()
    const asked = transport.calls.length
    expect(asked).toBeGreaterThan(3)
    await vi.advanceTimersByTimeAsync(4 * 60_000)
    await flushPromises()
    expect(transport.calls.slice(asked).map(({ name }) => name)).toEqual([])
  })

  it('goes anywhere by keys, and its dialogs close by Esc and give the focus back', async () => {
    await show('/')
    transport.live()
    await flushPromises()
    for (const [keys, name] of [
      ['gn', 'nodes'],
      ['gj', 'jobs'],
      ['gp', 'projects'],
      ['gf', 'forwards'],
      ['go', 'overview'],
    ] as const) {
      for (const key of keys) await press(key)
      expect(router.currentRoute.value.name).toBe(name)
    }
    // From the row of a table, too, where J alone moves.
    for (const key of 'gn') await press(key)
    wrapper.find<HTMLElement>('.nodes-table [tabindex="0"]').element.focus()
    for (const key of 'gj') await press(key)
    expect(router.currentRoute.value.name).toBe('jobs')
    const search = await wait(() => wrapper.find<HTMLInputElement>('[data-search] input'))
    await press('/')
    expect(document.activeElement).toBe(search.element)
    // It is a letter there, and Esc leaves the field.
    await press('?')
    expect(dialogs()).toEqual([])
    await press('Escape')
    expect(document.activeElement).not.toBe(search.element)
    const link = wrapper.find<HTMLElement>('nav a[href="/jobs"]').element
    link.focus()
    for (const [key, init] of [
      ['?', {}],
      ['k', { ctrlKey: true }],
    ] as const) {
      await press(key, init)
      await wait(() => dialogs().length === 1 && dialogs()[0]?.contains(document.activeElement))
      await press('Escape')
      await wait(() => dialogs().length === 0)
      await wait(() => document.activeElement === link)
    }
  })

  it('asks before something that cannot be taken back, and Esc is no', async () => {
    await show('/')
    transport.live()
    await flushPromises()
    const question = { title: 'Cancel?', text: '', yes: 'Cancel job', no: 'Keep running', danger: true }
    const answer = useConfirmationStore().ask(question)
    await wait(() => document.activeElement?.textContent?.includes('Keep running'))
    await press('Escape')
    await expect(answer).resolves.toBe(false)
    await wait(() => dialogs().length === 0)
  })
})

describe('a page whose data is on its way', () => {
  it.each([
    ['/', 'overview'],
    ['/jobs', 'listJobs'],
    ['/jobs/k', 'getJob'],
    ['/jobs/k/items', 'getItems'],
    ['/projects/newspapers', 'listSpiders'],
    ['/projects/newspapers/pulls', 'listPulls'],
    ['/nodes/n1/history', 'getClusterNode'],
    ['/forwards', 'listForwards'],
  ] as const)('shows its shape: %s', async (path, endpoint) => {
    const { getJob } = transport.answers
    transport.answers.getJob = ({ params }) => getJob?.({ params: { ...params, key: cluster.jobs[0]?.key ?? '' } })
    transport.answers[endpoint] = () => new Promise(() => {})
    await show(path)
    transport.live()
    await flushPromises()
    await wait(() => wrapper.find('main .bone').exists())
    expect(wrapper.find('main').text()).not.toContain('Try again')
  })

  it('shows its shape before anything is known, and says why that could not be read', async () => {
    const { getCluster } = transport.answers
    let fail = (_: CallError) => {}
    transport.answers.getCluster = () => new Promise((_, reject) => (fail = reject))
    await show('/')
    transport.live()
    await wait(() => wrapper.find('.first-load .bone').exists())
    if (getCluster !== undefined) transport.answers.getCluster = getCluster
    fail(new CallError('refused', 'the database is locked', { status: 503 }))
    await flushPromises()
    expect(wrapper.find('.first-load').text()).toContain('the database is locked')
    await wrapper.find('.first-load button').trigger('click')
    await flushPromises()
    expect(wrapper.find('.first-load').exists()).toBe(false)
  })
})

describe('a session that is over', () => {
  it('leaves nothing of the cluster on the screen, and the address for the next one', async () => {
    await show('/nodes?node=n4')
    transport.live()
    await flushPromises()
    expect(wrapper.text()).toContain('crawl-03')
    const question = { title: 'Remove crawl-03?', text: '', yes: 'Remove node', no: 'Keep node', danger: true }
    const answer = useConfirmationStore().ask(question)
    await wait(() => dialogs().length === 1)

    transport.status({ state: 'unauthorized' })
    await flushPromises()
    await expect(answer).resolves.toBe(false)
    expect(wrapper.find('.login-form').exists()).toBe(true)
    expect(document.body.textContent).not.toMatch(/crawl-03|press-cluster/)
    // No key of the console does anything behind it.
    ;(document.activeElement as HTMLElement | null)?.blur()
    for (const key of ['g', 'j']) await press(key)
    await press('k', { ctrlKey: true })
    expect([router.currentRoute.value.fullPath, dialogs().length]).toEqual(['/nodes?node=n4', 0])

    transport.answers.createSession = () => ({ username: 'operator' })
    transport.answers.getSession = () => ({ username: 'operator', authentication: true })
    await wrapper.find('form').trigger('submit')
    await flushPromises()
    expect(transport.reconnects).toBe(1)
    transport.live()
    await flushPromises()
    expect(wrapper.find('.peek-head').text()).toContain('crawl-03')
  })

  it('is kept, and said, when signing out did not succeed', async () => {
    transport.answers.getSession = () => ({ username: 'operator', authentication: true })
    transport.answers.deleteSession = () => {
      throw new CallError('unreachable', 'connection refused')
    }
    await show('/nodes')
    transport.live()
    await flushPromises()
    await wrapper.find('.side .cluster').trigger('click')
    const item = await wait(() =>
      [...document.querySelectorAll<HTMLElement>('[role="menuitem"]')].find((each) =>
        each.textContent?.includes('Sign out'),
      ),
    )
    item.click()
    await flushPromises()
    expect(wrapper.find('.login-form').exists()).toBe(false)
    expect(wrapper.find('[role="alert"]').text()).toContain('connection refused')
  })
})
