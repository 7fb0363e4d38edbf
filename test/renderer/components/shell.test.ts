import { flushPromises } from '@vue/test-utils'
import { expect, it } from 'vitest'
import AppShell from '../../../src-renderer/components/shell/AppShell.vue'
import { useLiveStore } from '../../../src-renderer/stores/live.ts'
import { usePreferencesStore } from '../../../src-renderer/stores/preferences.ts'
import { sampleTransport, showInConsole } from '../console-app.ts'
import { wait } from '../wait.ts'

const press = async (key: string, init: KeyboardEventInit = {}) => {
  document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...init }))
  await flushPromises()
}
const dialog = () => document.querySelector('[role="dialog"]')

it('the shell goes everywhere by keys, which its dialog lists and can switch off', async () => {
  const transport = sampleTransport()
  const { router } = await showInConsole(AppShell, { transport })
  useLiveStore().start()
  transport.live()
  await flushPromises()
  for (const [key, name] of [
    ['j', 'jobs'],
    ['p', 'projects'],
    ['n', 'nodes'],
    ['f', 'forwards'],
    ['o', 'overview'],
  ] as const) {
    await press('g')
    await press(key)
    expect(router.currentRoute.value.name).toBe(name)
  }
  expect(document.querySelector('.app')?.firstElementChild?.textContent).toBe('Skip to the content')

  await press('?')
  await wait(() => dialog()?.textContent?.includes('Keyboard shortcuts'))
  const keys = [...document.querySelectorAll('.shortcut kbd')].map((each) => each.textContent?.replace('Ctrl ', '⌘'))
  const listed =
    '⌘K / G O J P N F R ⌘↵ Esc ? ↑ ↓ J K Home End PgUp PgDn ↵ Space X ⇧↑ ⇧↓ ⌘A [ ] C ⌫ A P N F Home End E ⇧E W 1 2 3 4'
  expect(keys).toEqual(listed.split(' '))
  // Nothing goes to the page below.
  await press('g')
  await press('j')
  expect(router.currentRoute.value.name).toBe('overview')
  document.querySelector<HTMLElement>('[role="dialog"] [aria-label="Close"]')?.click()
  await wait(() => dialog() === null)

  usePreferencesStore().chosen.shortcuts = false
  await press('g')
  await press('j')
  expect(router.currentRoute.value.name).toBe('overview')
  await press('k', { ctrlKey: true })
  await wait(() => document.querySelector('.palette'))
  usePreferencesStore().chosen.shortcuts = true
})
