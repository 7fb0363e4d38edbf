import { i18n } from '../i18n.ts'
import { useToastsStore } from '../stores/toasts.ts'
import type { Desktop } from '../transport/desktop-bridge.ts'

/** Shows for the life of the page how far the files are that main saves, each with a way to stop it. What fails main says itself. */
export function useSavings(desktop: Desktop): void {
  const toasts = useToastsStore()
  const { t } = i18n.global
  /** Toasts by the id of the saving. */
  const shown = new Map<string, number>()

  desktop.onMessage((message) => {
    if (message.type !== 'saving') return
    const { id, name, part, state } = message
    const toast = shown.get(id)
    if (state === 'going') {
      if (toast !== undefined) return toasts.advance(toast, part)
      const run = () => void desktop.invoke('files.stopSaving', id)
      shown.set(id, toasts.going(t('desktop.saving.going', { name }), part, { label: t('desktop.saving.stop'), run }))
      return
    }
    if (toast !== undefined) toasts.close(toast)
    shown.delete(id)
    if (state === 'saved') toasts.done(t('desktop.saving.done', { name }))
  })
}
