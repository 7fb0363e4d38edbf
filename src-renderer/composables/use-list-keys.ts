import { nextTick, ref, type Ref } from 'vue'
import { usePreferencesStore } from '../stores/preferences.ts'
import { endsSequence, isTextField } from './use-shortcuts.ts'

export interface ListKeysOptions {
  /** Number of rows now. */
  readonly count: () => number
  readonly onOpen?: (index: number) => void
  readonly onPeek?: (index: number) => void
  readonly onToggle?: (index: number) => void
  readonly onToggleAll?: () => void
  /** ⇧↑ ⇧↓: extends the selection to the row that became active. */
  readonly onExtend?: (from: number, to: number) => void
  /** Rows that PgUp and PgDn go. */
  readonly pageSize?: () => number
  /** Brings a row into view that may not be rendered (virtual lists); the default focuses the row's element. */
  readonly reveal?: (index: number) => void
}

export interface ListKeys {
  /** The row that has the list's one tab stop. */
  readonly active: Ref<number>
  readonly onKeydown: (event: KeyboardEvent) => void
  /** `tabindex` and the mark by which the row's element is found. */
  readonly rowAttributes: (index: number) => { readonly tabindex: 0 | -1; readonly 'data-index': number }
  readonly focus: (index: number) => void
}

/** Keys of a list with one tab stop: ↑ ↓ J K, Home, End, PgUp, PgDn move; ↵ opens, Space peeks, X selects. */
export function useListKeys(container: Ref<HTMLElement | null>, options: ListKeysOptions): ListKeys {
  const preferences = usePreferencesStore()
  const active = ref(0)

  function focus(index: number): void {
    const last = options.count() - 1
    if (last < 0) return
    active.value = Math.max(0, Math.min(index, last))
    options.reveal?.(active.value)
    void nextTick(() => container.value?.querySelector<HTMLElement>(`[data-index="${active.value}"]`)?.focus())
  }

  function step(event: KeyboardEvent, index: number): void {
    const from = active.value
    focus(index)
    if (event.shiftKey) options.onExtend?.(from, active.value)
  }

  function onKeydown(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.isComposing || event.altKey || isTextField(event.target)) return
    if (endsSequence(event)) return
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== 'a' || options.onToggleAll === undefined) return
      options.onToggleAll()
    } else if (!handle(event)) return
    event.preventDefault()
    event.stopPropagation()
  }

  function handle(event: KeyboardEvent): boolean {
    const page = options.pageSize?.() ?? 10
    const isRow = event.target instanceof HTMLElement && event.target.dataset['index'] !== undefined
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    if (/^[a-z]$/.test(key) && !preferences.chosen.shortcuts) return false
    switch (key) {
      case 'ArrowDown':
      case 'j':
        step(event, active.value + 1)
        return true
      case 'ArrowUp':
      case 'k':
        step(event, active.value - 1)
        return true
      case 'Home':
        step(event, 0)
        return true
      case 'End':
        step(event, options.count() - 1)
        return true
      case 'PageDown':
        step(event, active.value + page)
        return true
      case 'PageUp':
        step(event, active.value - page)
        return true
      // Buttons and links inside a row keep their own Enter and Space.
      case 'Enter':
        return isRow && call(options.onOpen)
      case ' ':
        return isRow && call(options.onPeek ?? options.onToggle)
      case 'x':
        return call(options.onToggle)
      default:
        return false
    }
  }

  function call(action: ((index: number) => void) | undefined): boolean {
    if (action === undefined || options.count() === 0) return false
    action(Math.min(active.value, options.count() - 1))
    return true
  }

  function rowAttributes(index: number): { tabindex: 0 | -1; 'data-index': number } {
    const shown = Math.min(active.value, Math.max(0, options.count() - 1))
    return { tabindex: index === shown ? 0 : -1, 'data-index': index }
  }

  return { active, onKeydown, rowAttributes, focus }
}
