import { randomUUID } from 'node:crypto'
import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { reasonText } from '../api/contract/reasons.ts'
import { GitError } from '../errors.ts'
import type { Repository } from './git-repository.ts'

const FILE = 'scrapyd-service.lock'
const POLL_MS = 50
const TOUCH_MS = 5_000
/** A holder that did not touch its lock for so long is gone (its machine was restarted, its process id is used again). */
const STALE_MS = 60_000

interface Holder {
  readonly pid: number
  readonly host: string
  readonly token: string
}

/** Waiting ends with GitError when the time is up or the signal is given. */
export interface LockPatience {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/**
 * One change of a repository at a time: within this daemon and among daemons on the machine that share the folder (git's own
 * locks cover one command, not a pull). Ordered within the daemon.
 */
export class RepositoryLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  /** Does `work` while the repository is held. */
  async hold<T>(repository: Repository, patience: LockPatience, work: () => Promise<T>): Promise<T> {
    const key = repository.commonDir
    const deadline = performance.now() + patience.timeoutMs
    const mine = this.#after(this.#tails.get(key), repository, { ...patience, deadline }, work)
    // The next one waits for the end of this one, however it ends.
    const tail = mine.catch(() => undefined)
    this.#tails.set(key, tail)
    try {
      return await mine
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }

  async #after<T>(
    earlier: Promise<unknown> | undefined,
    repository: Repository,
    patience: LockPatience & { readonly deadline: number },
    work: () => Promise<T>,
  ): Promise<T> {
    await earlier
    refuseWhenStopped(patience.signal)
    const file = join(repository.commonDir, FILE)
    const token = randomUUID()
    for (let holder = await take(file, token); holder !== null; holder = await take(file, token)) {
      refuseWhenStopped(patience.signal)
      if (performance.now() > patience.deadline) {
        throw new GitError(
          reasonText('pulledElsewhere', { root: repository.root, pid: holder.pid, machine: holder.host, file }),
        )
      }
      await delay(POLL_MS)
    }
    const touch = setInterval(() => void touchFile(file), TOUCH_MS)
    try {
      return await work()
    } finally {
      clearInterval(touch)
      await release(file, token)
    }
  }
}

function refuseWhenStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted ?? false) throw new GitError(reasonText('pullStopped'))
}

/** null: taken. Otherwise who holds it. */
async function take(file: string, token: string): Promise<Holder | null> {
  const me: Holder = { pid: process.pid, host: hostname(), token }
  if (await createFile(file, JSON.stringify(me))) return null
  const holder = await readHolder(file)
  if (holder === null || (await isAlive(file, holder))) return holder ?? { ...me, pid: 0 }
  // Only one may clear a dead lock away, and only the very lock that was seen to be dead.
  const guard = `${file}.clear`
  if (await createFile(guard, token)) {
    try {
      if ((await readHolder(file))?.token === holder.token) await rm(file, { force: true })
    } finally {
      await rm(guard, { force: true })
    }
  } else if ((await age(guard)) > STALE_MS) {
    await rm(guard, { force: true })
  }
  return holder
}

async function createFile(path: string, text: string): Promise<boolean> {
  try {
    const handle = await open(path, 'wx')
    try {
      await handle.writeFile(text)
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    throw new GitError(reasonText('notWritten', { path, detail: (error as Error).message }), { cause: error })
  }
}

async function readHolder(file: string): Promise<Holder | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Holder
  } catch {
    // Released meanwhile, or its holder is about to write it; one that died in between is found by its age.
    return (await age(file)) > STALE_MS ? { pid: 0, host: '', token: '' } : null
  }
}

async function isAlive(file: string, holder: Holder): Promise<boolean> {
  if ((await age(file)) > STALE_MS) return false
  if (holder.host !== hostname()) return true
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function age(file: string): Promise<number> {
  try {
    return Date.now() - (await stat(file)).mtimeMs
  } catch {
    // Not there: as fresh as can be.
    return 0
  }
}

async function touchFile(file: string): Promise<void> {
  const now = new Date()
  // Where touching fails the lock only looks older than it is.
  await utimes(file, now, now).catch(() => undefined)
}

async function release(file: string, token: string): Promise<void> {
  if ((await readHolder(file))?.token === token) await rm(file, { force: true })
}
