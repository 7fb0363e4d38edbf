import { flushPromises } from '@vue/test-utils'
import { expect, it } from 'vitest'
import SortMenu from '../../../src-renderer/components/job/SortMenu.vue'
import { sampleCluster } from '../../helpers/sample-cluster.ts'
import { sampleTransport, showInConsole } from '../console-app.ts'
import { wait } from '../wait.ts'

/** Opens the menu on a sort, and chooses an entry. */
async function choose(sort: string, entry: string) {
  const { wrapper } = await showInConsole(SortMenu, { transport: sampleTransport(sampleCluster()), props: { sort } })
  await wrapper.find('button').trigger('click')
  await wait(() => document.querySelector('.el-dropdown-menu__item'))
  const items = [...document.querySelectorAll<HTMLElement>('.el-dropdown-menu__item')]
  items.find(({ textContent }) => textContent === entry)?.click()
  await flushPromises()
  return wrapper
}

it.each([
  ['default', 'Priority', '-priority'],
  ['-created', 'Ended', '-ended'],
  ['-priority', 'Priority', 'priority'],
  ['priority', 'Priority', '-priority'],
  ['created', 'State', 'default'],
])('from %s, %s sorts by %s', async (sort, entry, wanted) => {
  const wrapper = await choose(sort, entry)
  expect(wrapper.emitted('sort')).toEqual([[wanted]])
})

it('says what is sorted by', async () => {
  const wrapper = await choose('-ended', 'nothing')
  expect(wrapper.text()).toContain('Sort: Ended')
  const checked = document.querySelector('.el-dropdown-menu__item:has(.menu-check)')
  expect(checked?.textContent).toBe('Ended')
})
