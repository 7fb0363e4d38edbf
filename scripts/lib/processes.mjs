import { spawn } from 'node:child_process'
import { constants } from 'node:os'

/**
 * How a process ended: an exit code, or the signal that ended it.
 * @typedef {{ code: number | null, signal: NodeJS.Signals | null }} End
 */

/** @type {readonly NodeJS.Signals[]} */
const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** A signal asked this process to end while it waited for a child (which has ended since). */
export class InterruptedError extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}

/**
 * Runs `wait` with the signals that ask a process to end going to the child instead of ending this process. Returns
 * what `wait` gives and the first such signal.
 * @template T
 * @param {import('node:child_process').ChildProcess} child
 * @param {() => Promise<T>} wait
 * @returns {Promise<{ value: T, interrupted: NodeJS.Signals | null }>}
 */
async function passingSignals(child, wait) {
  /** @type {NodeJS.Signals | null} */
  let interrupted = null
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => {
    interrupted ??= signal
    // Ctrl-C reaches the whole foreground group of a terminal: the child has it already, twice would mean "at once".
    if (signal === 'SIGINT' && process.stdin.isTTY) return
    child.kill(signal)
  }
  for (const signal of passedOn) process.on(signal, pass)
  try {
    return { value: await wait(), interrupted }
  } finally {
    for (const signal of passedOn) process.off(signal, pass)
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {Promise<End>}
 */
export function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

/**
 * Runs a program with this process's own terminal and waits for its end. Signals are passed on; the child decides what
 * becomes of them.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<End>}
 */
export async function runInForeground(command, args, options = {}) {
  const child = spawn(command, args, { ...options, stdio: 'inherit' })
  const { value } = await passingSignals(child, () => ended(child))
  return value
}

/**
 * Runs a program and hands every piece of its output (stdout and stderr together) to `onOutput`.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onOutput?: (text: string) => void }} [options]
 * @returns {Promise<End & { output: string }>}
 * @throws {InterruptedError} after the child has ended, when this process was asked to end meanwhile
 */
export async function runForOutput(command, args, { onOutput = () => {}, ...options } = {}) {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (/** @type {string} */ text) => {
      output += text
      onOutput(text)
    })
  }
  const { value, interrupted } = await passingSignals(child, () => ended(child))
  if (interrupted !== null) throw new InterruptedError(interrupted)
  return { ...value, output }
}

/**
 * Lets this process end as its child did, so that a shell or CI sees the same.
 * @param {End} end
 */
export function endLike({ code, signal }) {
  if (signal === null) {
    process.exitCode = code ?? 1
  } else if (passedOn.includes(signal)) {
    // Every listener is off by now: the default action ends this process by that signal.
    process.kill(process.pid, signal)
  } else {
    process.exitCode = 128 + constants.signals[signal]
  }
}
