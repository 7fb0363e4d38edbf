import { vi } from 'vitest'

/** Waits for a condition, and gives its first answer that is true. */
export function wait<T>(ask: () => T | Promise<T>): Promise<NonNullable<T>> {
  return vi.waitUntil(ask, { interval: 5 }) as Promise<NonNullable<T>>
}
