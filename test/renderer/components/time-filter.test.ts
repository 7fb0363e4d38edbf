import { flushPromises, type DOMWrapper, type VueWrapper } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import TimeFilter from '../../../src-renderer/components/job/TimeFilter.vue'
// It is fetched when it is needed; here it is there already.
import '../../../src-renderer/components/job/TimeRangeForm.vue'
import { showLanguage } from '../../../src-renderer/i18n.ts'
import { sampleTransport, showInConsole } from '../console-app.ts'
import { wait } from '../wait.ts'

async function show(from = '', to = ''): Promise<VueWrapper> {
  const { wrapper } = await showInConsole(TimeFilter, { transport: sampleTransport(), props: { from, to } })
  return wrapper
}

async function open(wrapper: VueWrapper): Promise<void> {
  await wrapper.find('.filter-button').trigger('click')
  await wait(() => wrapper.find('.time-range').exists())
}

/** Types a moment, as the operator's clock reads it. */
async function type(wrapper: VueWrapper, field: string, text: string): Promise<void> {
  const input = wrapper.find(`#${field}`) as DOMWrapper<HTMLInputElement>
  await input.setValue(text)
  await input.trigger('change')
  await flushPromises()
}

const iso = (local: string) => new Date(local).toISOString().replace('.000Z', 'Z')

describe('the time filter', () => {
  it.each([
    ['-24h', '', /Within\s+last 24 h/],
    ['-90m', '', /Within\s+last 1 h 30 min/],
    ['2026-03-01T10:00:00Z', '', /Time\s+since Mar 1/],
    ['', '2026-03-01T10:00:00Z', /Time\s+until Mar 1/],
    ['2026-03-01T10:00:00Z', '2026-03-05T10:00:00Z', /Time\s+Mar 1.* – Mar 5/],
    ['2019-03-01T10:00:00Z', '', /Time\s+since Mar 1, 2019/],
  ])('says what is set: from %s to %s', async (from, to, words) => {
    const wrapper = await show(from, to)
    expect(wrapper.find('.filter-button').text()).toMatch(words)
    await wrapper.find('.filter-clear').trigger('click')
    expect(wrapper.emitted('change')).toEqual([[{ from: '', to: '' }]])
    expect(document.activeElement).toBe(wrapper.find('.filter-button').element)
  })

  it('offers spans, which are ticked, and gives the focus back', async () => {
    const wrapper = await show('-7d')
    await open(wrapper)
    expect(wrapper.find('[aria-selected=true]').text()).toBe('last 7 days')
    const first = wrapper.find('[role=option]')
    expect(document.activeElement).toBe(first.element)
    await first.trigger('keydown', { key: 'ArrowDown' })
    expect(document.activeElement?.textContent).toContain('last 24 h')
    await first.trigger('click')
    expect(wrapper.emitted('change')).toEqual([[{ from: '-1h', to: '' }]])
    expect(wrapper.find('.filter-panel').exists()).toBe(false)
    expect(document.activeElement).toBe(wrapper.find('.filter-button').element)
  })

  it('takes two moments that are typed', async () => {
    const wrapper = await show()
    await open(wrapper)
    await type(wrapper, 'time-from', '2026-11-20 08:30')
    await type(wrapper, 'time-to', '2026-11-21 18:00')
    await wrapper.find('form').trigger('submit')
    expect(wrapper.emitted('change')).toEqual([[{ from: iso('2026-11-20T08:30'), to: iso('2026-11-21T18:00') }]])
  })

  it('keeps a relative begin when only an end is added', async () => {
    vi.setSystemTime('2026-11-22T12:00:00Z')
    const wrapper = await show('-7d')
    await open(wrapper)
    await type(wrapper, 'time-to', '2026-11-20 08:30')
    await wrapper.find('form').trigger('submit')
    expect(wrapper.emitted('change')).toEqual([[{ from: '-7d', to: iso('2026-11-20T08:30') }]])
    vi.useRealTimers()
  })

  it('refuses an end before the begin, and what is no moment', async () => {
    const wrapper = await show('2026-11-20T08:30:00Z')
    await open(wrapper)
    await type(wrapper, 'time-to', '2026-11-01 00:00')
    expect(wrapper.find('[role=alert]').text()).toBe('The end is before the begin.')
    await wrapper.find('form').trigger('submit')
    expect(wrapper.emitted('change')).toBeUndefined()
    await type(wrapper, 'time-to', 'tomorrow, or so')
    await wrapper.find('form').trigger('submit')
    expect(JSON.stringify(wrapper.emitted('change') ?? [])).not.toContain('tomorrow')
  })

  it('speaks Chinese', async () => {
    const wrapper = await show('-24h')
    await showLanguage('zh-CN')
    await open(wrapper)
    expect(wrapper.text()).toMatch(/时间范围\s+最近 24 小时/)
    expect(wrapper.find('.time-range').text()).toMatch(/从[\s\S]*到[\s\S]*显示/)
    await showLanguage('en')
  })
})
