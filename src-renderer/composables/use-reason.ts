import { useI18n } from 'vue-i18n'
import { matchReason, translateReason } from '../domain/reason.ts'
import { en } from '../locales/en.ts'

/**
 * A reason as the daemon wrote it, in the page's language where it is one of the daemon's own sentences. Quoted causes
 * (exceptions, git, signals) stay as they are.
 */
export function useReason(): (reason: string | null) => string {
  const { t, locale } = useI18n()
  return (reason) => {
    if (reason === null || reason === '') return ''
    if (locale.value === 'en')
      return startsInTheMiddle(reason) ? reason.charAt(0).toUpperCase() + reason.slice(1) : reason
    return translateReason(reason, {
      sentence: ({ key, values }) => t(`reason.${key}`, values),
      waits: (nodes) => t('reasons.waits', { nodes }),
      colon: t('reasons.colon'),
      semicolon: t('reasons.semicolon'),
    })
  }
}

/** English is what the daemon speaks; some of its sentences are meant to follow a name, which keeps its own first letter. */
function startsInTheMiddle(reason: string): boolean {
  const known = matchReason(reason)
  return known !== null && /^[a-z]/.test(en.reason[known.key as keyof typeof en.reason])
}
