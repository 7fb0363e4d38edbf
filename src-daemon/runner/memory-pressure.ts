import { readFileSync } from 'node:fs'
import { freemem, totalmem } from 'node:os'
import { limitedMemory } from './cgroup-memory.ts'

/** Below this share of the memory, and below this amount, nothing is kept in memory that is only there for speed. */
const SCARCE_SHARE = 0.1
const SCARCE_BYTES = 512 * 1024 * 1024

/** Whether this machine, or the container or service that this process lives in, is about to run out of memory. */
export function isMemoryScarce(): boolean {
  const limited = limitedMemory()
  return isScarce(availableBytes(), totalmem()) || (limited !== null && isScarce(limited.available, limited.limit))
}

/** Whether so many bytes in all and available are too few. */
export function isScarce(available: number, total: number): boolean {
  return available < SCARCE_BYTES && available < total * SCARCE_SHARE
}

function availableBytes(): number {
  try {
    // What can be had without swapping; `freemem` counts the page cache as used in old kernels.
    const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
    if (kilobytes !== undefined) return Number(kilobytes) * 1024
  } catch {
    // Not Linux.
  }
  return freemem()
}
