import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import type { LogMatch } from '../../src-daemon/api/contract/values.ts'
import { isAbort } from '../transport/call-error.ts'
import { useTransport } from './use-transport.ts'

export interface LogSearch {
  readonly query: Ref<string>
  readonly isSearching: Readonly<Ref<boolean>>
  readonly error: Readonly<Ref<unknown>>
  /** Matches in the whole file; null while nothing is looked for. */
  readonly total: Readonly<Ref<number | null>>
  /** Which of them is shown, from 0; -1: none yet. */
  readonly current: Readonly<Ref<number>>
  /** The next or previous match, around the ends. */
  readonly go: (step: 1 | -1) => Promise<LogMatch | null>
}

/** After the last key. */
const PAUSE = 250
const PAGE = 1_000

/** Searches the whole log of a job on its node, and walks through what was found. */
export function useLogSearch(key: string, query: Ref<string>, onFound: (match: LogMatch) => void): LogSearch {
  const transport = useTransport()
  const matches = shallowRef<readonly LogMatch[]>([])
  const isSearching = ref(false)
  const error = shallowRef<unknown>(null)
  const total = ref<number | null>(null)
  const current = ref(-1)
  let next: number | null = null
  let controller = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function page(from: number): Promise<void> {
    const { signal } = controller
    isSearching.value = true
    try {
      const reply = await transport.call(
        'searchLog',
        { params: { key }, query: { q: query.value, from, limit: PAGE } },
        { signal },
      )
      if (signal.aborted) return
      matches.value = from === 0 ? reply.matches : [...matches.value, ...reply.matches]
      if (from === 0) total.value = reply.total
      next = reply.next
      error.value = null
    } catch (cause) {
      if (!isAbort(cause)) error.value = cause
    } finally {
      if (!signal.aborted) isSearching.value = false
    }
  }

  async function start(): Promise<void> {
    controller.abort()
    controller = new AbortController()
    matches.value = []
    total.value = null
    current.value = -1
    next = null
    isSearching.value = false
    if (query.value === '') return
    await page(0)
    if (matches.value.length > 0) await go(1)
  }

  async function go(step: 1 | -1): Promise<LogMatch | null> {
    const count = total.value ?? 0
    if (count === 0) return null
    const wanted = current.value === -1 && step === -1 ? count - 1 : (current.value + step + count) % count
    while (wanted >= matches.value.length && next !== null && error.value === null) await page(next)
    const match = matches.value[wanted]
    if (match === undefined) return null
    current.value = wanted
    onFound(match)
    return match
  }

  watch(
    query,
    () => {
      clearTimeout(timer)
      timer = setTimeout(() => void start(), PAUSE)
    },
    { immediate: query.value !== '' },
  )
  onScopeDispose(() => {
    clearTimeout(timer)
    controller.abort()
  })

  return { query, isSearching, error, total: computed(() => total.value), current, go }
}
