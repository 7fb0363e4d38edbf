import { useI18n } from 'vue-i18n'
import { matchDesktopReason } from '../domain/desktop-reason.ts'

/** A reason as the main process wrote it, in the page's language where it is one of its own sentences. */
export function useDesktopReason(): (reason: string) => string {
  const { t } = useI18n()
  return (reason) => {
    const match = matchDesktopReason(reason)
    return match === null ? reason : t(`desktop.reason.${match.key}`, match.values)
  }
}
