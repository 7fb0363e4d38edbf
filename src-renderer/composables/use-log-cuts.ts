import { computed, readonly, shallowRef, watch, type Ref } from 'vue'
import { useConnectionStore } from '../stores/connection.ts'
import type { LogView } from './use-log-view.ts'

/** A place where the way to a log was cut and its lines went on behind it. */
export interface LogCut {
  /** The byte up to which it had come. */
  readonly offset: number
  readonly seconds: number
}

/** Where the log that is shown was cut: by our own connection, or by the one to its node. */
export function useLogCuts(view: Pick<LogView, 'status' | 'size'>): Readonly<Ref<readonly LogCut[]>> {
  const connection = useConnectionStore()
  const cuts = shallowRef<readonly LogCut[]>([])
  let begin: { readonly at: number; readonly offset: number } | null = null

  const isCut = computed(() => view.status.value === 'away' || (connection.isStale && view.status.value === 'live'))
  watch(isCut, (cut) => {
    if (cut) begin = { at: connection.staleSince ?? Date.now(), offset: view.size.value }
    else if (begin !== null) {
      const { at, offset } = begin
      begin = null
      // A log that nothing was seen of has not gone on.
      if (offset > 0) cuts.value = [...cuts.value, { offset, seconds: Math.max(0, Date.now() - at) / 1_000 }]
    }
  })
  // The file was begun anew: its places are others.
  watch(view.size, (size, before) => {
    if (size < before) cuts.value = []
  })
  return readonly(cuts) as Readonly<Ref<readonly LogCut[]>>
}
