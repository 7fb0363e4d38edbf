/** The zones of the world lie at whole quarters of an hour. */
const QUARTER_MS = 15 * 60_000
const FURTHEST_MS = 14 * 3_600_000
/** The `Date` header has whole seconds, and is written before the listing is read. */
const COARSE_MS = 2_000

/**
 * Turns the times of a stock Scrapyd, which are local there and name no zone, into UTC. Until the zone is known it is taken
 * to be the master's own. It becomes known from a time of which the true one is known well enough: a job that started
 * between two polls (the `Date` headers say when these were), or the last change of a finished job's log.
 */
export class ScrapydClock {
  /** Local time there minus UTC; null = the zone is ours, or taken to be. */
  #offset: number | null = null
  #isKnown = false

  get isKnown(): boolean {
    return this.#isKnown
  }

  /** Milliseconds since 1970; null when it is no time. */
  toUtc(text: string): number | null {
    const [local, here] = read(text)
    if (local === null || here === null) return null
    return this.#offset === null ? here : local - this.#offset
  }

  /** `text` lies between the two moments (UTC). Ignored when that is too long to tell a zone. */
  learnBetween(text: string, from: number, to: number): void {
    const [local, here] = read(text)
    if (local === null || here === null || to - from > QUARTER_MS - 3 * COARSE_MS || to < from) return
    this.#learn(Math.ceil((local - to - COARSE_MS) / QUARTER_MS) * QUARTER_MS, local - here)
  }

  /** `text` is about the same moment as this one (UTC), or some minutes later. */
  learnNear(text: string, moment: number): void {
    const [local, here] = read(text)
    if (local === null || here === null) return
    const offset = Math.round((local - moment) / QUARTER_MS) * QUARTER_MS
    // A file that was touched later, or a time in between: better no zone than a wrong one.
    if (Math.abs(local - moment - offset) < QUARTER_MS / 4) this.#learn(offset, local - here)
  }

  #learn(offset: number, ours: number): void {
    if (Math.abs(offset) > FURTHEST_MS) return
    this.#isKnown = true
    // Where the zone is ours, its summer time is, too: an older time may have had another offset.
    this.#offset = offset === ours ? null : offset
  }
}

/** The digits as if they were UTC, and as local time of this machine. Form: Python's `str(datetime)`. */
function read(text: string): [number | null, number | null] {
  const match = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text)
  if (match === null) return [null, null]
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number)
  const ms = Math.floor(Number(`0.${match[7] ?? 0}`) * 1_000)
  const parts = [year, month - 1, day, hour, minute, second, ms] as const
  return [Date.UTC(...parts), new Date(...parts).getTime()]
}
