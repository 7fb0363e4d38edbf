import { expect, it } from 'vitest'
import { nextTick } from 'vue'
import ObjectHead from '../../../src-renderer/components/shell/ObjectHead.vue'
import { useRecentStore } from '../../../src-renderer/stores/recent.ts'
import { FakeTransport } from '../fake-transport.ts'
import { showInConsole } from '../console-app.ts'

it.each([
  ['/jobs/k1/items?x=1', 'jobs', '/jobs/k1', 'newspapers'],
  ['/projects/gov%20tenders/pulls', 'projects', '/projects/gov%20tenders', ''],
  ['/nodes/n4', 'nodes', '/nodes/n4', ''],
])('the head of %s is a place to come back to', async (path, kind, place, detail) => {
  const trail = [
    { label: 'Jobs', to: '/jobs' },
    { label: 'newspapers', to: '/projects/newspapers' },
  ]
  const { wrapper } = await showInConsole(ObjectHead, {
    transport: new FakeTransport(),
    path,
    props: { title: 'first', trail },
  })
  await wrapper.setProps({ title: 'sina_finance' })
  await nextTick()
  expect(useRecentStore().places).toEqual([{ kind, path: place, title: 'sina_finance', detail }])
})
