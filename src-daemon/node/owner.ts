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
      `This node belongs to the master '${owner.node_name}' (${owner.instance}). Take it over explicitly, or remove it there first (while it is online).`,
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
  #changing: Promise<unknown> = Promise.resolve()

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
    const { instance, node_name } = master
    if (this.#master?.instance === instance && this.#master.node_name === node_name) return this.#master
    return this.#inTurn(async () => {
      if (!takeover) this.requireOwner(instance)
      await this.#store({ instance, node_name }, this.#master?.instance !== instance)
      return master
    })
  }

  /** The owning master lets this node go, so that any master may claim it. What another one says changes nothing. */
  async release(instance: string): Promise<MasterName | null> {
    return this.#inTurn(async () => {
      if (this.#master?.instance === instance) await this.#store(null, true)
      return this.#master
    })
  }

  /** Two masters that claim at once are asked one after the other, or both would find nobody. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changing.then(change)
    this.#changing = done.catch(() => {})
    return done
  }

  async #store(master: MasterName | null, isAnother: boolean): Promise<void> {
    await this.#writer.write(() => {
      this.#meta.set('owner', master === null ? null : JSON.stringify(master))
      if (isAnother) this.#meta.set('acknowledged', null)
    })
    this.#master = master
    if (isAnother) this.#acknowledged = 0
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
