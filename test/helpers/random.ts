/** Numbers that look random and come again with the same seed. */
export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = seed >>> 0
  }

  /** Seeded by SCRAPYD_SERVICE_TEST_SEED where it is set, so that a run can be repeated; tells which seed it is. */
  static ofRun(what: string): Random {
    const given = Number(process.env['SCRAPYD_SERVICE_TEST_SEED'] ?? Number.NaN)
    const seed = Number.isInteger(given) ? given : Date.now() % 1_000_000_000
    console.info(`${what}: SCRAPYD_SERVICE_TEST_SEED=${seed}`)
    return new Random(seed)
  }

  /** At least 0, less than 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number, `from` and `to` included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1))
  }

  oneOf<T>(values: readonly T[]): T | undefined {
    return values[this.between(0, values.length - 1)]
  }
}
