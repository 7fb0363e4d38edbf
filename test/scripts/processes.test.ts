import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runForOutput } from '../../scripts/lib/processes.mjs'

const processes = JSON.stringify(join(import.meta.dirname, '../../scripts/lib/processes.mjs'))

/** A process that runs `child` (JavaScript) in the foreground and ends like it. */
function frontOf(child: string) {
  const code = `
    import { endLike, runInForeground } from ${processes}
    endLike(await runInForeground(process.execPath, ['-e', ${JSON.stringify(child)}]))`
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
}

describe('runInForeground', () => {
  it('ends with the exit status of its child', async () => {
    expect(await once(frontOf('process.exit(7)'), 'close')).toEqual([7, null])
  })

  it('ends by the signal that ended its child', async () => {
    expect(await once(frontOf("process.kill(process.pid, 'SIGTERM')"), 'close')).toEqual([null, 'SIGTERM'])
  })

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('passes %s on, and lets the child decide', async (signal) => {
    const front = frontOf(`
      process.on('${signal}', () => process.exit(3))
      console.log('ready')
      setInterval(() => {}, 1000)`)
    await once(front.stdout, 'data')
    front.kill(signal)
    expect(await once(front, 'close')).toEqual([3, null])
  })
})

describe('runForOutput', () => {
  it('returns what the program printed on both streams', async () => {
    const code = "console.log('one'); console.error('two'); process.exit(2)"
    const { code: status, output } = await runForOutput(process.execPath, ['-e', code])
    expect(status).toBe(2)
    expect(output.trim().split('\n').toSorted()).toEqual(['one', 'two'])
  })
})
