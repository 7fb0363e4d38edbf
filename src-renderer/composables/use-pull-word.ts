import { useI18n } from 'vue-i18n'
import type { PullStep } from '../../src-daemon/api/contract/values.ts'
import { shortCommit } from '../domain/job-view.ts'
import { useReason } from './use-reason.ts'

/** What became of a pull on one node, in a few words; what git said is quoted. */
export function usePullWord(): (step: PullStep) => string {
  const { t } = useI18n()
  const reason = useReason()
  return (step) => {
    if (step.state === 'waiting') return reason(step.message) || t('pull.waiting')
    if (step.state === 'running') return t('pull.fetching')
    if (step.state === 'error') return reason(step.message) || t('pull.interrupted')
    if (step.before !== null && step.after !== null && step.before !== step.after) {
      const moved = `${shortCommit(step.before)} → ${shortCommit(step.after)}`
      return step.changes === null ? moved : `${moved}${t('comma')}${step.changes}`
    }
    return t('pull.upToDate')
  }
}
