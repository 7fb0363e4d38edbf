import { useI18n } from 'vue-i18n'
import { useToastsStore } from '../stores/toasts.ts'

/** Copies text and says so. Also on plain http, where `navigator.clipboard` does not exist. */
export function useCopy(): (text: string) => Promise<void> {
  const { t } = useI18n()
  const toasts = useToastsStore()
  return async (text) => {
    try {
      if (navigator.clipboard === undefined) copyBySelection(text)
      else await navigator.clipboard.writeText(text)
      toasts.done(t('copied'))
    } catch (error) {
      toasts.error(t('error.copy'), error instanceof Error ? error.message : null)
    }
  }
}

/** The way of insecure origins, which a master in a LAN usually is. */
function copyBySelection(text: string): void {
  const area = document.createElement('textarea')
  const focused = document.activeElement
  area.value = text
  area.className = 'unseen'
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  if (!done) throw new Error('copy')
}
