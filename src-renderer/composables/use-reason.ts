import { useI18n } from 'vue-i18n'
import { matchReason } from '../domain/reason.ts'

/**
 * A reason as the daemon wrote it, in the page's language where it is one of the daemon's own sentences. Quoted causes
 * (exceptions, git, signals) stay as they are.
 */
export function useReason(): (reason: string | null) => string {
  const { t, locale } = useI18n()
  return (reason) => {
    if (reason === null || reason === '' || locale.value === 'en') return reason ?? ''
    const match = matchReason(reason)
    return match === null ? reason : t(`reason.${match.key}`, match.values)
  }
}
