import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { runForOutput } from './processes.mjs'

/** The machine lacks something, and the message says what to do. */
export class SetUpError extends Error {}

/**
 * The git-ignored folder for what setting up leaves behind: locks, the log, the Python environment of the tests.
 * @param {string} root
 */
export function cacheDir(root) {
  const dir = join(root, '.cache')
  mkdirSync(dir, { recursive: true })
  return dir
}

/** @param {number} since */
function seconds(since) {
  return `${Math.round((performance.now() - since) / 1000)} s`
}

/**
 * One step of setting a machine up: says what it does, shows what the program prints, says that it is still at work
 * when that prints nothing for a while, and keeps everything in `.cache/set-up.log`.
 * @param {string} root
 * @param {string} what in the words of the user: `Installing Scrapy`
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ ok: boolean, output: string }>} a program that cannot be started counts as one that failed
 */
export async function step(root, what, command, args, options = {}) {
  const log = join(cacheDir(root), 'set-up.log')
  const started = performance.now()
  let lastOutput = started
  /** @param {string} text */
  const show = (text) => {
    lastOutput = performance.now()
    appendFileSync(log, text)
    process.stderr.write(text)
  }
  show(`${what}: ${[command, ...args].join(' ')}\n`)
  appendFileSync(log, `(${new Date().toISOString()})\n`)
  const heartbeat = setInterval(() => {
    if (performance.now() - lastOutput > 9_000) show(`${what}: still at work after ${seconds(started)}\n`)
  }, 5_000)
  try {
    const { code, signal, output } = await runForOutput(command, args, { ...options, onOutput: show })
    const ok = code === 0
    show(`${what}: ${ok ? 'done' : `failed (${signal ?? `exit status ${code}`})`} after ${seconds(started)}\n`)
    return { ok, output }
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      show(`${what}: ${error.message}\n`)
      return { ok: false, output: error.message }
    }
    throw error
  } finally {
    clearInterval(heartbeat)
  }
}
