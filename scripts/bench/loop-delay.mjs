// Loaded into a daemon that is measured (`--import`): tells how late its event loop was. SIGUSR2 begins anew, the exit
// writes what was seen since, in milliseconds, to the file in BENCH_LOOP_FILE.
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const file = process.env.BENCH_LOOP_FILE
if (file !== undefined) {
  // Its spiders must not load it, and need not know.
  delete process.env.BENCH_LOOP_FILE
  delete process.env.NODE_OPTIONS
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  process.on('SIGUSR2', () => delays.reset())
  process.on('exit', () => {
    const ms = (/** @type {number} */ nanoseconds) => nanoseconds / 1e6
    writeFileSync(
      file,
      JSON.stringify({ p50: ms(delays.percentile(50)), p99: ms(delays.percentile(99)), max: ms(delays.max) }),
    )
  })
}
