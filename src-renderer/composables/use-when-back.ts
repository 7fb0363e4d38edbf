import { watch } from 'vue'
import { useConnectionStore } from '../stores/connection.ts'

/**
 * Calls `again` whenever the event stream is there again: what could not be read during a cut is asked for by itself.
 * Ends with the scope.
 */
export function useWhenBack(again: () => void): void {
  const connection = useConnectionStore()
  watch(
    () => connection.state === 'live',
    (isLive) => {
      if (isLive) again()
    },
  )
}
