import { onScopeDispose, type WatchSource, toValue } from 'vue'
import { usePreferencesStore } from '../stores/preferences.ts'

/**
 * Keys of one layer, by their name: `r`, `shift+e`, `mod+k` (⌘ on a Mac, Ctrl elsewhere), `g o` (one after the other),
 * `Escape`, `?`. A handler that returns false leaves the key to the layers below and to the browser.
 */
export type Keymap = Readonly<Record<string, (event: KeyboardEvent) => unknown>>

export interface ShortcutOptions {
  /** Layers below get no keys (a dialog is open). */
  readonly modal?: boolean
  readonly when?: WatchSource<boolean>
}

interface Layer {
  readonly keymap: Keymap
  readonly options: ShortcutOptions
}

const SEQUENCE_TIME = 1_000
const layers: Layer[] = []
let prefix: { readonly key: string; readonly at: number } | null = null
let isListening = false
let singleKeysAllowed: () => boolean = () => true

/** Adds a layer of keys as long as the component lives. The last one added is asked first. */
export function useShortcuts(keymap: Keymap, options: ShortcutOptions = {}): void {
  const preferences = usePreferencesStore()
  singleKeysAllowed = () => preferences.chosen.shortcuts
  if (!isListening) {
    document.addEventListener('keydown', dispatch)
    isListening = true
  }
  const layer = { keymap, options }
  layers.push(layer)
  onScopeDispose(() => layers.splice(layers.indexOf(layer), 1))
}

/** The name of a pressed key as keymaps use it. */
export function keyName(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const isLetter = /^[a-z]$/.test(key)
  return [
    event.ctrlKey || event.metaKey ? 'mod+' : '',
    event.altKey ? 'alt+' : '',
    // With other characters Shift is a part of the character (`?`).
    event.shiftKey && (isLetter || key.length > 1) ? 'shift+' : '',
    key,
  ].join('')
}

/** Whether typing goes into a field. */
export function isTextField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable) return true
  if (target instanceof HTMLInputElement)
    return !['checkbox', 'radio', 'button', 'submit', 'range'].includes(target.type)
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
}

/** Whether this key ends a sequence that has begun (`g j`): then it is nobody else's, whatever `j` does in a list. */
export function endsSequence(event: KeyboardEvent): boolean {
  if (prefix === null || event.timeStamp - prefix.at >= SEQUENCE_TIME) return false
  const sequence = `${prefix.key} ${keyName(event)}`
  return activeLayers().some(({ keymap }) => keymap[sequence] !== undefined)
}

function dispatch(event: KeyboardEvent): void {
  // `isComposing`: the keys belong to an input method that is making a Chinese character.
  if (event.defaultPrevented || event.isComposing || event.key === 'Process') return
  const name = keyName(event)
  if (!isAllowed(name, event)) return
  const isFresh = prefix !== null && event.timeStamp - prefix.at < SEQUENCE_TIME
  const sequence = isFresh ? `${prefix?.key} ${name}` : null
  prefix = null
  if (sequence !== null && run(sequence, event)) return
  if (run(name, event)) return
  if (startsSequence(name)) prefix = { key: name, at: event.timeStamp }
}

function isAllowed(name: string, event: KeyboardEvent): boolean {
  if (name.startsWith('mod+') || name === 'Escape') return true
  if (isTextField(event.target)) return false
  return event.key.length > 1 || event.key === ' ' || singleKeysAllowed()
}

function run(name: string, event: KeyboardEvent): boolean {
  for (const { keymap, options } of activeLayers()) {
    const handler = keymap[name]
    if (handler !== undefined && handler(event) !== false) {
      event.preventDefault()
      return true
    }
    if (options.modal === true) return false
  }
  return false
}

function startsSequence(name: string): boolean {
  return activeLayers().some(({ keymap }) => Object.keys(keymap).some((key) => key.startsWith(`${name} `)))
}

function activeLayers(): Layer[] {
  const active = layers.filter(({ options }) => options.when === undefined || toValue(options.when)).toReversed()
  const modal = active.findIndex(({ options }) => options.modal === true)
  return modal === -1 ? active : active.slice(0, modal + 1)
}

/** ⌘ on a Mac, Ctrl elsewhere. */
export const MOD = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl '
