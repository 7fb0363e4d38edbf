import { computed, watch, type ComputedRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { useJobsPageStore } from '../stores/jobs-page.ts'

export interface JobNeighbours {
  /** Whether the job is in the list one came from, with others. */
  readonly isInList: ComputedRef<boolean>
  /** The job's own key. */
  readonly job: () => string
  /** The key of the one before (-1) or after it (1); null: there is none. */
  readonly keyOf: (step: 1 | -1) => string | null
  /** Goes there, to the same tab; false: there is none. */
  readonly go: (step: 1 | -1) => boolean
}

/** The jobs before and after one in the list it was opened from. */
export function useJobNeighbours(job: () => string): JobNeighbours {
  const route = useRoute()
  const router = useRouter()
  const list = useJobsPageStore()

  const place = computed(() => list.placeOf(job()))
  // A neighbour may be the first row of a page of the list that was not read yet.
  watch(place, (at) => at !== null && list.want(at - 1, at + 1), { immediate: true })

  const keyOf = (step: 1 | -1) => list.neighbourOf(job(), step)

  function go(step: 1 | -1): boolean {
    const key = keyOf(step)
    if (key === null) return false
    void router.push({ name: 'job', params: { key, tab: route.params['tab'] || null } })
    return true
  }

  return {
    isInList: computed(() => place.value !== null && list.total > 1),
    job,
    keyOf,
    go,
  }
}
