import { flushPromises } from '@vue/test-utils'
import { beforeEach, describe, expect, it } from 'vitest'
import NodePage from '../../../src-renderer/pages/NodePage.vue'
import NodesPage from '../../../src-renderer/pages/NodesPage.vue'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole, whenReady } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

let cluster: SampleCluster
let transport: FakeTransport

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

async function show(page: Parameters<typeof showInConsole>[0], path: string) {
  const shown = await showInConsole(whenReady(page), { transport, path })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  return shown
}

const dialog = () => document.querySelector('[role="dialog"]')

describe('the page of nodes', () => {
  it('opens the dialog for a new node when the address asks for it, also while it is shown', async () => {
    const { router } = await show(NodesPage, '/nodes')
    expect(dialog()).toBeNull()
    await router.push({ name: 'nodes', query: { add: '1' } })
    await wait(() => dialog())
    expect(dialog()?.textContent).toContain('Add node')
    document.querySelector<HTMLElement>('[role="dialog"] [aria-label="Close"]')?.click()
    await flushPromises()
    expect(router.currentRoute.value.query).toEqual({})
  })
})

describe('a row of the nodes', () => {
  it('is peeked and opened by keys, and N adds a node', async () => {
    const { wrapper, router } = await show(NodesPage, '/nodes')
    const press = async (key: string) => {
      const target = document.activeElement ?? document.body
      target.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
      await flushPromises()
    }
    const rows = wrapper.findAll('.tr.two')
    // Those that need somebody come first.
    expect(rows[0]?.text()).toMatch(/^Offline.*crawl-03/)
    ;(rows[0]?.element as HTMLElement | undefined)?.focus()
    await press(' ')
    expect(router.currentRoute.value.query).toEqual({ node: 'n4' })
    expect(wrapper.find('.peek-head').text()).toContain('crawl-03')
    expect(wrapper.text()).toMatch(/Jobs that stay on it.*bbc_world.*Run anyway…/)
    await press('Escape')
    expect(router.currentRoute.value.query).toEqual({})
    await press('n')
    expect(router.currentRoute.value.query).toEqual({ add: '1' })
    await router.replace('/nodes')
    await press('ArrowDown')
    await press('Enter')
    expect(router.currentRoute.value).toMatchObject({ name: 'node', params: { id: 'n3' } })
  })

  it('has the version, and the commits of all projects as a tip; the peek has the version too', async () => {
    const [node] = cluster.nodes
    if (node !== undefined) node.version = '0.4.1'
    const { wrapper } = await show(NodesPage, '/nodes?node=local')
    const row = wrapper.findAll('.tr.two').find((each) => each.text().includes('hq-01'))
    expect(row?.find('.col-version').text()).toBe('0.4.1')
    const lines = row?.find('.node-code > [data-tip].small').attributes('data-tip')?.split('\n')
    expect(lines).toHaveLength(node?.projects.length ?? 0)
    expect(lines).toContain('newspapers  a81d40f')
    expect(wrapper.find('.peek-head').text()).toContain('Version 0.4.1')
  })
})

describe('the history of a node', () => {
  it('says that it could not be read, and reads it again on demand', async () => {
    const { getClusterNode } = transport.answers
    transport.answers.getClusterNode = () => {
      throw new CallError('refused', 'the disk is full', { status: 503 })
    }
    const { wrapper } = await show(NodePage, '/nodes/n1/history')
    expect(wrapper.text()).toContain('The history of crawl-01 could not be read.')
    expect(wrapper.text()).toContain('the disk is full')
    expect(wrapper.text()).not.toContain('Nothing has happened yet.')
    if (getClusterNode !== undefined) transport.answers.getClusterNode = getClusterNode
    const again = wrapper.findAll('button').find((button) => button.text() === 'Try again')
    await again?.trigger('click')
    await flushPromises()
    expect(wrapper.text()).not.toContain('could not be read')
    expect(wrapper.findAll('.history-line').length).toBeGreaterThan(0)
  })

  it('is read again when events are missing', async () => {
    await show(NodePage, '/nodes/n1/history')
    const asked = transport.callsTo('getClusterNode').length
    transport.live({ resumed: false })
    await flushPromises()
    expect(transport.callsTo('getClusterNode')).toHaveLength(asked + 1)
  })
})
