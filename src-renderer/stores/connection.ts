import { defineStore } from 'pinia'
import { computed, readonly, ref, shallowRef } from 'vue'
import type { StreamStatus } from '../transport/transport.ts'

/** `connecting`: nothing was ever shown; `reconnecting`: what is shown is the state of `staleSince`. */
export type ConnectionState = 'connecting' | 'live' | 'reconnecting' | 'signed-out'

/** What the event stream's state means for the page. */
export const useConnectionStore = defineStore('connection', () => {
  const status = shallowRef<StreamStatus>({ state: 'connecting' })
  const wasLive = ref(false)
  const retryAt = ref<number | null>(null)
  const staleSince = ref<number | null>(null)
  const reason = ref<string | null>(null)
  const nodeName = ref('')
  /** Milliseconds that the daemon's clock is ahead of ours. */
  const clockOffset = ref(0)
  /** Round trip of a small request in milliseconds; null until it was measured. */
  const latency = ref<number | null>(null)

  const state = computed<ConnectionState>(() => {
    if (status.value.state === 'live') return 'live'
    if (status.value.state === 'unauthorized') return 'signed-out'
    return wasLive.value ? 'reconnecting' : 'connecting'
  })
  const isStale = computed(() => staleSince.value !== null)

  function update(next: StreamStatus): void {
    status.value = next
    if (next.state === 'live') {
      wasLive.value = true
      retryAt.value = staleSince.value = reason.value = null
      nodeName.value = next.nodeName
      clockOffset.value = next.serverNow - next.localNow
    } else if (next.state === 'waiting') {
      retryAt.value = next.retryAt
      reason.value = next.reason
      if (wasLive.value) staleSince.value ??= next.since
    } else {
      retryAt.value = null
    }
  }

  return {
    status: readonly(status),
    state,
    isStale,
    staleSince: readonly(staleSince),
    retryAt: readonly(retryAt),
    reason: readonly(reason),
    nodeName: readonly(nodeName),
    clockOffset: readonly(clockOffset),
    latency,
    update,
  }
})
