import { watchEffect } from 'vue'
import { useClusterStore } from '../stores/cluster.ts'

/** The tab's title: what is shown, then the cluster. */
export function usePageTitle(title: () => string): void {
  const cluster = useClusterStore()
  watchEffect(() => {
    document.title = [title(), cluster.name].filter((part) => part !== '').join(' · ')
  })
}
