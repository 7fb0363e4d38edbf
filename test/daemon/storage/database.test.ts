import { spawn, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { StorageError } from '../../../src-daemon/errors.ts'
import { DATABASE_FILE, DatabaseInUseError, openDatabase } from '../../../src-daemon/storage/database.ts'
import { temporaryFolder } from '../../helpers/ledger-parts.ts'

const DATABASE_MODULE = pathToFileURL(join(import.meta.dirname, '../../../src-daemon/storage/database.ts')).href

/** A second process that holds `dir` until it is ended; resolves once it does. */
async function holderOf(dir: string): Promise<ChildProcess> {
  const script = `
    const { openDatabase } = await import(${JSON.stringify(DATABASE_MODULE)})
    openDatabase(${JSON.stringify(dir)})
    console.log('open')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve())
    child.once('exit', (code) => reject(new Error(`the holder ended with ${code}`)))
  })
  return child
}

function errorOf(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

describe('openDatabase', () => {
  it('makes the folder, and keeps feed and instance over restarts', () => {
    const dir = join(temporaryFolder(), 'deep', 'dbs')
    const first = openDatabase(dir)
    first.close()
    const second = openDatabase(dir)
    second.close()

    expect(second.feed).toBe(first.feed)
    expect(second.instance).toBe(first.instance)
    expect(first.feed).toMatch(/^[0-9a-z]{26}$/)
  })

  it('gives a new database another feed', () => {
    const [one, two] = [temporaryFolder(), temporaryFolder()].map((dir) => openDatabase(dir))
    one!.close()
    two!.close()

    expect(one!.feed).not.toBe(two!.feed)
  })

  it('keeps passwords of nodes and arguments of spiders from other users of the machine', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'scrapyd_service.db'), '', { mode: 0o644 })
    const { db, close } = openDatabase(folder)
    db.exec('CREATE TABLE x (y)')
    const modes = ['', '-wal', '-shm'].map((end) => statSync(join(folder, `scrapyd_service.db${end}`)).mode & 0o777)

    expect(modes).toEqual([0o600, 0o600, 0o600])
    close()
  })

  it('survives a power cut after a commit: WAL and synchronous=FULL', () => {
    const { db, close } = openDatabase(temporaryFolder())

    expect(db.pragma('journal_mode', { simple: true })).toBe('wal')
    expect(db.pragma('synchronous', { simple: true })).toBe(2)
    close()
  })

  it('refuses a folder that another process holds, and names its pid', async () => {
    const dir = temporaryFolder()
    const holder = await holderOf(dir)

    const error = errorOf(() => openDatabase(dir))

    expect(error).toBeInstanceOf(DatabaseInUseError)
    expect(error.message).toContain(`pid ${holder.pid}`)
    expect(error.message).toContain(dir)
  })

  it('opens a folder whose holder was killed', async () => {
    const dir = temporaryFolder()
    const holder = await holderOf(dir)
    const ended = new Promise((resolve) => {
      holder.once('exit', resolve)
    })
    holder.kill('SIGKILL')
    await ended

    const { db, close } = openDatabase(dir)
    expect(db.open).toBe(true)
    close()
  })

  it('refuses the folder in the same process too, and opens it once it is closed', () => {
    const dir = temporaryFolder()
    const first = openDatabase(dir)
    expect(errorOf(() => openDatabase(dir))).toBeInstanceOf(DatabaseInUseError)
    first.close()

    openDatabase(dir).close()
  })

  it('refuses a database that a newer program has written, and leaves it as it is', () => {
    const dir = temporaryFolder()
    const { db, close } = openDatabase(dir)
    db.pragma('user_version = 99')
    close()
    const before = contentOf(dir)

    const error = errorOf(() => openDatabase(dir))

    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toMatch(/newer Scrapyd Service \(schema 99, this one knows \d+\)/)
    expect(contentOf(dir)).toBe(before)
  })

  it.each([
    ['text', Buffer.from('this is no database, but long enough to be taken for one '.repeat(100))],
    ['a header with rubbish behind it', Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(8_000, 7)])],
  ])('says what to do about a file of %s, and leaves it as it is', (_what, content) => {
    const dir = temporaryFolder()
    writeFileSync(join(dir, DATABASE_FILE), content)

    const error = errorOf(() => openDatabase(dir))

    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toContain(join(dir, DATABASE_FILE))
    expect(error.message).toMatch(/move it away/)
    expect(readFileSync(join(dir, DATABASE_FILE)).equals(content)).toBe(true)
    expect(readdirSync(dir).filter((name) => name.startsWith(DATABASE_FILE))).toEqual([DATABASE_FILE])
  })

  it('finds damage in the middle of the file', () => {
    const dir = temporaryFolder()
    const { db, close } = openDatabase(dir)
    const put = db.prepare('INSERT INTO meta (name, value) VALUES (?, ?)')
    db.transaction(() => {
      for (let i = 0; i < 500; i++) put.run(`name ${i}`, 'x'.repeat(100))
    })()
    db.pragma('wal_checkpoint(TRUNCATE)')
    close()
    const file = join(dir, DATABASE_FILE)
    const content = readFileSync(file)
    content.fill(0xff, content.length - 12_000, content.length - 4_000)
    writeFileSync(file, content)

    const error = errorOf(() => openDatabase(dir))

    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toMatch(/cannot be used/)
    expect(readFileSync(file).equals(content)).toBe(true)
  })

  it('lets go of the folder when the database cannot be used', () => {
    const dir = temporaryFolder()
    const file = join(dir, DATABASE_FILE)
    writeFileSync(file, 'rubbish '.repeat(1_000))
    errorOf(() => openDatabase(dir))
    writeFileSync(file, '')

    const { db, close } = openDatabase(dir)
    expect(db.open).toBe(true)
    close()
  })

  it('says that a folder cannot be made', () => {
    const file = join(temporaryFolder(), 'a-file')
    writeFileSync(file, '')

    const error = errorOf(() => openDatabase(join(file, 'dbs')))

    expect(error).toBeInstanceOf(StorageError)
    expect(error.message).toContain('cannot be created')
  })

  it('says that the lock cannot be made', () => {
    const dir = temporaryFolder()
    mkdirSync(join(dir, 'scrapyd_service.lock'))

    expect(errorOf(() => openDatabase(dir)).message).toMatch(/cannot be (written|locked)/)
  })
})

function contentOf(dir: string): string {
  return createHash('sha256')
    .update(readFileSync(join(dir, DATABASE_FILE)))
    .digest('hex')
}
