import { setTimeout as delay } from 'node:timers/promises'

/**
 * Waits for a condition: asks until the answer is neither null, undefined nor false, and gives it. Rejects, saying what was
 * waited for, when that takes too long. An answer that throws counts as "not yet"; the last error is told.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  { limitMs = 45_000, everyMs = 40 }: { readonly limitMs?: number; readonly everyMs?: number } = {},
): Promise<Exclude<T, null | undefined | false>> {
  const deadline = performance.now() + limitMs
  for (;;) {
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
    if (performance.now() > deadline) {
      const words = last instanceof Error ? last.message : String(last)
      throw new Error(`waited ${limitMs / 1000} s in vain until ${what}; last: ${words}`)
    }
    await delay(everyMs)
  }
}
