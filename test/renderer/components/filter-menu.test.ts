import { expect, it } from 'vitest'
import FilterMenu from '../../../src-renderer/components/job/FilterMenu.vue'
import { sampleTransport, showInConsole } from '../console-app.ts'

const options = ['hq-01', 'crawl-01', 'crawl-02'].map((value) => ({ value, label: value }))

async function show(props: Record<string, unknown>) {
  const { wrapper } = await showInConsole(FilterMenu, {
    transport: sampleTransport(),
    props: { label: 'Node', isLabel: 'Node is', options, modelValue: [], ...props },
  })
  await wrapper.find('.filter-button').trigger('click')
  const chosen = () => wrapper.emitted('update:modelValue')?.at(-1)?.[0]
  return { wrapper, chosen }
}

it('ticks several values, by keys alone', async () => {
  const { wrapper, chosen } = await show({ modelValue: ['crawl-01'] })
  expect(wrapper.find('.filter-button').text()).toBe('Node is crawl-01')
  const [first] = wrapper.findAll('[role=option]')
  expect(document.activeElement).toBe(first?.element)
  await first?.trigger('keydown', { key: 'ArrowDown' })
  await first?.trigger('keydown', { key: 'ArrowDown' })
  expect(document.activeElement?.textContent).toBe('crawl-02')
  ;(document.activeElement as HTMLElement | null)?.click()
  expect(chosen()).toEqual(['crawl-01', 'crawl-02'])
  await wrapper.setProps({ modelValue: ['crawl-01', 'crawl-02'] })
  expect(wrapper.find('.filter-button').text()).toMatch(/^Node is crawl-01.*1/)
  await wrapper.find('.filter').trigger('keydown', { key: 'Escape' })
  expect(wrapper.find('.filter-panel').exists()).toBe(false)
  expect(document.activeElement).toBe(wrapper.find('.filter-button').element)
})

it('takes a name that is not in its list, where that is allowed', async () => {
  const { wrapper, chosen } = await show({ label: 'Spider', isLabel: 'Spider is', free: true })
  const field = wrapper.find('.filter-field')
  expect(document.activeElement).toBe(field.element)
  await field.setValue('old_spider')
  await field.trigger('keydown', { key: 'Enter' })
  expect(chosen()).toEqual(['old_spider'])
  // What stands in the list is found by a part of it.
  await field.setValue('hq')
  await field.trigger('keydown', { key: 'Enter' })
  expect(chosen()).toEqual(['old_spider', 'hq-01'])
})
