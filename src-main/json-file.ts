import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { z } from 'zod'

/** A small file of settings: checked when it is read, replaced in one step when it is written, for its owner's eyes only. */
export class JsonFile<T> {
  readonly path: string
  readonly #schema: z.ZodType<T>
  readonly #fallback: T

  constructor(path: string, schema: z.ZodType<T>, fallback: T) {
    this.path = path
    this.#schema = schema
    this.#fallback = fallback
  }

  /** What the file says; the fallback where there is none. A file that is not understood is set aside, not overwritten. */
  read(): T {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.#fallback
      throw error
    }
    try {
      return this.#schema.parse(JSON.parse(text))
    } catch {
      renameSync(this.path, `${this.path}.unreadable`)
      return this.#fallback
    }
  }

  write(value: T): void {
    mkdirSync(dirname(this.path), { recursive: true })
    const draft = `${this.path}.new`
    writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 })
    chmodSync(draft, 0o600)
    renameSync(draft, this.path)
  }
}
