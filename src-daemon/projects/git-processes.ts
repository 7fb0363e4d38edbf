import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { GIT_MARKER } from './git-environment.ts'

const STEP_MS = 25

/**
 * Ends every process that carries the marker of one git command: git's transports (`git-remote-https`, `ssh`) outlive a git
 * that was ended. Asked first, so that lock files are removed, killed after `graceMs`. Only where there is `/proc`; elsewhere
 * the transports end by their own time limits.
 */
export async function endGitProcesses(token: string, graceMs: number): Promise<void> {
  if (process.platform !== 'linux') return
  const marker = `${GIT_MARKER}=${token}`
  const deadline = performance.now() + graceMs
  for (const pid of await marked(marker)) send(pid, 'SIGTERM')
  for (;;) {
    const left = await marked(marker)
    if (left.length === 0) return
    if (performance.now() > deadline) for (const pid of left) send(pid, 'SIGKILL')
    // A process that hangs in the kernel cannot be ended by anyone; it is not waited for either.
    if (performance.now() > deadline + graceMs) return
    await delay(STEP_MS)
  }
}

async function marked(marker: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map((pid) => carries(pid, marker)))
  return pids.filter((_, index) => found[index]).map(Number)
}

async function carries(pid: string, marker: string): Promise<boolean> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
    return environment.split('\0').includes(marker)
  } catch {
    // Gone meanwhile, a zombie, or somebody else's.
    return false
  }
}

function send(pid: number, signal: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone meanwhile.
  }
}
