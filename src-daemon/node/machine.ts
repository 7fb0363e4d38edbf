import { readFile, statfs } from 'node:fs/promises'
import { cpus, freemem, loadavg, totalmem } from 'node:os'

/** What the machine has, for an operator who looks for the reason of trouble. */
export interface MachineState {
  readonly disk_free_bytes: number | null
  readonly disk_total_bytes: number | null
  readonly cpus: number
  readonly load_average: number[]
  readonly memory_free_bytes: number
  readonly memory_total_bytes: number
}

/** Disk of `folder`, processors, load and memory now. */
export async function machineState(folder: string): Promise<MachineState> {
  const disk = await statfs(folder).catch(() => null)
  return {
    disk_free_bytes: disk === null ? null : disk.bavail * disk.bsize,
    disk_total_bytes: disk === null ? null : disk.blocks * disk.bsize,
    cpus: cpus().length,
    load_average: loadavg(),
    memory_free_bytes: await availableMemory(),
    memory_total_bytes: totalmem(),
  }
}

/** Linux: what programs can still get, caches included; elsewhere what is free. */
async function availableMemory(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const match = /^MemAvailable:\s+(\d+) kB$/m.exec(text)
  return match === null ? freemem() : Number(match[1]) * 1024
}
