/** Milliseconds before the first, second, … restart. */
const DELAYS = [1_000, 2_000, 5_000, 15_000, 30_000]
/** A daemon that lived so long had a good start: what ends it then is a new story. */
const GOOD_LIFE_MS = 60_000

/** When to start again a daemon that died; null: it died too often, give up and say so. `attempt` counts the tries so far. */
export function nextRestart(attempt: number, livedMs: number): { attempt: number; delayMs: number } | null {
  const tries = livedMs >= GOOD_LIFE_MS ? 0 : attempt
  const delayMs = DELAYS[tries]
  return delayMs === undefined ? null : { attempt: tries + 1, delayMs }
}
