import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import SqliteDatabase, { type Database } from 'better-sqlite3'
import { StorageError } from '../errors.ts'
import { newKey } from './key.ts'
import { migrate } from './migrations.ts'

/** The file that holds everything, in `dbs_dir`. */
export const DATABASE_FILE = 'scrapyd_service.db'
const LOCK_FILE = 'scrapyd_service.lock'
const PID_FILE = 'scrapyd_service.pid'
const CHECKED_AT_START = 16 * 1024 * 1024

/** Another daemon works on this `dbs_dir`. */
export class DatabaseInUseError extends StorageError {
  override readonly code = 'database-in-use'
}

/** The database cannot be used now, but may be when it is tried again (a full disk, a slow mount). */
export class StorageUnavailableError extends StorageError {
  override readonly code = 'storage-unavailable'
}

/** Codes of SQLite (with their extended forms, such as SQLITE_IOERR_SHMSIZE) and of the system. */
const PASSING = /^(SQLITE_(FULL|BUSY|IOERR|CANTOPEN)(_.*)?|ENOSPC|EDQUOT|EIO|ESTALE)$/

function storageFailure(message: string, cause: unknown): StorageError {
  const { code } = cause as { code?: unknown }
  const isPassing = typeof code === 'string' && PASSING.test(code)
  return isPassing ? new StorageUnavailableError(message, { cause }) : new StorageError(message, { cause })
}

export interface OpenDatabase {
  readonly db: Database
  /** Names this life of the database; a wiped `dbs_dir` gets another one. */
  readonly feed: string
  /** Names this daemon for good (as long as its database lives). */
  readonly instance: string
  close(): void
}

/** Passwords of nodes and what spiders are given lie in it: for its owner alone. SQLite's other files take the mode over. */
function keepPrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600))
  chmodSync(file, 0o600)
}

/**
 * Opens the one database of a daemon and holds its `dbs_dir` until `close()`.
 * Throws DatabaseInUseError (with the pid that holds it), StorageUnavailableError (a full disk) and StorageError (unwritable
 * folder, corrupt or newer file).
 */
export function openDatabase(dbsDir: string): OpenDatabase {
  try {
    mkdirSync(dbsDir, { recursive: true })
  } catch (error) {
    throw storageFailure(`dbs_dir ${dbsDir} cannot be created: ${(error as Error).message}`, error)
  }
  const lock = lockFolder(dbsDir)
  const file = join(dbsDir, DATABASE_FILE)
  let db: Database | null = null
  try {
    keepPrivate(file)
    db = new SqliteDatabase(file)
    db.pragma('journal_mode = WAL')
    // An "ok" must survive a power cut (MECHANISMS.md, "Durable and fast accepts"); group commits keep it fast.
    db.pragma('synchronous = FULL')
    db.pragma('wal_autocheckpoint = 2000')
    db.pragma('journal_size_limit = 67108864')
    db.pragma('cache_size = -8000')
    // What a savepoint would undo goes beyond 64 KiB for one job, and then to a temporary file, unless it stays in memory.
    db.pragma('temp_store = MEMORY')
    // A whole check of a big ledger would cost more than the start itself; damage there shows when it is read.
    if (statSync(file).size < CHECKED_AT_START) {
      const check = db.pragma('quick_check(1)', { simple: true })
      if (check !== 'ok') throw new StorageError(`quick_check says: ${String(check)}`)
    }
    migrate(db, file)
    const feed = metaValue(db, 'feed', newKey)
    const instance = metaValue(db, 'instance', newKey)
    const open = db
    return {
      db,
      feed,
      instance,
      close() {
        open.close()
        lock.close()
      },
    }
  } catch (error) {
    db?.close()
    lock.close()
    if (error instanceof StorageError && error.message.startsWith(file)) throw error
    const what = error instanceof Error ? error.message : String(error)
    throw storageFailure(
      `The database ${file} cannot be used: ${what}. Nothing was changed. If the disk is full, free space and start again; ` +
        `if the file is damaged, move it away (its jobs are lost then) or try "sqlite3 ${file} .recover".`,
      error,
    )
  }
}

/** A value of the `meta` table; made by `make` and stored when it is not there yet. */
export function metaValue(db: Database, name: string, make: () => string): string {
  const row = db.prepare('SELECT value FROM meta WHERE name = ?').get(name) as { value: string } | undefined
  if (row !== undefined) return row.value
  const value = make()
  db.prepare('INSERT INTO meta (name, value) VALUES (?, ?)').run(name, value)
  return value
}

/**
 * Holds the folder by an exclusive transaction on a database of its own: the lock ends with the process whatever kills it,
 * and no other process can hold it by a leftover file.
 */
function lockFolder(dbsDir: string): { close(): void } {
  const pidFile = join(dbsDir, PID_FILE)
  let lock: Database
  try {
    lock = new SqliteDatabase(join(dbsDir, LOCK_FILE), { timeout: 0 })
  } catch (error) {
    throw storageFailure(`dbs_dir ${dbsDir} cannot be written: ${(error as Error).message}`, error)
  }
  try {
    lock.pragma('journal_mode = MEMORY')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true) {
      throw new DatabaseInUseError(
        `${dbsDir} is in use by the scrapyd-service with pid ${readPid(pidFile)}. Stop it first, or set another dbs_dir.`,
      )
    }
    throw storageFailure(`dbs_dir ${dbsDir} cannot be locked: ${(error as Error).message}`, error)
  }
  try {
    writeFileSync(pidFile, `${process.pid}\n`)
  } catch (error) {
    lock.close()
    throw storageFailure(`dbs_dir ${dbsDir} cannot be written: ${(error as Error).message}`, error)
  }
  return lock
}

function readPid(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim() || 'unknown'
  } catch {
    return 'unknown'
  }
}
