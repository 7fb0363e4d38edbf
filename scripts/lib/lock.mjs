import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** @param {number} pid */
function startedAt(pid) {
  try {
    // Field 22 of /proc/PID/stat: tells a process from a later one with the same number. Absent on macOS.
    return (
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? ''
    )
  } catch {
    return ''
  }
}

/** @param {string} owner as written into the lock file: `PID STARTED` */
function isAlive(owner) {
  const [pid = '', started = ''] = owner.split(' ')
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return startedAt(Number(pid)) === started
}

/**
 * Creates the file with its content in one step, so that nobody ever sees an empty one; false when it exists.
 * @param {string} file
 * @param {string} content
 */
function create(file, content) {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, content)
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** @param {string} file */
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null // released between the two looks
  }
}

/**
 * Removes the lock of a process that is gone. Only one waiter may do that at a time, and it looks again first:
 * otherwise a slow one would remove the lock that a quick one has just taken.
 * @param {string} file
 */
function removeAbandoned(file) {
  const breaker = `${file}.breaking`
  if (!create(breaker, '')) {
    const since = statSync(breaker, { throwIfNoEntry: false })?.mtimeMs
    if (since !== undefined && Date.now() - since > 10_000) rmSync(breaker, { force: true })
    return
  }
  try {
    const owner = read(file)
    if (owner !== null && !isAlive(owner)) rmSync(file, { force: true })
  } finally {
    rmSync(breaker, { force: true })
  }
}

/**
 * Runs `work` while no other process runs it under the same lock file; waits for the others, and says so once. `work`
 * must not call `process.exit`.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(file, work) {
  const me = `${process.pid} ${startedAt(process.pid)}`
  let said = false
  while (!create(file, me)) {
    const owner = read(file)
    if (owner !== null && !isAlive(owner)) {
      removeAbandoned(file)
    } else if (owner !== null && !said) {
      console.error(`Waiting for process ${owner.split(' ')[0]}, which sets things up (${file}).`)
      said = true
    }
    await delay(200)
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}
