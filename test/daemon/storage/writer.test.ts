import { describe, expect, it } from 'vitest'
import { StorageError } from '../../../src-daemon/errors.ts'
import { fillDisk, openLedger } from '../../helpers/ledger-parts.ts'

const BIG = 'x'.repeat(20_000)

function openMeta() {
  const parts = openLedger()
  const { meta, writer, db } = parts
  return {
    ...parts,
    put: (name: string, value = 'a') => writer.write(() => meta.set(name, value)),
    commits: () => {
      let commits = 0
      writer.onCommit(() => commits++)
      return () => commits
    },
    isBusy: () => db.inTransaction,
  }
}

describe('Writer', () => {
  it('commits all writes of a turn together, and resolves after the commit only', async () => {
    const { put, commits, meta, isBusy } = openMeta()
    const count = commits()
    const seen: boolean[] = []

    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        await put(`name ${i}`)
        seen.push(isBusy())
      }),
    )

    expect(count()).toBe(1)
    expect(seen).not.toContain(true)
    expect(meta.get('name 99')).toBe('a')
  })

  it('waits for what the next turns bring, but not for ever', async () => {
    const { put, commits } = openMeta()
    const count = commits()
    const turns = 40
    const written: Promise<void>[] = []
    for (let turn = 0; turn < turns; turn++) {
      written.push(put(`name ${turn}`))
      await new Promise(setImmediate)
    }
    await Promise.all(written)

    expect(count()).toBeGreaterThan(1)
    expect(count()).toBeLessThan(turns / 2)
  })

  it('lets patient steps of a rush share commits; what is urgent takes them along', async () => {
    const { writer, meta, commits, put } = openMeta()
    const count = commits()
    const steps = 200
    const order: number[] = []
    const written: Promise<unknown>[] = []
    for (let index = 0; index < steps; index++) {
      written.push(writer.writePatiently(() => order.push(index)))
      await new Promise(setImmediate)
      await new Promise(setImmediate)
    }
    await put('urgent')

    expect(order).toEqual(Array.from({ length: steps }, (_, index) => index))
    expect(count()).toBeLessThan(steps / 4)
    expect(meta.get('urgent')).toBe('a')
    expect(await Promise.all(written)).toHaveLength(steps)
  })

  it('gives each step its value, in order', async () => {
    const { writer } = openMeta()
    let order = 0

    expect(await Promise.all([1, 2, 3].map((n) => writer.write(() => [n, order++])))).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ])
  })

  it('undoes a step that throws, and nothing else of its batch', async () => {
    const { put, writer, meta } = openMeta()
    const mistake = new Error('mistake')
    const results = await Promise.allSettled([
      put('before'),
      writer.write(() => {
        meta.set('half', 'done')
        throw mistake
      }),
      put('after'),
    ])

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((results[1] as PromiseRejectedResult).reason).toBe(mistake)
    expect([meta.get('before'), meta.get('half'), meta.get('after')]).toEqual(['a', null, 'a'])
  })

  it('turns what SQLite refuses into a StorageError that keeps the cause', async () => {
    const { writer, db } = openMeta()

    const error = await writer
      .write(() => db.prepare('INSERT INTO meta VALUES (?, ?)').run('a', null))
      .catch((e: unknown) => e)

    expect(error).toBeInstanceOf(StorageError)
    expect((error as Error).cause).toMatchObject({ code: 'SQLITE_CONSTRAINT_NOTNULL' })
  })

  it('rejects with words on a full disk, changes nothing, and goes on once there is space', async () => {
    const parts = openMeta()
    const { put, meta } = parts
    const freeSpace = fillDisk(parts)

    const error = await put('big', BIG).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(StorageError)
    expect((error as Error).message).toMatch(/disk that holds dbs_dir is full/)
    expect(meta.get('big')).toBeNull()

    freeSpace()
    await put('big', BIG)
    expect(meta.get('big')).toBe(BIG)
  })

  it('keeps the small steps of a batch in which one finds the disk full, or rejects the whole batch: never a half', async () => {
    const parts = openMeta()
    const { put, meta } = parts
    fillDisk(parts)

    const results = await Promise.allSettled([put('one'), put('two', BIG), put('three')])

    for (const [i, name] of ['one', 'two', 'three'].entries()) {
      expect(meta.get(name) !== null).toBe(results[i]!.status === 'fulfilled')
    }
    expect(results[1]!.status).toBe('rejected')
  })

  it('rejects everything of a batch whose commit fails, and changes nothing', async () => {
    const { db, put, writer, meta, commits } = openMeta()
    const count = commits()
    // A foreign key that is checked at the commit makes the commit itself fail.
    db.exec(`CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)`)
    db.pragma('foreign_keys = ON')

    const results = await Promise.allSettled([
      put('one'),
      writer.write(() => db.prepare('INSERT INTO child VALUES (7)').run()),
      put('two'),
    ])

    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(results.map((result) => (result as PromiseRejectedResult).reason as unknown)).toEqual(
      Array.from({ length: 3 }, () => expect.any(StorageError) as unknown),
    )
    expect([meta.get('one'), meta.get('two')]).toEqual([null, null])
    expect(count()).toBe(0)

    await put('three')
    expect(meta.get('three')).toBe('a')
    expect(count()).toBe(1)
  })

  it('takes writes that are made while it commits into the next transaction', async () => {
    const { writer, meta } = openMeta()
    const later: Promise<unknown>[] = []

    await writer.write(() => {
      later.push(writer.write(() => meta.set('later', 'a')))
    })
    await Promise.all(later)

    expect(meta.get('later')).toBe('a')
  })

  it('splits a flood, so that others get their turn', async () => {
    const { writer, commits } = openMeta()
    const count = commits()

    await Promise.all(Array.from({ length: 1_200 }, (_, i) => writer.write(() => i)))

    expect(count()).toBe(3)
  })

  it('tells listeners until they leave', async () => {
    const { writer, put } = openMeta()
    let told = 0
    const leave = writer.onCommit(() => told++)
    await put('one')
    leave()
    await put('two')

    expect(told).toBe(1)
  })

  it('fails what is written after the database was closed, without ending the process', async () => {
    const { put, close } = openMeta()
    close()

    await expect(put('late')).rejects.toThrow(/not open/)
  })
})
