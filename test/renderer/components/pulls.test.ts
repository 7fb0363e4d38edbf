import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Pull } from '../../../src-daemon/api/contract/values.ts'
import PullHistory from '../../../src-renderer/components/project/PullHistory.vue'
import PullDock from '../../../src-renderer/components/pull/PullDock.vue'
import ProjectPage from '../../../src-renderer/pages/ProjectPage.vue'
import ProjectsPage from '../../../src-renderer/pages/ProjectsPage.vue'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'

const ProjectsView = whenReady(ProjectsPage)
const ProjectView = whenReady(ProjectPage)

let cluster: SampleCluster
let transport: FakeTransport

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

async function show(component: Parameters<typeof showInConsole>[0], path: string, props: Record<string, unknown>) {
  const shown = await showInConsole(component, { transport, path, props })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  return shown
}

/** A pull of an hour ago beside the one that runs. */
function addOld(): Pull {
  const [pull] = cluster.pulls
  if (pull === undefined) throw new Error('the sample has one')
  const at = new Date(Date.now() - 3_600_000).toISOString()
  const steps = pull.steps.map((step) => ({ ...step, state: 'ok' as const, output: `old of ${step.node_name}\n` }))
  const old: Pull = { ...pull, id: 'old', started_at: at, ended_at: at, steps }
  cluster.pulls.push(old)
  return old
}

describe('the history of pulls', () => {
  it('opens the dock at the pull, and at the node, that was chosen', async () => {
    addOld()
    const { wrapper, router } = await show(PullHistory, '/projects/newspapers/pulls', { project: 'newspapers' })
    const entry = wrapper.findAll('.pull-entry')[1]
    await entry?.find('.section-head button').trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({ pull: 'newspapers', 'pull-id': 'old' })
    await entry?.findAll('.pull-step')[2]?.trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({
      pull: 'newspapers',
      'pull-id': 'old',
      'pull-node': 'crawl-02',
    })
  })
})

describe('the list of projects', () => {
  it('shows a pull that ran before the page was opened', async () => {
    const { wrapper } = await show(ProjectsView, '/projects', {})
    const texts = wrapper.findAll('.tr.two').map((row) => row.text())
    expect(texts.filter((text) => text.includes('running now'))).toHaveLength(1)
    expect(texts.find((text) => text.includes('running now'))).toContain('newspapers')
  })
})

describe('the dock of pulls', () => {
  it('says of a step that it was interrupted', async () => {
    const { wrapper } = await show(PullDock, '/projects?pull=newspapers&pull-node=crawl-03', { project: 'newspapers' })
    cluster.pulls.length = 0
    transport.live({ resumed: true })
    await flushPromises()
    expect(wrapper.find('pre').text()).toContain('interrupted, how it ended is not known')
    expect(wrapper.find('.dock-head').text()).toContain('Pull again')
  })

  it('shows the pull and the node of the address', async () => {
    addOld()
    const { wrapper, router } = await show(PullDock, '/projects?pull=newspapers&pull-id=old&pull-node=crawl-02', {
      project: 'newspapers',
    })
    expect(wrapper.find('pre').text()).toContain('old of crawl-02')
    await wrapper.findAll('.pull-step')[0]?.trigger('click')
    await flushPromises()
    expect(wrapper.find('pre').text()).toContain('old of hq-01')
    await wrapper.find('[aria-label="Close"]').trigger('click')
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({})
  })

  it('pulls again on the nodes that the pull was of', async () => {
    const old = addOld()
    old.steps = old.steps.filter(({ node_name }) => node_name === 'crawl-01')
    const { wrapper } = await show(PullDock, '/projects?pull=newspapers&pull-id=old', { project: 'newspapers' })
    const again = wrapper.findAll('.dock-head button').find((button) => button.text() === 'Pull again')
    await again?.trigger('click')
    await flushPromises()
    expect(transport.callsTo('pullProject')[0]?.input).toMatchObject({ body: { nodes: ['crawl-01'] } })
  })

  it('says that a pull is not kept, and offers the last one', async () => {
    const { wrapper } = await show(PullDock, '/projects?pull=newspapers&pull-id=gone', { project: 'newspapers' })
    expect(wrapper.text()).toContain('This pull is not known any more')
    await wrapper.find('.dock-empty button').trigger('click')
    await flushPromises()
    expect(wrapper.text()).toContain('3 of 5 done')
  })
})

describe('a pull on some nodes', () => {
  it('is of the nodes that were ticked; those that cannot pull say why', async () => {
    const { wrapper, router } = await show(ProjectView, '/projects/newspapers', {})
    await wrapper.find('[aria-label="Pull on some nodes…"]').trigger('click')
    await flushPromises()
    const rows = [...document.querySelectorAll<HTMLElement>('.pull-node')]
    const row = (name: string) => rows.find((each) => each.textContent?.includes(name))
    const box = (name: string) => row(name)?.querySelector('input')
    expect(box('crawl-03')?.disabled).toBe(true)
    expect(row('crawl-03')?.textContent).toContain('Connection refused: is the daemon running')
    expect([box('crawl-02')?.checked, box('crawl-01')?.checked]).toEqual([true, false])
    box('crawl-01')?.click()
    await flushPromises()
    const yes = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === 'Pull on 2 nodes')
    yes?.click()
    await flushPromises()
    expect(transport.callsTo('pullProject')[0]?.input).toMatchObject({
      params: { project: 'newspapers' },
      body: { nodes: ['crawl-01', 'crawl-02'] },
    })
    expect(router.currentRoute.value.query['pull']).toBe('newspapers')
    expect(document.querySelector('.pull-node')).toBeNull()
  })
})
