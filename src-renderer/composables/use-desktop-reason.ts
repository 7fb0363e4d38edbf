import { useI18n } from 'vue-i18n'
import { matchDesktopReason } from '../domain/desktop-reason.ts'
import { CallError } from '../transport/call-error.ts'
import { useErrorText } from './use-error-text.ts'

/** A reason as the main process wrote it, in the page's language where it is one of its own sentences. */
export function useDesktopReason(): (reason: string) => string {
  const { t } = useI18n()
  return (reason) => {
    const match = matchDesktopReason(reason)
    return match === null ? reason : t(`desktop.reason.${match.key}`, match.values)
  }
}

/** Why a call of the desktop failed, in the page's language where main says it in one of its own sentences. */
export function useDesktopError(): (error: unknown) => string {
  const errorText = useErrorText()
  const reasonText = useDesktopReason()
  return (error) => {
    const isOurs = error instanceof CallError && matchDesktopReason(error.message) !== null
    return isOurs ? reasonText(error.message) : errorText(error)
  }
}
