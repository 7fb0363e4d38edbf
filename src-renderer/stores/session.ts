import { defineStore } from 'pinia'
import { readonly, ref } from 'vue'
import { useTransport } from '../composables/use-transport.ts'

/** Who is signed in to this daemon, and whether it asks at all. */
export const useSessionStore = defineStore('session', () => {
  const transport = useTransport()
  const username = ref<string | null>(null)
  const needsPassword = ref(false)
  const isSignedOut = ref(false)

  async function load(): Promise<void> {
    const session = await transport.call('getSession')
    username.value = session.username
    needsPassword.value = session.authentication
    isSignedOut.value = false
  }

  /** Throws CallError: `unauthorized` when name or password are wrong. */
  async function signIn(name: string, password: string): Promise<void> {
    await transport.call('createSession', { body: { username: name, password } })
    await load()
  }

  async function signOut(): Promise<void> {
    await transport.call('deleteSession')
    end()
  }

  /** The daemon does not know this session any more. */
  function end(): void {
    username.value = null
    needsPassword.value = true
    isSignedOut.value = true
  }

  return {
    username: readonly(username),
    needsPassword: readonly(needsPassword),
    isSignedOut: readonly(isSignedOut),
    load,
    signIn,
    signOut,
    end,
  }
})
