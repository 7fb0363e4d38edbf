import { defineStore } from 'pinia'
import { readonly, ref } from 'vue'

/** A short word at the bottom right. Errors stay until they are closed, and are never said only here. */
export interface Toast {
  readonly id: number
  readonly kind: 'done' | 'error' | 'going'
  readonly title: string
  readonly text: string | null
  /** How far it is (0…1) while it goes on; null: that cannot be said. */
  readonly part: number | null
  readonly action: { readonly label: string; readonly run: () => void } | null
}

const SHOWN = 3
const DONE_TIME = 4_000

export const useToastsStore = defineStore('toasts', () => {
  const toasts = ref<Toast[]>([])
  let last = 0

  function add(toast: Omit<Toast, 'id'>): number {
    const id = ++last
    const all = [...toasts.value, { ...toast, id }]
    // An error stays until it is closed: where there are too many, the oldest word of something done goes first.
    const oldest = all.findIndex(({ kind }) => kind === 'done')
    toasts.value = all.length <= SHOWN ? all : all.toSpliced(Math.max(0, oldest), 1)
    if (toast.kind === 'done') setTimeout(() => close(id), DONE_TIME)
    return id
  }

  /** Says that something was done, with one thing that can follow. */
  function done(title: string, action: Toast['action'] = null): number {
    return add({ kind: 'done', title, text: null, part: null, action })
  }

  function error(title: string, text: string | null = null): number {
    return add({ kind: 'error', title, text, part: null, action: null })
  }

  /** Says that something goes on, until it is closed. */
  function going(title: string, part: number | null, action: Toast['action'] = null): number {
    return add({ kind: 'going', title, text: null, part, action })
  }

  function advance(id: number, part: number | null): void {
    toasts.value = toasts.value.map((toast) => (toast.id === id ? { ...toast, part } : toast))
  }

  function close(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }

  return { toasts: readonly(toasts), done, error, going, advance, close }
})
