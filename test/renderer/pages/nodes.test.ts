import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Router } from 'vue-router'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import NodeRow from '../../../src-renderer/components/node/NodeRow.vue'
import NodePage from '../../../src-renderer/pages/NodePage.vue'
import NodesPage from '../../../src-renderer/pages/NodesPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { useToastsStore } from '../../../src-renderer/stores/toasts.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

const NodesView = whenReady(NodesPage)
const NodeView = whenReady(NodePage)

let cluster: SampleCluster
let transport: FakeTransport
let wrapper: VueWrapper
let router: Router

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

async function show(view: Parameters<typeof showInConsole>[0], path: string): Promise<void> {
  ;({ wrapper, router } = await showInConsole(view, { transport, path }))
  useLiveStore().start()
  transport.live()
  await flushPromises()
}

const words = (text: string | null | undefined) => (text ?? '').replaceAll(/\s+/g, ' ').trim()
const rowOf = (name: string) => wrapper.findAllComponents(NodeRow).find((row) => row.text().includes(name))
const cellsOf = (name: string) =>
  rowOf(name)
    ?.findAll('[role="gridcell"]')
    .map((cell) => words(cell.text()))
const dialog = () => document.querySelector<HTMLElement>('[role="dialog"]')
const buttonOf = (text: string) =>
  [...document.querySelectorAll('button')].find((element) => element.textContent?.trim().startsWith(text))
const focus = (row: { readonly element: Element } | undefined) => {
  if (row?.element instanceof HTMLElement) row.element.focus()
}
const press = async (key: string) => {
  const target = document.activeElement ?? document.body
  target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
  await flushPromises()
}
const refuse =
  (message: string, status = 409) =>
  () => {
    throw new CallError('refused', message, { status })
  }

