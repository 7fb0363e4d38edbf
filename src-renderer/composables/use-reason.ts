import { useI18n } from 'vue-i18n'
import { matchReason } from '../domain/reason.ts'

/**
 * A reason as the daemon wrote it, in the page's language where it is one of the daemon's own sentences. Quoted causes
 * (exceptions, git, signals) stay as they are.
 */
export function useReason(): (reason: string | null) => string {
  const { t, locale } = useI18n()
  return (reason) => {
    if (reason === null || reason === '') return ''
    // English is what the daemon speaks; only a sentence that it began in the middle is taken from our words.
    if (locale.value === 'en' && !/^[a-z]/.test(reason)) return reason
    const match = matchReason(reason)
    return match === null ? reason : t(`reason.${match.key}`, match.values)
  }
}
