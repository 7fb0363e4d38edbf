import { defineStore } from 'pinia'
import { onScopeDispose, readonly, ref, shallowRef } from 'vue'
import type { ClusterDraft, ClusterEntry, DesktopState, LocalState, TestResult } from '../../src-main/ipc-contract.ts'
import { useOwnDesktop } from '../composables/use-desktop.ts'

/** The saved clusters and the local master, as main tells of them. */
export const useDesktopClustersStore = defineStore('desktop-clusters', () => {
  const desktop = useOwnDesktop()
  const clusters = shallowRef<readonly ClusterEntry[]>([])
  const local = shallowRef<LocalState | null>(null)
  const noEncryption = ref<string | null>(null)
  const notice = ref<DesktopState['notice']>(null)
  /** A saved one's id, `local`, or null: a new one. */
  const selected = ref<string | null>(null)

  function start(state: DesktopState): void {
    clusters.value = state.clusters
    local.value = state.local
    noEncryption.value = state.noEncryption
    notice.value = state.notice
    selected.value = state.selected ?? state.clusters[0]?.id ?? 'local'
    void desktop.invoke('clusters.check')
  }

  onScopeDispose(
    desktop.onMessage((message) => {
      if (message.type === 'clusters') clusters.value = message.clusters
      else if (message.type === 'local') local.value = message.local
    }),
  )

  function select(id: string | null): void {
    selected.value = id
    notice.value = null
  }

  async function save(draft: ClusterDraft): Promise<ClusterEntry> {
    const entry = await desktop.invoke('clusters.save', draft)
    select(entry.id)
    return entry
  }

  async function remove(id: string): Promise<void> {
    await desktop.invoke('clusters.remove', id)
    select(clusters.value.find((cluster) => cluster.id !== id)?.id ?? 'local')
  }

  const test = (draft: ClusterDraft): Promise<TestResult> => desktop.invoke('clusters.test', draft)
  /** Where it can be opened main loads the page anew, with the console. */
  const open = (id: string, password: string | null): Promise<TestResult> =>
    desktop.invoke('clusters.open', id, password)

  return {
    clusters,
    local,
    noEncryption: readonly(noEncryption),
    notice: readonly(notice),
    selected: readonly(selected),
    start,
    select,
    save,
    remove,
    test,
    open,
  }
})
