import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** One line of the system's list of processes. */
export interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly group: number
  /** Ended, and only waits to be noticed. */
  readonly isDead: boolean
  /** Clock ticks since the boot; null where the system does not tell. */
  readonly start: number | null
}

/** All processes by pid. */
export function processTable(): Map<number, ProcessRow> {
  const table = new Map<number, ProcessRow>()
  for (const row of hasProc() ? procPids().map(processRow) : psRows()) {
    if (row !== null) table.set(row.pid, row)
  }
  return table
}

/** null when there is no such process. */
export function processRow(pid: number): ProcessRow | null {
  if (!hasProc()) return psRows(pid)[0] ?? null
  const stat = readProc(pid, 'stat')
  if (stat === null) return null
  // The name in the second field may hold blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    isDead: fields[0] === 'Z' || fields[0] === 'X',
    start: Number(fields[19]),
  }
}

/** Whether the process was started with `NAME=value` in its environment. False where nobody can tell. */
export function hasInEnvironment(pid: number, entry: string): boolean {
  return `\0${readProc(pid, 'environ') ?? ''}\0`.includes(`\0${entry}\0`)
}

/** Whether the process has the file open. False where nobody can tell. */
export function hasOpen(pid: number, path: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => readLink(`/proc/${pid}/fd/${fd}`) === path)
  } catch {
    // It is gone, or somebody else's.
    return false
  }
}

/** Whether a process's environment and open files can be looked at here. */
export function hasProc(): boolean {
  return process.platform === 'linux'
}

/** The pids below any of `roots`, the roots included. */
export function withDescendants(table: ReadonlyMap<number, ProcessRow>, roots: Iterable<number>): Set<number> {
  const children = new Map<number, number[]>()
  for (const row of table.values()) {
    const siblings = children.get(row.parent)
    if (siblings === undefined) children.set(row.parent, [row.pid])
    else siblings.push(row.pid)
  }
  const found = new Set<number>()
  const waiting = [...roots]
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    if (found.has(pid) || !table.has(pid)) continue
    found.add(pid)
    waiting.push(...(children.get(pid) ?? []))
  }
  return found
}

function procPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1')
  } catch {
    // It ended meanwhile, or is somebody else's.
    return null
  }
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    // Closed meanwhile.
    return null
  }
}

function psRows(pid?: number): ProcessRow[] {
  let lines: string
  try {
    const which = pid === undefined ? ['-ax'] : ['-p', String(pid)]
    lines = execFileSync('ps', [...which, '-o', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8' })
  } catch {
    // ps fails when the pid is not there.
    return []
  }
  return lines
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= 4)
    .map(([own, parent, group, state]) => ({
      pid: Number(own),
      parent: Number(parent),
      group: Number(group),
      isDead: state?.startsWith('Z') ?? true,
      start: null,
    }))
}
