import type { MetaStore } from '../storage/meta.ts'
import type { Writer } from '../storage/writer.ts'

/** Whether this node takes new jobs; survives a restart. Running jobs are not touched. */
export class Pause {
  readonly #meta: MetaStore
  readonly #writer: Writer
  #state: { readonly paused: boolean; readonly note: string | null }

  constructor(meta: MetaStore, writer: Writer) {
    this.#meta = meta
    this.#writer = writer
    const stored = meta.get('paused')
    this.#state =
      stored === null ? NOT_PAUSED : { paused: true, note: (JSON.parse(stored) as { note: string | null }).note }
  }

  get paused(): boolean {
    return this.#state.paused
  }

  get note(): string | null {
    return this.#state.note
  }

  async pause(note: string | null): Promise<void> {
    await this.#writer.write(() => this.#meta.set('paused', JSON.stringify({ note })))
    this.#state = { paused: true, note }
  }

  async resume(): Promise<void> {
    await this.#writer.write(() => this.#meta.set('paused', null))
    this.#state = NOT_PAUSED
  }
}

const NOT_PAUSED = { paused: false, note: null } as const
