import { useI18n } from 'vue-i18n'
import { CallError } from '../transport/call-error.ts'

/** Why something failed, in a sentence: the daemon's own words where there are any. */
export function useErrorText(): (error: unknown) => string {
  const { t } = useI18n()
  return (error) => {
    if (!(error instanceof CallError)) return error instanceof Error ? error.message : String(error)
    if (error.failure === 'unreachable') return t('error.unreachable', { cause: error.message })
    if (error.failure === 'unauthorized') return t('error.unauthorized')
    return error.message
  }
}
