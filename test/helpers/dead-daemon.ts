import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { RunSpec } from '../../src-daemon/runner/run.ts'

/** Another daemon gets the order and is killed, as soon as it has said `word`. */
export async function startedByDeadDaemon(spec: RunSpec, word: 'ordered' | 'started'): Promise<void> {
  const script = join(import.meta.dirname, 'start-run.ts')
  const daemon = spawn(process.execPath, [script, JSON.stringify(spec)], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: daemon.stdout })) {
    if (line === word) break
  }
  daemon.kill('SIGKILL')
  await once(daemon, 'exit')
}
