import { safeStorage } from 'electron'
import { z } from 'zod'
import type { JsonFile } from './json-file.ts'

/** Passwords by the id of their cluster, encrypted and in base64. */
export const passwordsFile = z.record(z.string(), z.string())

/**
 * Passwords, encrypted by the system's own store. Where there is none they are kept in memory until the app ends, and
 * never written: Electron's fallback on Linux ("basic_text") is a fixed key, which is no encryption.
 */
export class Passwords {
  readonly #file: JsonFile<Record<string, string>>
  readonly #session = new Map<string, string>()
  /** What the store said when it was to encrypt: somebody may have refused it. */
  #refusal: string | null = null

  constructor(file: JsonFile<Record<string, string>>) {
    this.#file = file
  }

  /** Why passwords cannot be stored; null: they can. */
  get noEncryption(): string | null {
    return this.#noStore ?? this.#refusal
  }

  get #noStore(): string | null {
    if (!safeStorage.isEncryptionAvailable()) {
      return process.platform === 'linux'
        ? 'no secret store (GNOME Keyring, KWallet) answers'
        : 'the system offers no encryption'
    }
    if (process.platform === 'linux' && safeStorage.getSelectedStorageBackend() === 'basic_text') {
      return 'no secret store (GNOME Keyring, KWallet) answers'
    }
    return null
  }

  get(id: string): string | null {
    const kept = this.#session.get(id)
    if (kept !== undefined) return kept
    const stored = this.#file.read()[id]
    if (stored === undefined || this.#noStore !== null) return null
    try {
      return safeStorage.decryptString(Buffer.from(stored, 'base64'))
    } catch {
      // Encrypted by another user or a store that was reset: as good as none.
      return null
    }
  }

  /** Whether there is one, as far as that can be said without decrypting it. */
  has(id: string): boolean {
    return this.#session.has(id) || (Object.hasOwn(this.#file.read(), id) && this.#noStore === null)
  }

  set(id: string, password: string): void {
    this.#session.set(id, password)
    const encrypted = this.#encrypt(password)
    const { [id]: before, ...rest } = this.#file.read()
    // One that cannot be replaced must not come back at the next start.
    if (encrypted !== null) this.#file.write({ ...rest, [id]: encrypted })
    else if (before !== undefined) this.#file.write(rest)
  }

  remove(id: string): void {
    this.#session.delete(id)
    const { [id]: gone, ...rest } = this.#file.read()
    if (gone !== undefined) this.#file.write(rest)
  }

  #encrypt(password: string): string | null {
    if (this.#noStore !== null) return null
    try {
      const encrypted = safeStorage.encryptString(password).toString('base64')
      this.#refusal = null
      return encrypted
    } catch (error) {
      this.#refusal = `the system's secret store refuses (${error instanceof Error ? error.message : String(error)})`
      return null
    }
  }
}
