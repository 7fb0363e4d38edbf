import { setTimeout as wait } from 'node:timers/promises'

const FREE_FAILURES = 20
const STEP_MS = 25
const LONGEST_MS = 500
const MOST_WAITING = 20
const MEMORY_MS = 60_000
const MOST_ADDRESSES = 10_000

interface Failures {
  count: number
  waiting: number
  last: number
}

/**
 * Slows down guessing: after some wrong passwords from one address each further one is answered later, and no more
 * than a few wait at a time. Whoever knows the password is not delayed, and the count begins anew with them.
 */
export class LoginDamping {
  readonly #failures = new Map<string, Failures>()

  /** False while too many wrong answers to this address wait: refuse (429) without looking at the password. */
  mayTry(address: string): boolean {
    return (this.#failures.get(address)?.waiting ?? 0) < MOST_WAITING
  }

  succeeded(address: string): void {
    const failures = this.#failures.get(address)
    if (failures !== undefined && failures.waiting === 0) this.#failures.delete(address)
  }

  /** Resolves when the refusal may be sent. */
  async failed(address: string): Promise<void> {
    const now = performance.now()
    const failures = this.#failuresOf(address, now)
    failures.count += 1
    failures.last = now
    const delay = Math.min(LONGEST_MS, (failures.count - FREE_FAILURES) * STEP_MS)
    if (delay <= 0) return
    failures.waiting += 1
    await wait(delay, undefined, { ref: false })
    failures.waiting -= 1
  }

  #failuresOf(address: string, now: number): Failures {
    if (this.#failures.size >= MOST_ADDRESSES) {
      for (const [known, { last, waiting }] of this.#failures) {
        if (waiting === 0 && now - last > MEMORY_MS) this.#failures.delete(known)
      }
    }
    const known = this.#failures.get(address)
    if (known !== undefined && now - known.last <= MEMORY_MS) return known
    const fresh = { count: 0, waiting: known?.waiting ?? 0, last: now }
    this.#failures.set(address, fresh)
    return fresh
  }
}
