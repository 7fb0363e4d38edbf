import { defineStore } from 'pinia'
import { computed, readonly, ref } from 'vue'
import { useConnectionStore } from './connection.ts'

/**
 * The one timer of the page: everything that counts seconds reads `now` (milliseconds, in the daemon's time). While the
 * stream is cut it stands still at the moment of the cut, so that a duration never runs on without knowing.
 */
export const useClockStore = defineStore('clock', () => {
  const connection = useConnectionStore()
  const local = ref(Date.now())
  setInterval(() => (local.value = Date.now()), 1_000)

  const now = computed(() => (connection.staleSince ?? local.value) + connection.clockOffset)
  return { local: readonly(local), now }
})