describe('the table of nodes', () => {
  it('has state, since, load, latency, version and code, and follows what happens', async () => {
    await show(NodesView, '/nodes')
    // What needs somebody comes first.
    expect(wrapper.findAllComponents(NodeRow)[0]?.text()).toContain('crawl-03')
    expect(cellsOf('crawl-01')?.slice(0, 4)).toEqual([
      'Onlinefor 12 days',
      expect.stringMatching(/^crawl-01 ?10\.20\.0\.21:6800$/),
      '12 of 12, full',
      '2.1 ms',
    ])
    expect(cellsOf('crawl-02')?.slice(5, 7)).toEqual(['0.4.0', 'gov_tenders5be2290local changes+3'])
    expect(cellsOf('crawl-03')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^Offlinefor 14 min/), expect.stringMatching(/last known/)]),
    )
    transport.events({ type: 'load', node: 'n1', pending: 0, running: 5, max_proc: 12, latency_ms: 7.4 })
    const [, , , , away] = cluster.nodes
    transport.events({
      type: 'node',
      node: { ...away, state: 'online', since: new Date().toISOString(), latency_ms: 3 },
    })
    await flushPromises()
    expect(cellsOf('crawl-01')?.slice(2, 4)).toEqual(['5 of 12', '7.4 ms'])
    expect(rowOf('crawl-01')?.findAll('.slots .on')).toHaveLength(5)
    expect(cellsOf('crawl-03')?.[0]).toMatch(/^Online/)
  })

  it('is used by keys alone: move, peek, close, open', async () => {
    await show(NodesView, '/nodes')
    focus(wrapper.findAllComponents(NodeRow)[0])
    await press('ArrowDown')
    await press(' ')
    expect(router.currentRoute.value.query).toEqual({ node: expect.any(String) })
    expect(wrapper.find('.peek-head').exists()).toBe(true)
    await press('Escape')
    expect(wrapper.find('.peek-head').exists()).toBe(false)
    expect(wrapper.findAll('[role="row"][tabindex="0"]')).toHaveLength(1)
    await press('Enter')
    expect(router.currentRoute.value.name).toBe('node')
  })

  it('does not show a node as paused that could not be paused', async () => {
    transport.answers.patchNode = refuse('crawl-01 does not answer', 502)
    await show(NodesView, '/nodes')
    rowOf('crawl-01')?.vm.$emit('choose', 'pause')
    await wait(() => dialog())
    dialog()
      ?.querySelector('form')
      ?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    await flushPromises()
    expect(useToastsStore().toasts).toMatchObject([{ kind: 'error', text: 'crawl-01 does not answer' }])
    expect(dialog()?.querySelector('#pause-note')).not.toBeNull()
    expect(cellsOf('crawl-01')?.[0]).toMatch(/^Online/)
    expect(cellsOf('上海-02')?.[0]).toMatch(/^Paused/)
    transport.answers.patchNode = refuse('上海-02 does not answer', 502)
    rowOf('上海-02')?.vm.$emit('choose', 'resume')
    await flushPromises()
    expect(cellsOf('上海-02')?.[0]).toMatch(/^Paused/)
  })

  it('removes a node after one question; one that could not be removed stays', async () => {
    transport.answers.deleteNode = refuse('it is in slave_hosts')
    await show(NodesView, '/nodes')
    rowOf('crawl-01')?.vm.$emit('choose', 'remove')
    expect(await wait(() => useConfirmationStore().question)).toMatchObject({
      title: 'Remove crawl-01 from the cluster?',
      no: 'Keep node',
      danger: true,
    })
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(useToastsStore().toasts).toMatchObject([{ kind: 'error', text: 'it is in slave_hosts' }])
    expect(rowOf('crawl-01')).toBeDefined()
    transport.events({ type: 'node-removed', id: 'n1' })
    await flushPromises()
    expect(rowOf('crawl-01')).toBeUndefined()
  })

  it('takes over the slave of another master only when that is asked for', async () => {
    const [, node] = cluster.nodes
    transport.answers.addNode = ({ body }) => {
      if (body?.takeover === true) return { ...node, id: 'n9', name: 'crawl-09' }
      throw new CallError('refused', 'crawl-09 has another master', { status: 409 })
    }
    await show(NodesView, '/nodes?add=1')
    const input = await wait(() => document.querySelector<HTMLInputElement>('#node-host'))
    input.value = ' 10.20.0.29:6800 '
    input.dispatchEvent(new Event('input', { bubbles: true }))
    await flushPromises()
    dialog()
      ?.querySelector('form')
      ?.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true }))
    await flushPromises()
    expect(dialog()?.textContent).toContain('crawl-09 has another master')
    expect(rowOf('crawl-09')).toBeUndefined()
    buttonOf('Take over')?.click()
    await flushPromises()
    useConfirmationStore().answer(true)
    await flushPromises()
    expect(transport.callsTo('addNode').at(-1)?.input.body).toMatchObject({ host: '10.20.0.29:6800', takeover: true })
    expect(rowOf('crawl-09')).toBeDefined()
    expect(dialog()).toBeNull()
  })
})

