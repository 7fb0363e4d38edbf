import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import type { Overview } from '../../src-daemon/api/contract/values.ts'
import { useTransport } from '../composables/use-transport.ts'

/** Milliseconds between the first event that changes the aggregate and asking for it; more events ask once. */
const SETTLE = 100
/** The daemon counts over a day's jobs for it: at most one question in this time. */
const PAUSE = 1_000

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
      Math.max(SETTLE, askedAt + PAUSE - Date.now()),
    )
  }

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
