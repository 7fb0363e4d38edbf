import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

let known: string | undefined

/** Names the present boot of the machine: a pid, or a start time, of another boot says nothing. */
export function bootId(): string {
  known ??= read()
  return known
}

function read(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // Not Linux.
    return execFileSync('sysctl', ['-n', 'kern.bootsessionuuid'], { encoding: 'utf8' }).trim()
  }
}
