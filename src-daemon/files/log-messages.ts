import type { LogSearchResult } from '../api/ports.ts'
import type { IndexedLog } from './log-index.ts'
import type { LogQuery } from './log-query.ts'

/** What the daemon asks the thread that reads logs. */
export type LogRequest =
  | { readonly id: number; readonly ask: 'index'; readonly path: string; readonly patience: number }
  | { readonly id: number; readonly ask: 'search'; readonly path: string; readonly query: LogQuery }
  | { readonly id: number; readonly ask: 'cancel' }

/** Its answers; a cancelled search gets none. */
export type LogReply =
  | { readonly id: number; readonly says: 'index'; readonly index: IndexedLog }
  | { readonly id: number; readonly says: 'search'; readonly result: LogSearchResult }
  | { readonly id: number; readonly says: 'error'; readonly notFound: boolean; readonly message: string }
