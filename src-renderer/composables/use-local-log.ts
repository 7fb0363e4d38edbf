import { onScopeDispose, readonly, ref, type Ref } from 'vue'
import { useOwnDesktop } from './use-desktop.ts'

/** So many characters of the log stay on the screen. */
const MOST = 64 * 1024

/** The local master's log while it is shown: its end, and what is written to it. */
export function useLocalLog(): {
  /** null: it is not shown. */
  readonly text: Readonly<Ref<string | null>>
  show(): Promise<void>
  hide(): Promise<void>
} {
  const desktop = useOwnDesktop()
  const text = ref<string | null>(null)
  let stream: string | null = null

  const forget = desktop.onMessage((message) => {
    if (message.type !== 'local-log' || message.stream !== stream) return
    const whole = message.isAnew ? message.text : (text.value ?? '') + message.text
    text.value = whole.length > MOST ? whole.slice(whole.indexOf('\n', whole.length - MOST) + 1) : whole
  })

  async function show(): Promise<void> {
    stream = crypto.randomUUID()
    text.value = ''
    await desktop.invoke('local.followLog', stream)
  }

  async function hide(): Promise<void> {
    const shown = stream
    stream = text.value = null
    if (shown !== null) await desktop.invoke('local.unfollowLog', shown)
  }

  onScopeDispose(() => {
    forget()
    void hide()
  })
  return { text: readonly(text), show, hide }
}
