import { useI18n } from 'vue-i18n'
import type { Node } from '../../src-daemon/api/contract/values.ts'
import { nodeAddress } from '../domain/node-view.ts'
import { isRefusal } from '../domain/reason.ts'
import { useReason } from './use-reason.ts'

/** Why a node cannot be reached; that nobody listens there is said with the address. */
export function useNodeReason(): (reason: string | null, node: Pick<Node, 'url'> | undefined) => string {
  const { t } = useI18n()
  const reasonText = useReason()
  return (reason, node) => {
    const address = node === undefined ? null : nodeAddress(node)
    return address !== null && isRefusal(reason) ? t('node.refusedBy', { address }) : reasonText(reason)
  }
}
