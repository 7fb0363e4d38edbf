import { setTimeout as delay } from 'node:timers/promises'

/** So much of the time between two looks counts as waited: what is over it, a machine stood still. */
const MOST_BETWEEN_LOOKS_MS = 5_000

/**
 * Waits for a condition: asks until the answer is neither null, undefined nor false, and gives it. Rejects, saying what was
 * waited for, when that takes too long. An answer that throws counts as "not yet"; the last error is told. A machine that
 * was suspended meanwhile has not waited.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  { limitMs = 45_000, everyMs = 40 }: { readonly limitMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, null | undefined | false>> {
  let waitedMs = 0
  for (let looked = performance.now(); ; looked = performance.now()) {
    let last: unknown
    try {
      const answer = await ask()
      if (answer !== null && answer !== undefined && answer !== false) {
        return answer as Exclude<T, null | undefined | false>
      }
      last = answer
    } catch (error) {
      last = error
    }
    if (waitedMs > limitMs) {
      const words = last instanceof Error ? last.message : String(last)
      throw new Error(`waited ${limitMs / 1000} s in vain until ${what}; last: ${words}`)
    }
    await delay(everyMs)
    waitedMs += Math.min(performance.now() - looked, MOST_BETWEEN_LOOKS_MS)
  }
}
