const DAY = 86_400_000
/** Nodes' clocks differ a little: rows of another node may be that much ahead. */
const TOLERANCE = 60_000

/**
 * Whether the wall clock can be trusted with removing things by their age. It cannot while something stored is newer than
 * now, and for a day after it moved by more than a day at once (against the monotonic clock, or since the newest thing
 * that was stored before this start).
 */
export class ClockWatch {
  readonly #wall: () => number
  readonly #monotonic: () => number
  #last: { readonly wall: number; readonly monotonic: number } | null = null
  #trustedFrom = 0

  constructor(wall: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#wall = wall
    this.#monotonic = monotonic
  }

  /** Looks at the clock; `newest` is the newest time that is stored (ms, 0: nothing). */
  isTrusted(newest: number): boolean {
    const wall = this.#wall()
    const monotonic = this.#monotonic()
    const moved =
      this.#last === null
        ? newest === 0
          ? 0
          : wall - newest
        : wall - this.#last.wall - (monotonic - this.#last.monotonic)
    this.#last = { wall, monotonic }
    if (Math.abs(moved) > DAY) this.#trustedFrom = monotonic + DAY
    return monotonic >= this.#trustedFrom && newest <= wall + TOLERANCE
  }
}
