import { onScopeDispose } from 'vue'
import type { FeedEvent } from '../../src-daemon/api/contract/events.ts'
import { useLiveStore } from '../stores/live.ts'

/** Calls `listener` with the live events, in pieces as they come, while the component lives. */
export function useFeedEvents(listener: (events: readonly FeedEvent[]) => void): void {
  onScopeDispose(useLiveStore().onEvents(listener))
}
