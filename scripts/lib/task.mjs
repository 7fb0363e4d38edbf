import { endLike, InterruptedError } from './processes.mjs'
import { SetUpError } from './set-up.mjs'

/**
 * The frame of every task: what the user can do something about is said without a stack trace.
 * @param {() => Promise<void>} work
 */
export async function runTask(work) {
  try {
    await work()
  } catch (error) {
    if (error instanceof InterruptedError) {
      endLike({ code: null, signal: error.signal })
    } else if (error instanceof SetUpError) {
      console.error(`\n${error.message}`)
      process.exitCode = 1
    } else {
      throw error
    }
  }
}
