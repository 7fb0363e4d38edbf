import { setTimeout as delay } from 'node:timers/promises'
import { TOKEN_VARIABLE } from './job-environment.ts'
import { hasInEnvironment, hasOpen, hasProc, processRow, processTable, withDescendants } from './process-table.ts'

/** A process of a run, as it was when it started. */
export interface RunProcess {
  readonly pid: number
  readonly start: number | null
  readonly token: string
  /** Real path of the run's FIFO: a process that has overwritten its environment still holds this open. */
  readonly alivePath: string
}

/**
 * Whether the pid still is that process. A pid alone proves nothing, and with its start time little (clock ticks are
 * 10 ms); the token in its environment, or the run's FIFO among its open files, does.
 */
export function isStillThere(wanted: RunProcess): boolean {
  const row = processRow(wanted.pid)
  if (row === null || row.isDead) return false
  if (!hasProc()) return true
  if (wanted.start !== null && row.start !== wanted.start) return false
  return hasInEnvironment(wanted.pid, `${TOKEN_VARIABLE}=${wanted.token}`) || hasOpen(wanted.pid, wanted.alivePath)
}

/** Sends a signal if the process is still the one that is meant. Resolves to whether it was. */
export function signalProcess(wanted: RunProcess, signal: NodeJS.Signals): boolean {
  return isStillThere(wanted) && send(wanted.pid, signal)
}

/**
 * Kills every process of a run that can be found: those with the token in their environment, the `roots` that are
 * still there with their process groups, and all descendants of these; again, until none is left or ten seconds are
 * over. `spared` (one of the roots) is left alive, and counts as one only while it belongs to the run: a supervisor has to
 * write down how it ended, and goes on to another run. Returns how many were killed.
 */
export async function killTree(
  token: string,
  roots: readonly RunProcess[],
  spared: RunProcess | null,
): Promise<number> {
  const killed = new Set<number>()
  const groups = new Set<number>()
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await delay(20)) {
    const table = processTable()
    const found = new Set<number>()
    for (const root of roots) {
      if (!isStillThere(root)) continue
      found.add(root.pid)
      // Each leads a group of its own, whose members count also after its death; but the one that is spared may supervise
      // the next run by then.
      if (root.pid !== spared?.pid) groups.add(root.pid)
    }
    for (const row of table.values()) {
      if (groups.has(row.group) || hasInEnvironment(row.pid, `${TOKEN_VARIABLE}=${token}`)) found.add(row.pid)
    }
    const victims = [...withDescendants(table, found)].filter((pid) => {
      return pid !== spared?.pid && pid !== process.pid && table.get(pid)?.isDead === false
    })
    if (victims.length === 0) break
    for (const pid of victims) {
      if (send(pid, 'SIGKILL')) killed.add(pid)
    }
  }
  return killed.size
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    // It ended meanwhile.
    return false
  }
}
