import { useI18n } from 'vue-i18n'
import type { Node } from '../../src-daemon/api/contract/values.ts'
import { useClusterStore } from '../stores/cluster.ts'
import { useConfirmationStore } from '../stores/confirmation.ts'
import { useToastsStore } from '../stores/toasts.ts'
import { useErrorText } from './use-error-text.ts'
import { useTransport } from './use-transport.ts'

export interface NodeActions {
  pause(node: Node, note: string | null): Promise<boolean>
  resume(node: Node): Promise<boolean>
  /** Asks first; the node's own daemon runs on. */
  remove(node: Node): Promise<boolean>
  /** Makes the slave of another master ours. Asks first. */
  takeOver(node: Node): Promise<boolean>
}

/** What can be done with nodes, with its question before and its word after. */
export function useNodeActions(): NodeActions {
  const { t } = useI18n()
  const transport = useTransport()
  const cluster = useClusterStore()
  const confirmation = useConfirmationStore()
  const toasts = useToastsStore()
  const errorText = useErrorText()

  async function patch(
    node: Node,
    body: { paused?: boolean; note?: string | null; takeover?: true },
    failed: string,
  ): Promise<boolean> {
    try {
      if (cluster.isMaster) cluster.learnPause(await transport.call('patchNode', { params: { id: node.id }, body }))
      else if (body.paused === true) await transport.call('pauseNode', { body: { note: body.note ?? null } })
      else await transport.call('resumeNode')
      return true
    } catch (error) {
      toasts.error(failed, errorText(error))
      return false
    }
  }

  async function pause(node: Node, note: string | null): Promise<boolean> {
    const done = await patch(node, { paused: true, note }, t('node.pauseFailed', { node: node.name }))
    if (done) toasts.done(t('node.pauseDone', { node: node.name }))
    return done
  }

  async function resume(node: Node): Promise<boolean> {
    const done = await patch(node, { paused: false, note: null }, t('node.resumeFailed', { node: node.name }))
    if (done) toasts.done(t('node.resumeDone', { node: node.name }))
    return done
  }

  async function remove(node: Node): Promise<boolean> {
    const sure = await confirmation.ask({
      title: t('node.removeTitle', { node: node.name }),
      text: t('node.removeText', { n: node.running }, node.running),
      yes: t('node.remove'),
      no: t('node.keep'),
      danger: true,
    })
    if (!sure) return false
    try {
      await transport.call('deleteNode', { params: { id: node.id } })
      toasts.done(t('node.removeDone', { node: node.name }))
      return true
    } catch (error) {
      toasts.error(t('node.removeFailed', { node: node.name }), errorText(error))
      return false
    }
  }

  async function takeOver(node: Node): Promise<boolean> {
    const sure = await confirmation.ask({
      title: t('node.takeOverTitle', { node: node.name }),
      text: t('node.takeOverText'),
      yes: t('node.takeOver'),
      no: t('action.close'),
      danger: true,
    })
    return sure && (await patch(node, { takeover: true }, t('node.takeOverFailed', { node: node.name })))
  }

  return { pause, resume, remove, takeOver }
}
