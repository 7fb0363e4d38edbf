import { mount } from '@vue/test-utils'
import { createPinia, setActivePinia } from 'pinia'
import { nextTick } from 'vue'
import { beforeEach, describe, expect, it } from 'vitest'
import type { DesktopBridge, IpcMessage, SavingMessage } from '../../../src-main/ipc-contract.ts'
import ToastList from '../../../src-renderer/components/shell/ToastList.vue'
import { useSavings } from '../../../src-renderer/composables/use-savings.ts'
import { i18n } from '../../../src-renderer/i18n.ts'
import { Desktop } from '../../../src-renderer/transport/desktop-bridge.ts'

let tell: (message: IpcMessage) => void
let calls: unknown[][]

beforeEach(() => {
  setActivePinia(createPinia())
  calls = []
  const bridge: DesktopBridge = {
    invoke: (...call) => {
      calls.push(call)
      return Promise.resolve({ ok: true, value: null })
    },
    listen: (listener) => (tell = listener),
    pathOf: () => '',
  }
  useSavings(new Desktop(bridge))
})

const saving = (state: SavingMessage['state'], part: number | null, id = '1'): void =>
  tell({ type: 'saving', id, name: 'news.jl', part, state })

function list() {
  return mount(ToastList, { global: { plugins: [i18n] } })
}

describe('a file that main saves', () => {
  it('is shown with how far it is, and with its end', async () => {
    const page = list()
    saving('going', null)
    await nextTick()
    expect(page.text()).toContain('Saving news.jl')
    expect(page.get('progress').attributes('value')).toBeUndefined()
    saving('going', 0.5)
    await nextTick()
    expect(page.get('progress').attributes('value')).toBe('0.5')
    saving('saved', 1)
    await nextTick()
    expect(page.find('progress').exists()).toBe(false)
    expect(page.text()).toContain('news.jl saved')
  })

  it('can be stopped, and nothing more is said then; what fails is said by main', async () => {
    const page = list()
    saving('going', 0.5)
    saving('going', 0.1, '2')
    await nextTick()
    await page.get('button').trigger('click')
    expect(calls).toEqual([['files.stopSaving', ['1']]])
    saving('stopped', null)
    saving('failed', null, '2')
    await nextTick()
    expect(page.findAll('.toast')).toEqual([])
  })
})
