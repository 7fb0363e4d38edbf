import { flushPromises, type VueWrapper } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Router } from 'vue-router'
import AppShell from '../../../src-renderer/components/shell/AppShell.vue'
import ForwardsPage from '../../../src-renderer/pages/ForwardsPage.vue'
import NodesPage from '../../../src-renderer/pages/NodesPage.vue'
import OverviewPage from '../../../src-renderer/pages/OverviewPage.vue'
import { useConfirmationStore } from '../../../src-renderer/stores/confirmation.ts'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { CallError } from '../../../src-renderer/transport/call-error.ts'
import { sampleTransport, showInConsole } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

vi.mock('vue-echarts', () => ({ default: { template: '<i />' } }))

const pages = { overview: OverviewPage, nodes: NodesPage, forwards: ForwardsPage }
let transport: FakeTransport
let wrapper: VueWrapper
let router: Router

beforeEach(() => {
  transport = sampleTransport()
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
    await vi.advanceTimersByTimeAsync(5_000)
    await flushPromises()
    const asked = transport.calls.length
    expect(asked).toBeGreaterThan(3)
    await vi.advanceTimersByTimeAsync(15 * 60_000)
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
