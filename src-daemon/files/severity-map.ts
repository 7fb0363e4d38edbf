const buckets = 4096

/** Where the errors and warnings of a file lie, whose final size nobody knows yet: buckets that double their width. */
export class SeverityMap {
  readonly #errors = new Uint32Array(buckets)
  readonly #warnings = new Uint32Array(buckets)
  #width = 1

  addError(offset: number): void {
    this.#add(this.#errors, offset)
  }

  addWarning(offset: number): void {
    this.#add(this.#warnings, offset)
  }

  /** Counts in `count` equal ranges of a file of `size` bytes. */
  cells(count: number, size: number): { errors: number; warnings: number }[] {
    const cells = Array.from({ length: count }, () => ({ errors: 0, warnings: 0 }))
    for (let bucket = 0; bucket < buckets; bucket++) {
      const errors = this.#errors[bucket] ?? 0
      const warnings = this.#warnings[bucket] ?? 0
      if (errors === 0 && warnings === 0) continue
      const middle = bucket * this.#width + (this.#width - 1) / 2
      const cell = cells[Math.min(count - 1, Math.floor((middle * count) / Math.max(size, 1)))]
      if (cell === undefined) continue
      cell.errors += errors
      cell.warnings += warnings
    }
    return cells
  }

  #add(counts: Uint32Array, offset: number): void {
    while (offset >= buckets * this.#width) this.#widen()
    const bucket = Math.floor(offset / this.#width)
    counts[bucket] = (counts[bucket] ?? 0) + 1
  }

  #widen(): void {
    for (const counts of [this.#errors, this.#warnings]) {
      for (let i = 0; i < buckets / 2; i++) counts[i] = (counts[2 * i] ?? 0) + (counts[2 * i + 1] ?? 0)
      counts.fill(0, buckets / 2)
    }
    this.#width *= 2
  }
}
