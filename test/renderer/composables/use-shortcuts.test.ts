import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useShortcuts, type Keymap, type ShortcutOptions } from '../../../src-renderer/composables/use-shortcuts.ts'
import { usePreferencesStore } from '../../../src-renderer/stores/preferences.ts'
import { runInConsole } from '../console-app.ts'
import { FakeTransport } from '../fake-transport.ts'

const open: (() => void)[] = []
let field: HTMLInputElement

beforeEach(() => {
  field = document.createElement('input')
  document.body.append(field)
})

afterEach(() => {
  for (const close of open.splice(0)) close()
  document.body.replaceChildren()
})

async function layer(keymap: Keymap, options: ShortcutOptions = {}): Promise<() => void> {
  const { unmount } = await runInConsole(() => useShortcuts(keymap, options), { transport: new FakeTransport() })
  open.push(unmount)
  return unmount
}

function press(key: string, options: KeyboardEventInit & { readonly target?: EventTarget } = {}): KeyboardEvent {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...options })
  ;(options.target ?? document.body).dispatchEvent(event)
  return event
}

describe('useShortcuts', () => {
  it('knows letters, shift, ⌘ and Ctrl, and characters that need shift', async () => {
    const pressed: string[] = []
    await layer(
      Object.fromEntries(
        ['e', 'shift+e', 'mod+k', '?', 'Escape', 'shift+ArrowUp'].map((name) => [name, () => pressed.push(name)]),
      ),
    )
    press('e')
    press('E', { shiftKey: true })
    press('k', { ctrlKey: true })
    press('k', { metaKey: true })
    press('?', { shiftKey: true })
    press('ArrowUp', { shiftKey: true })
    press('Escape')
    expect(pressed).toEqual(['e', 'shift+e', 'mod+k', 'mod+k', '?', 'shift+ArrowUp', 'Escape'])
  })

  it('keeps a key from the browser only when it was used', async () => {
    await layer({ a: () => {}, b: () => false })
    expect([press('a').defaultPrevented, press('b').defaultPrevented, press('c').defaultPrevented]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('leaves text fields alone, but for ⌘ and Esc', async () => {
    const letter = vi.fn()
    const command = vi.fn()
    await layer({ r: letter, 'mod+k': command, Escape: command })
    press('r', { target: field })
    press('k', { ctrlKey: true, target: field })
    press('Escape', { target: field })
    expect(letter).not.toHaveBeenCalled()
    expect(command).toHaveBeenCalledTimes(2)
  })

  it('does not take keys that an input method is composing with', async () => {
    const run = vi.fn()
    await layer({ r: run, Escape: run })
    press('r', { isComposing: true })
    press('Process')
    expect(run).not.toHaveBeenCalled()
  })

  it('knows keys one after the other', async () => {
    const jobs = vi.fn()
    const alone = vi.fn()
    await layer({ 'g j': jobs, j: alone })
    press('g')
    press('j')
    press('j')
    expect(jobs).toHaveBeenCalledOnce()
    expect(alone).toHaveBeenCalledOnce()
  })

  it('forgets the first key when something else follows', async () => {
    const jobs = vi.fn()
    await layer({ 'g j': jobs })
    press('g')
    press('x')
    press('j')
    expect(jobs).not.toHaveBeenCalled()
  })

  it('asks the last layer first, which can pass a key on', async () => {
    const log: string[] = []
    await layer({ r: () => log.push('below'), p: () => log.push('below') })
    await layer({ r: () => log.push('above'), p: () => false })
    press('r')
    press('p')
    expect(log).toEqual(['above', 'below'])
  })

  it('gives nothing to the page under a dialog', async () => {
    const below = vi.fn()
    await layer({ r: below })
    const close = await layer({}, { modal: true })
    press('r')
    expect(below).not.toHaveBeenCalled()
    close()
    open.pop()
    press('r')
    expect(below).toHaveBeenCalledOnce()
  })

  it('rests while its condition is false', async () => {
    let isOn = false
    const run = vi.fn()
    await layer({ r: run }, { when: () => isOn })
    press('r')
    isOn = true
    press('r')
    expect(run).toHaveBeenCalledOnce()
  })

  it('can have its single letters switched off', async () => {
    const run = vi.fn()
    await layer({ r: run, 'mod+k': run, ArrowDown: run })
    usePreferencesStore().chosen.shortcuts = false
    press('r')
    press('k', { ctrlKey: true })
    press('ArrowDown')
    expect(run).toHaveBeenCalledTimes(2)
    usePreferencesStore().chosen.shortcuts = true
  })
})
