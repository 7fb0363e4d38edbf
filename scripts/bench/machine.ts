import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

interface CpuTimes {
  readonly all: number
  readonly idle: number
  readonly steal: number
}

function cpuTimes(): CpuTimes {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.trim().split(/\s+/).slice(1).map(Number)
  const at = (index: number) => fields[index] ?? 0
  return { all: fields.slice(0, 8).reduce((sum, value) => sum + value, 0), idle: at(3) + at(4), steal: at(7) }
}

/** Watches how busy the machine is while something is measured; Linux only. */
export class MachineWatch {
  readonly #begin = cpuTimes()

  /** Shares of all processors since the watch began: what was used, and what the hypervisor took away. */
  shares(): { readonly busy: number; readonly stolen: number } {
    const now = cpuTimes()
    const all = Math.max(1, now.all - this.#begin.all)
    return { busy: 1 - (now.idle - this.#begin.idle) / all, stolen: (now.steal - this.#begin.steal) / all }
  }
}

/** One line about the machine. */
export function machineLine(): string {
  const [first] = cpus()
  return `${cpus().length} × ${first?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
}

/** User and system seconds of a process and of its children that were waited for. */
export function cpuSeconds(pid: number): { readonly own: number; readonly children: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  const ticks = (index: number) => (fields[index] ?? 0) / 100
  return { own: ticks(11) + ticks(12), children: ticks(13) + ticks(14) }
}

/** Proportional set size of a process in MiB: shared pages count by share. */
export function pssMiB(pid: number): number {
  const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
  return Number(match?.[1] ?? 0) / 1024
}

/** Share of one core that other processes than these use over `ms`, before anything is measured. */
export async function othersShare(ms: number): Promise<number> {
  const watch = new MachineWatch()
  await new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
  return watch.shares().busy * cpus().length
}

/** Processes whose working directory is that folder. */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === folder
      } catch {
        return false // It has ended.
      }
    })
    .map(Number)
}