describe('the page of a node', () => {
  it('has its jobs and why it is away, and offers to run them elsewhere', async () => {
    await show(NodeView, '/nodes/n4')
    const text = words(wrapper.text())
    expect(text).toMatch(/Connection refused: is the daemon running, and does it listen on this address\?/)
    expect(wrapper.findAll('.node-columns .line').map((line) => words(line.text()))).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Running ?gov_tenders_gd ?gov_tenders.*Run anyway/),
        expect.stringMatching(/^Pending ?人民日报/),
      ]),
    )
    buttonOf('Run anyway')?.click()
    expect((await wait(() => useConfirmationStore().question)).text).toContain('crawl-03')
    useConfirmationStore().answer(false)
    await flushPromises()
    expect(transport.callsTo('rerunJob')).toEqual([])
  })

  it('keeps the reason of the last failure when the node is back for long', async () => {
    const node = cluster.nodes.find(({ id }) => id === 'n1')
    const at = new Date(Date.now() - 3 * 86_400_000).toISOString()
    if (node !== undefined) Object.assign(node, { last_error: 'Connection refused', last_error_at: at })
    await show(NodeView, '/nodes/n1')
    expect(words(wrapper.find('.fact-pairs').text())).toMatch(/Last failure ?\w+ \d+, [\d:]+ ?Connection refused/)
    expect(wrapper.findAll('.node-columns .line').map((line) => words(line.text()))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^Running ?sina_finance ?newspapers/)]),
    )
  })

  it('has its jobs as one tab stop and those that wait as another; keys open and cancel', async () => {
    await show(NodeView, '/nodes/n4')
    const lists = wrapper.findAll('.node-columns [role=grid]')
    expect(lists.map((list) => list.attributes('aria-label'))).toEqual([
      'Jobs that stay on it',
      'Pending jobs pinned to it',
    ])
    for (const list of lists) {
      const stops = list
        .findAll('[role=row], a, button')
        .filter(({ element }) => (element as HTMLElement).tabIndex >= 0)
      expect(stops).toHaveLength(1)
    }
    const [held, waiting] = lists.map((list) => list.findAll('[role=row]'))
    expect(held).toHaveLength(2)
    focus(held?.[0])
    await press('ArrowDown')
    expect(document.activeElement).toBe(held?.[1]?.element)
    expect(held?.map((row) => row.attributes('tabindex'))).toEqual(['-1', '0'])
    await press('c')
    expect((await wait(() => useConfirmationStore().question)).text).toContain('gets 10 s to close')
    useConfirmationStore().answer(false)
    // One that has not begun is asked nothing.
    focus(waiting?.[0])
    await press('c')
    await wait(() => transport.callsTo('cancelJob').length === 1)
    await press('Enter')
    expect(router.currentRoute.value.params['key']).toBe(
      cluster.jobs.find(({ spider, state }) => spider === '人民日报' && state === 'pending')?.key,
    )
  })

  it.each<[string, string, object, string, string]>([
    ['crawl-01', 'n1', {}, 'None. Jobs of its projects can start here.', '没有任务。其项目的任务可以在此运行。'],
    [
      '上海-02',
      'n3',
      { paused: true },
      'None. It takes new jobs as soon as it is resumed.',
      '没有任务。恢复后才接收新任务。',
    ],
    [
      'crawl-02',
      'n2',
      { projects: [] },
      'None. It takes jobs as soon as it has a project.',
      '没有任务。部署项目后才接收任务。',
    ],
    ['crawl-03', 'n4', {}, 'None. Nothing is held up by it.', '没有任务停留在该节点。'],
  ])('without jobs says what it waits for: %s', async (name, id, change, english, chinese) => {
    cluster.jobs.splice(0)
    const node = cluster.nodes.find((each) => each.id === id)
    Object.assign(node ?? {}, change)
    await show(NodeView, `/nodes/${id}`)
    const text = () => wrapper.find('.node-columns .line span').text()
    expect(text()).toBe(english)
    // One that takes jobs can be given some.
    expect(buttonOf('Run spiders') !== undefined).toBe(name === 'crawl-01')
    await showLanguage('zh-CN')
    await flushPromises()
    expect(text()).toBe(chinese)
  })

  it('without a past says that nothing was run there, and offers to run something', async () => {
    cluster.jobs.splice(0)
    await show(NodeView, '/nodes/n1/jobs')
    expect(words(wrapper.find('.empty').text())).toBe('No jobsNothing was run here yet.Run spiders')
    await wrapper.find('.empty button').trigger('click')
    await wait(() => router.currentRoute.value.query['run'] !== undefined)
    await showLanguage('zh-CN')
    await flushPromises()
    expect(words(wrapper.find('.empty').text())).toBe('没有任务还没有运行过任何任务。运行爬虫')
  })

  it('says that it has no projects', async () => {
    await show(NodeView, '/nodes/n5/projects')
    expect(wrapper.find('.empty').text()).toMatch(/project/i)
  })

  it('says that there is no such node, and leads back', async () => {
    await show(NodeView, '/nodes/gone')
    expect(wrapper.text()).toContain('gone')
    expect(wrapper.find('a[href="/nodes"]').exists()).toBe(true)
  })
})
