import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { killTree, type RunProcess } from '../../../src-daemon/runner/kill-tree.ts'
import { processRow } from '../../../src-daemon/runner/process-table.ts'
import { plainPython } from '../../helpers/python.ts'
import { isAlive, temporaryFolder } from '../../helpers/runs.ts'

/** A supervisor that holds the FIFO of a run until its spider is gone, and then goes on to the next one. */
const SUPERVISOR = `
import os, sys
alive, other = sys.argv[1:]
def spider(path):
    os.mkfifo(path)
    held = os.open(path, os.O_RDWR)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.execvp("sleep", ["sleep", "60"])
    print(pid, flush=True)
    os.waitpid(pid, 0)
    os.close(held)
spider(alive)
spider(other)
`

function processOf(pid: number, alivePath: string): RunProcess {
  return { pid, start: processRow(pid)?.start ?? null, token: 'token-of-no-process', alivePath }
}

it('leaves the next spider of a spared supervisor alone, however soon it is started', async () => {
  const folder = temporaryFolder()
  const alivePath = join(folder, 'alive')
  const child = spawn(plainPython(), ['-c', SUPERVISOR, alivePath, join(folder, 'other')], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const over = once(child, 'exit')
  const pids = child.stdout.setEncoding('utf8')[Symbol.asyncIterator]()
  const nextPid = async () => Number((await pids.next()).value)
  const first = await nextPid()
  const supervisor = processOf(child.pid!, alivePath)

  // It looks again after a moment, and finds the supervisor at work for another run.
  expect(await killTree(supervisor.token, [processOf(first, alivePath), supervisor], supervisor)).toBe(1)
  const second = await nextPid()
  expect([isAlive(first), isAlive(second)]).toEqual([false, true])
  process.kill(second, 'SIGKILL')
  expect(await over).toEqual([0, null])
})
