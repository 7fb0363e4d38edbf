import { vi } from 'vitest'

/**
 * How long (ms) `vi.waitFor` and `vi.waitUntil` wait in all tests unless told. A wait ends with its condition, so patience
 * costs nothing; the default of one second fails where many processes share a processor.
 */
const PATIENCE_MS = 30_000

type WaitOptions = Parameters<typeof vi.waitFor>[1]

const { waitFor, waitUntil } = vi

function patient(options: WaitOptions): WaitOptions {
  return typeof options === 'number' ? options : { timeout: PATIENCE_MS, ...options }
}

vi.waitFor = (callback, options) => waitFor(callback, patient(options))
vi.waitUntil = (callback, options) => waitUntil(callback, patient(options))
