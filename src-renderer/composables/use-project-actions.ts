import { useI18n } from 'vue-i18n'
import type { Project } from '../../src-daemon/api/contract/values.ts'
import { useConfirmationStore } from '../stores/confirmation.ts'
import { usePullsStore } from '../stores/pulls.ts'
import { useToastsStore } from '../stores/toasts.ts'
import { useErrorText } from './use-error-text.ts'
import { useReason } from './use-reason.ts'
import { useRunLink } from './use-run-link.ts'
import { useTransport } from './use-transport.ts'

export interface ProjectActions {
  /** Pulls the code on all nodes, or on those named, and opens the dock. */
  pull(project: string, nodes?: readonly string[]): Promise<boolean>
  pullAll(projects: readonly Project[]): Promise<void>
  /** Takes it out of service on every node. Asks first; code on disk stays. */
  remove(project: Project): Promise<boolean>
}

/** What can be done with projects, with its question before and its word after. */
export function useProjectActions(): ProjectActions {
  const { t } = useI18n()
  const transport = useTransport()
  const pulls = usePullsStore()
  const confirmation = useConfirmationStore()
  const toasts = useToastsStore()
  const errorText = useErrorText()
  const link = useRunLink()
  const reason = useReason()

  async function start(project: string, nodes?: readonly string[]): Promise<boolean> {
    try {
      await pulls.start(project, nodes)
      return true
    } catch (error) {
      toasts.error(t('pull.failed', { project }), errorText(error))
      return false
    }
  }

  async function pull(project: string, nodes?: readonly string[]): Promise<boolean> {
    const started = await start(project, nodes)
    if (started) link.pull(project)
    return started
  }

  async function pullAll(projects: readonly Project[]): Promise<void> {
    const started = await Promise.all(projects.map(({ name }) => start(name)))
    const first = projects.find((_, index) => started[index])
    if (first !== undefined) link.pull(first.name)
  }

  async function remove(project: Project): Promise<boolean> {
    const { name, running, pending } = project
    const jobs = [
      running > 0 ? t('project.removeJobsRunning', { n: running }, running) : '',
      pending > 0 ? t('project.removeJobsPending', { n: pending }, pending) : '',
    ].filter((part) => part !== '')
    const after = jobs.length === 0 ? '' : t('gap') + jobs.join(t('comma')) + t('fullStop')
    const sure = await confirmation.ask({
      title: t('project.removeTitle', { project: name }),
      text: t('project.removeText') + after,
      yes: t('project.remove'),
      no: t('project.keep'),
      danger: true,
    })
    if (!sure) return false
    try {
      const { details } = await transport.call('deleteProject', { params: { project: name } })
      const failed = details.filter(({ ok }) => !ok)
      if (failed.length === 0) toasts.done(t('project.removeDone', { project: name }))
      else
        toasts.error(
          t('project.removePartly', { project: name }),
          failed.map(({ node, message }) => `${node}: ${reason(message)}`).join('\n'),
        )
      return true
    } catch (error) {
      toasts.error(t('project.removeFailed', { project: name }), errorText(error))
      return false
    }
  }

  return { pull, pullAll, remove }
}
