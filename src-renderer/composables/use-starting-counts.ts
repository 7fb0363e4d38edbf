import { computed, type ComputedRef } from 'vue'
import { useJobsStore } from '../stores/jobs.ts'

/** Jobs that are starting, by the name of their node. */
export function useStartingCounts(): ComputedRef<ReadonlyMap<string, number>> {
  const jobs = useJobsStore()
  return computed(() => {
    const counts = new Map<string, number>()
    for (const { state, node } of jobs.active) {
      if (state === 'starting' && node !== null) counts.set(node, (counts.get(node) ?? 0) + 1)
    }
    return counts
  })
}
