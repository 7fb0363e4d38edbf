import { onScopeDispose, readonly, ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'
import { useLiveStore } from '../stores/live.ts'
import { isAbort } from '../transport/call-error.ts'
import { useWhenBack } from './use-when-back.ts'

export interface Remote<T> {
  readonly data: ShallowRef<T | null>
  readonly error: Readonly<ShallowRef<unknown>>
  readonly isLoading: Readonly<Ref<boolean>>
  reload(): Promise<void>
}

/**
 * Data that a page reads by itself. Asked again when `source` changes (what was there before goes) and when events are
 * missing (what was there stays until the new is there), and what failed once the daemon is back. Ends with the component.
 */
export function useRemote<S, T>(source: () => S, read: (source: S, signal: AbortSignal) => Promise<T>): Remote<T> {
  const live = useLiveStore()
  const data = shallowRef<T | null>(null)
  const error = shallowRef<unknown>(null)
  const isLoading = ref(false)
  let current: AbortController | null = null

  async function reload(): Promise<void> {
    current?.abort()
    const controller = new AbortController()
    current = controller
    isLoading.value = true
    try {
      const value = await read(source(), controller.signal)
      if (current !== controller) return
      data.value = value
      error.value = null
    } catch (cause) {
      if (current === controller && !isAbort(cause)) error.value = cause
    } finally {
      if (current === controller) isLoading.value = false
    }
  }

  watch(
    source,
    () => {
      data.value = null
      error.value = null
      void reload()
    },
    { immediate: true },
  )
  useWhenBack(() => error.value !== null && void reload())
  const forget = live.onReset(() => void reload())
  onScopeDispose(() => {
    forget()
    current?.abort()
    current = null
  })

  return { data, error: readonly(error) as Readonly<ShallowRef<unknown>>, isLoading: readonly(isLoading), reload }
}
