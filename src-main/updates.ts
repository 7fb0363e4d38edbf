import { z } from 'zod'
import { describeError } from './ipc-error.ts'
import type { JsonFile } from './json-file.ts'

/** Off until somebody switches it on: without that the app asks nobody for anything. */
export const updateSettings = z.object({ enabled: z.boolean() })
export type UpdateSettings = z.infer<typeof updateSettings>

/** What finds, fetches and installs a newer version of the app. */
export interface Updater {
  /** The newer version there is; null: this one is the newest. */
  find(): Promise<string | null>
  /** Fetches what was found; `onProgress` gets 0…1. */
  download(onProgress: (part: number) => void): Promise<void>
  /** Installs what was fetched, and ends the app. */
  install(): void
}

/** What a person is asked and told. */
export interface UpdateTalk {
  found(version: string): Promise<boolean>
  fetched(version: string): Promise<boolean>
  newest(): void
  failed(reason: string): void
}

interface UpdatesOptions {
  readonly settings: JsonFile<UpdateSettings>
  /** Called the first time that an updater is needed, so never while updates are off. */
  readonly load: () => Promise<Updater>
  readonly talk: UpdateTalk
  /** 0…1; null: over. */
  readonly onProgress: (part: number | null) => void
  /** Ends the app as a person does, with its questions. */
  readonly quit: () => void
}

/** Newer versions of the app: looked for only if that is switched on, fetched and installed only after a yes. */
export class Updates {
  readonly #options: UpdatesOptions
  /** null: not read yet. */
  #isOn: boolean | null = null
  #isBusy = false
  /** What the person has agreed to install at this quit. */
  #agreed: Updater | null = null

  constructor(options: UpdatesOptions) {
    this.#options = options
  }

  get isOn(): boolean {
    return (this.#isOn ??= this.#options.settings.read().enabled)
  }

  set isOn(enabled: boolean) {
    this.#isOn = enabled
    this.#options.settings.write({ enabled })
  }

  /** Looks for a newer version; at the start of the app (`byHand` false) only what was found is told. */
  async check({ byHand }: { readonly byHand: boolean }): Promise<void> {
    const { load, talk } = this.#options
    if (!this.isOn || this.#isBusy) return
    this.#isBusy = true
    let isWanted = byHand
    try {
      const updater = await load()
      const version = await updater.find()
      if (version === null) {
        if (byHand) talk.newest()
        return
      }
      isWanted = await talk.found(version)
      if (isWanted) await this.#fetch(updater, version)
    } catch (error) {
      const { message } = describeError(error)
      if (isWanted) talk.failed(message)
      else console.error('updates could not be looked for:', message)
    } finally {
      this.#isBusy = false
    }
  }

  /** Installs what was agreed to, which ends the app; false: there is nothing to install. */
  install(): boolean {
    const agreed = this.#agreed
    this.#agreed = null
    agreed?.install()
    return agreed !== null
  }

  /** The person stays in the app after all. */
  withdraw(): void {
    this.#agreed = null
  }

  async #fetch(updater: Updater, version: string): Promise<void> {
    const { talk, onProgress, quit } = this.#options
    try {
      onProgress(0)
      await updater.download(onProgress)
    } finally {
      onProgress(null)
    }
    if (!(await talk.fetched(version))) return
    this.#agreed = updater
    quit()
  }
}
