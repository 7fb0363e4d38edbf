import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineComponent, h } from 'vue'
import NodesPage from '../../../src-renderer/pages/NodesPage.vue'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { sampleCluster, type SampleCluster } from '../../helpers/sample-cluster.ts'
import { mountInConsole, sampleTransport } from '../console-app.ts'
import type { FakeTransport } from '../fake-transport.ts'
import { wait } from '../wait.ts'

let cluster: SampleCluster
let transport: FakeTransport
const mounted: (() => void)[] = []

beforeEach(() => {
  cluster = sampleCluster()
  transport = sampleTransport(cluster)
})

afterEach(() => {
  for (const unmount of mounted.splice(0)) unmount()
  document.body.replaceChildren()
})

/** Shows a page as the shell does: once the state is there. */
async function show(page: Parameters<typeof mountInConsole>[0], path: string) {
  const whenReady = defineComponent({ setup: () => () => (useLiveStore().isReady ? h(page) : null) })
  const shown = await mountInConsole(whenReady, { transport, path })
  mounted.push(() => shown.wrapper.unmount())
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
