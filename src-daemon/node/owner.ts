import { ConflictError } from '../errors.ts'
import type { MetaStore } from '../storage/meta.ts'
import type { Writer } from '../storage/writer.ts'

/** A master as a slave knows it. */
export interface MasterName {
  readonly instance: string
  readonly node_name: string
}

/** This slave belongs to another master. */
export class ForeignMasterError extends ConflictError {
  override readonly code = 'foreign'
  readonly owner: MasterName

  constructor(owner: MasterName) {
    super(
      `This node belongs to the master '${owner.node_name}' (${owner.instance}). Take it over explicitly, or remove it there first.`,
    )
    this.owner = owner
  }
}

/** The master that this slave belongs to. One at a time; another one has to take it over explicitly. */
export class Owner {
  readonly #meta: MetaStore
  readonly #writer: Writer
  #master: MasterName | null
  #acknowledged: number

  constructor(meta: MetaStore, writer: Writer) {
    this.#meta = meta
    this.#writer = writer
    this.#master = this.#stored()
    this.#acknowledged = Number(meta.get('acknowledged') ?? 0)
  }

  get master(): MasterName | null {
    return this.#master
  }

  /** Number of the event up to which the master has stored everything. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Throws ForeignMasterError when another master owns this node. */
  requireOwner(instance: string): void {
    if (this.#master !== null && this.#master.instance !== instance) throw new ForeignMasterError(this.#master)
  }

  /** A master claims this node. Throws ForeignMasterError without `takeover` when there is another one. */
  async claim(master: MasterName, takeover: boolean): Promise<MasterName> {
    if (!takeover) this.requireOwner(master.instance)
    if (this.#master?.instance === master.instance && this.#master.node_name === master.node_name) return this.#master
    const changed = await this.#writer.write(() => {
      // Of two claims in one turn the first counts.
      const before = this.#stored()
      const changed = before?.instance !== master.instance
      if (before !== null && changed && !takeover) throw new ForeignMasterError(before)
      this.#meta.set('owner', JSON.stringify(master))
      if (changed) this.#meta.set('acknowledged', null)
      return changed
    })
    this.#master = master
    if (changed) this.#acknowledged = 0
    return master
  }

  /** The master has everything up to `seq`. */
  async acknowledge(instance: string, seq: number): Promise<void> {
    this.requireOwner(instance)
    if (seq <= this.#acknowledged) return
    await this.#writer.write(() => {
      this.#meta.set('acknowledged', String(Math.max(seq, Number(this.#meta.get('acknowledged') ?? 0))))
    })
    this.#acknowledged = Math.max(seq, this.#acknowledged)
  }

  #stored(): MasterName | null {
    const stored = this.#meta.get('owner')
    return stored === null ? null : (JSON.parse(stored) as MasterName)
  }
}
