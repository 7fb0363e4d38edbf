import { useI18n } from 'vue-i18n'
import { matchReason, translateReason, type KnownReason } from '../domain/reason.ts'
import { en } from '../locales/en.ts'
import { useFormat } from './use-format.ts'

/**
 * A reason as the daemon wrote it, in the page's language where it is one of the daemon's own sentences. Quoted causes
 * (exceptions, git, signals) stay as they are.
 */
export function useReason(): (reason: string | null) => string {
  const { t, locale } = useI18n()
  const format = useFormat()

  function sentence({ key, values }: KnownReason): string {
    const { seconds } = values
    if (seconds !== undefined && key in en.reasonTimed)
      return t(`reasonTimed.${key}`, { ...values, time: format.duration(Number(seconds)) })
    return t(`reason.${key}`, values)
  }

  return (reason) => {
    if (reason === null || reason === '') return ''
    if (locale.value === 'en') return inEnglish(reason, sentence)
    return translateReason(reason, {
      sentence,
      waits: (nodes) => t('reasons.waits', { nodes }),
      colon: t('reasons.colon'),
      semicolon: t('reasons.semicolon'),
    })
  }
}

/** English is what the daemon speaks; some of its sentences are meant to follow a name, which keeps its own first letter. */
function inEnglish(reason: string, sentence: (known: KnownReason) => string): string {
  const known = matchReason(reason)
  if (known === null) return reason
  const startsInTheMiddle = /^[a-z]/.test(en.reason[known.key as keyof typeof en.reason])
  const text = sentence(known)
  return startsInTheMiddle ? text.charAt(0).toUpperCase() + text.slice(1) : text
}
