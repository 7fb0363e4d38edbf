import { useI18n } from 'vue-i18n'
import { CallError } from '../transport/call-error.ts'
import { useReason } from './use-reason.ts'

/** Why something failed, in a sentence: the daemon's words where there are any, in the page's language if they are its own. */
export function useErrorText(): (error: unknown) => string {
  const { t } = useI18n()
  const reason = useReason()
  return (error) => {
    if (!(error instanceof CallError)) return error instanceof Error ? error.message : String(error)
    if (error.failure === 'unreachable') return t('error.unreachable', { cause: error.message })
    if (error.failure === 'unauthorized') return t('error.unauthorized')
    return reason(error.message)
  }
}
