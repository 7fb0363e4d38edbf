import type { ClusterEntry, LocalState, TestResult } from '../../src-main/ipc-contract.ts'
import type { NodeStatus } from './node-view.ts'

/** The shape that stands for what a cluster last said. */
export function resultGlyph(entry: Pick<ClusterEntry, 'result' | 'isAsking'>): NodeStatus | 'starting' {
  const { result, isAsking } = entry
  if (result === null) return isAsking ? 'starting' : 'unknown'
  if (result.kind === 'connected') return 'online'
  return result.kind === 'not-a-master' || result.kind === 'password-needed' ? 'unknown' : 'offline'
}

/** Whether somebody may have to act: then the word has a colour too. */
export function isBad(result: TestResult | null): boolean {
  return result !== null && !['connected', 'not-a-master', 'password-needed'].includes(result.kind)
}

/** The shape of the local master's state. */
export function localGlyph({ state }: Pick<LocalState, 'state'>): NodeStatus | 'starting' {
  switch (state) {
    case 'running':
      return 'online'
    case 'starting':
    case 'waiting':
    case 'stopping':
      return 'starting'
    case 'failed':
      return 'offline'
    default:
      return 'unknown'
  }
}
