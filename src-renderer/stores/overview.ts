import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Overview } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'
import { useWhenBack } from '../composables/use-when-back.ts'

/** Milliseconds between the first event that changes the aggregate and asking for it; more events ask once. */
const SETTLE = 50
/**
 * The daemon counts over a day's jobs for it. So many times as long as the last answer took (but not longer than a second) no
 * other is asked for: a small cluster is shown at once, a large one is not kept busy by those who look at it.
 */
const PAUSE_SHARE = 5
const LONGEST_PAUSE = 1_000

/** The aggregate of the first page, asked again when events say that it has changed. Nothing polls. */
export const useOverviewStore = defineStore('overview', () => {
  const transport = useTransport()
  const overview = shallowRef<Overview | null>(null)
  const error = shallowRef<unknown>(null)
  const isLoading = ref(false)
  let watchers = 0
  let isOutdated = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let askedAt = 0
  let pause = 0

  async function load(): Promise<void> {
    isLoading.value = true
    isOutdated = false
    askedAt = Date.now()
    try {
      overview.value = await transport.call('overview')
      error.value = null
    } catch (cause) {
      error.value = cause
    } finally {
      isLoading.value = false
      pause = Math.min(LONGEST_PAUSE, PAUSE_SHARE * (Date.now() - askedAt))
    }
  }

  function apply(events: readonly FeedEvent[]): void {
    if (!events.some(changesOverview)) return
    isOutdated = true
    if (watchers > 0) schedule()
  }

  function schedule(): void {
    if (timer !== undefined) return
    timer = setTimeout(
      () => {
        timer = undefined
        void load()
      },
      Math.max(SETTLE, askedAt + pause - Date.now()),
    )
  }

  useWhenBack(() => error.value !== null && watchers > 0 && void load())

  /** Keeps the aggregate fresh until the returned function is called. */
  function watch(): () => void {
    watchers += 1
    if (overview.value === null || isOutdated) void load()
    return () => {
      watchers -= 1
    }
  }

  return { overview, error, isLoading, load, apply, watch }
})

function changesOverview({ type }: FeedEvent): boolean {
  return (
    type === 'job' || type === 'node' || type === 'node-removed' || type === 'project' || type === 'project-removed'
  )
}
