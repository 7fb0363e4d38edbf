import { defineStore } from 'pinia'
import { readonly, ref } from 'vue'

/** A job, project or node that was looked at. */
export interface RecentPlace {
  readonly path: string
  readonly kind: 'jobs' | 'projects' | 'nodes'
  readonly title: string
  /** Where it belongs (the project of a job). */
  readonly detail: string
}

const MOST = 8

/** What was looked at of late in this tab, newest first: the palette leads back there. */
export const useRecentStore = defineStore('recent', () => {
  const places = ref<readonly RecentPlace[]>([])

  function visit(place: RecentPlace): void {
    places.value = [place, ...places.value.filter(({ path }) => path !== place.path)].slice(0, MOST)
  }

  return { places: readonly(places), visit }
})
