import { useI18n } from 'vue-i18n'
import { useRouter } from 'vue-router'
import type { JobFilter } from '../../src-daemon/api/contract/endpoints.ts'
import type { Job } from '../../src-daemon/api/contract/values.ts'
import { useConfirmationStore } from '../stores/confirmation.ts'
import { useToastsStore } from '../stores/toasts.ts'
import { useErrorText } from './use-error-text.ts'
import { useReason } from './use-reason.ts'
import { useTransport } from './use-transport.ts'

/** Jobs for a batch: those named, or all that a filter matches. */
export type JobSelection = { readonly keys: readonly string[] } | { readonly filter: JobFilter }

export interface JobActions {
  /** Cancels one job; asks first when it runs. Resolves to whether the daemon took it. */
  cancel(job: Job): Promise<boolean>
  /** Cancels many; asks once, with what it will really do. */
  cancelMany(selection: JobSelection, counts: { readonly running: number; readonly pending: number }): Promise<boolean>
  /** Runs it again with its arguments, and offers to open the new one. */
  rerun(job: Job): Promise<Job | null>
  rerunMany(selection: JobSelection, count: number): Promise<boolean>
  /** Runs a job elsewhere although it may still run on a node that is out of reach. Asks first. */
  runAnyway(job: Job): Promise<Job | null>
}

/** What can be done with jobs, with its question before and its word after. A refusal is said, never shown as done. */
export function useJobActions(): JobActions {
  const { t } = useI18n()
  const transport = useTransport()
  const router = useRouter()
  const confirmation = useConfirmationStore()
  const toasts = useToastsStore()
  const errorText = useErrorText()
  const reason = useReason()

  async function attempt<T>(title: string, action: () => Promise<T>): Promise<T | null> {
    try {
      return await action()
    } catch (error) {
      toasts.error(title, errorText(error))
      return null
    }
  }

  const open = (job: Job) => ({
    label: t('action.open'),
    run: () => void router.push({ name: 'job', params: { key: job.key } }),
  })

  async function cancel(job: Job): Promise<boolean> {
    if (job.state === 'running' || job.state === 'starting') {
      const sure = await confirmation.ask({
        title: t('cancel.title', { spider: job.spider }),
        text: t('cancel.text', { spider: job.spider }),
        yes: t('action.cancelJob'),
        no: t('action.keepRunning'),
        danger: true,
      })
      if (!sure) return false
    }
    const reply = await attempt(t('cancel.failed', { spider: job.spider }), () =>
      transport.call('cancelJob', { params: { key: job.key }, body: {} }),
    )
    if (reply === null) return false
    toasts.done(reply.node_offline ? t('cancel.stored') : t('cancel.done', { spider: job.spider }))
    return true
  }

  async function cancelMany(
    selection: JobSelection,
    { running, pending }: { running: number; pending: number },
  ): Promise<boolean> {
    const both = running > 0 && pending > 0
    const sure = await confirmation.ask({
      title: both
        ? t('cancel.titleBoth', {
            running: t('cancel.running', { n: running }, running),
            pending: t('cancel.pending', { n: pending }, pending),
          })
        : running > 0
          ? t('cancel.titleRunning', { n: running }, running)
          : t('cancel.titlePending', { n: pending }, pending),
      text: running > 0 ? t('cancel.textMany') : t('cancel.textPending'),
      yes: t('cancel.yesMany', { n: running + pending }, running + pending),
      no: running > 0 ? t('action.keepRunning') : t('action.close'),
      danger: true,
    })
    if (!sure) return false
    const reply = await attempt(t('cancel.failedMany'), () => transport.call('cancelJobs', { body: plain(selection) }))
    if (reply === null) return false
    if (reply.errors.length > 0) {
      toasts.error(
        t('cancel.someFailed', { n: reply.errors.length }, reply.errors.length),
        reason(reply.errors[0]?.message ?? null),
      )
    } else toasts.done(t('cancel.doneMany', { n: reply.cancelled }, reply.cancelled))
    return true
  }

  async function rerun(job: Job): Promise<Job | null> {
    const next = await attempt(t('rerun.failed', { spider: job.spider }), () =>
      transport.call('rerunJob', { params: { key: job.key }, body: {} }),
    )
    if (next !== null) toasts.done(t('rerun.done', { spider: job.spider }), open(next))
    return next
  }

  async function rerunMany(selection: JobSelection, count: number): Promise<boolean> {
    const sure = await confirmation.ask({
      title: t('rerun.title', { n: count }, count),
      text: t('rerun.text'),
      yes: t('rerun.yes', { n: count }, count),
      no: t('action.close'),
      danger: false,
    })
    if (!sure) return false
    const reply = await attempt(t('rerun.failedMany'), () => transport.call('rerunJobs', { body: plain(selection) }))
    if (reply === null) return false
    const refused = reply.results.filter(({ ok }) => !ok)
    if (refused.length > 0)
      toasts.error(t('rerun.someFailed', { n: refused.length }, refused.length), reason(refused[0]?.error ?? null))
    else toasts.done(t('rerun.doneMany', { n: reply.results.length }, reply.results.length))
    return true
  }

  async function runAnyway(job: Job): Promise<Job | null> {
    const sure = await confirmation.ask({
      title: t('anyway.title', { spider: job.spider }),
      text: t('anyway.text', { node: job.node ?? job.pinned_node ?? '' }),
      yes: t('action.runAnyway'),
      no: t('action.close'),
      danger: true,
    })
    if (!sure) return null
    const next = await attempt(t('rerun.failed', { spider: job.spider }), () =>
      transport.call('rerunJob', { params: { key: job.key }, body: { anyway: true } }),
    )
    if (next !== null) toasts.done(t('rerun.done', { spider: job.spider }), open(next))
    return next
  }

  return { cancel, cancelMany, rerun, rerunMany, runAnyway }
}

function plain(selection: JobSelection): { keys: string[] } | { filter: JobFilter } {
  return 'keys' in selection ? { keys: [...selection.keys] } : { filter: selection.filter }
}
