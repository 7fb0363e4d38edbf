import { existsSync } from 'node:fs'
import { mkdir, readdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DirectoryTraversalError } from '../../../src-daemon/errors.ts'
import { pruneFiles, type PruneFilesOptions } from '../../../src-daemon/files/retention-files.ts'
import { tempFolder } from './temp-folder.ts'

async function folders() {
  const root = await tempFolder()
  const dirs = { logsDir: join(root, 'logs'), itemsDir: join(root, 'items'), jobsDir: join(root, 'jobs') }
  for (const dir of Object.values(dirs)) await mkdir(join(dir, 'p', 's'), { recursive: true })
  return { root, dirs }
}

/** Writes a file whose age is `minutes`. */
async function aged(dir: string, name: string, minutes: number): Promise<void> {
  const path = join(dir, 'p', 's', name)
  await writeFile(path, 'x')
  const time = new Date(Date.now() - minutes * 60_000)
  await utimes(path, time, time)
}

async function names(dir: string): Promise<string[]> {
  return (await readdir(join(dir, 'p', 's'))).toSorted()
}

const base: Pick<PruneFilesOptions, 'project' | 'spider' | 'isProtected'> = {
  project: 'p',
  spider: 's',
  isProtected: () => false,
}

describe('pruneFiles', () => {
  it('keeps the newest jobs with log and items, and removes the rest with .gz and JOBDIR', async () => {
    const { dirs } = await folders()
    for (const [i, id] of ['new', 'middle', 'old', 'oldest'].entries()) {
      await aged(dirs.logsDir, `${id}.log`, i)
      await aged(dirs.itemsDir, `${id}.jl`, i)
      await mkdir(join(dirs.jobsDir, 'p', 's', id, 'requests.queue'), { recursive: true })
    }
    await aged(dirs.logsDir, 'old.log.gz', 50)
    await aged(dirs.itemsDir, 'oldest.jl.gz', 50)
    const result = await pruneFiles({ ...base, ...dirs, keep: 2 })
    expect(result).toEqual({ jobs: ['oldest', 'old'], files: 6, bytes: 6, more: false })
    expect(await names(dirs.logsDir)).toEqual(['middle.log', 'new.log'])
    expect(await names(dirs.itemsDir)).toEqual(['middle.jl', 'new.jl'])
    expect(await names(dirs.jobsDir)).toEqual(['middle', 'new'])
  })

  it('never touches jobs that are pending or run, however old, and does not count them', async () => {
    const { dirs } = await folders()
    for (const [i, id] of ['a', 'b', 'c', 'running'].entries()) await aged(dirs.logsDir, `${id}.log`, i)
    await pruneFiles({ ...base, ...dirs, keep: 1, isProtected: (id) => id === 'running' })
    expect(await names(dirs.logsDir)).toEqual(['a.log', 'running.log'])
  })

  it('spares a job that is scheduled again while others are removed', async () => {
    const { dirs } = await folders()
    for (const [i, id] of ['a', 'b', 'c'].entries()) await aged(dirs.logsDir, `${id}.log`, i)
    let asked = 0
    const isProtected = (id: string) => id === 'b' && ++asked > 1
    expect((await pruneFiles({ ...base, ...dirs, keep: 1, isProtected })).jobs).toEqual(['c'])
    expect(await names(dirs.logsDir)).toEqual(['a.log', 'b.log'])
  })

  it('leaves files that are no job files, folders and links alone', async () => {
    const { root, dirs } = await folders()
    await aged(dirs.logsDir, 'notes.txt', 9)
    await aged(dirs.logsDir, '..log', 9)
    await mkdir(join(dirs.logsDir, 'p', 's', 'dir.log'))
    await writeFile(join(root, 'precious'), 'x')
    await symlink(join(root, 'precious'), join(dirs.logsDir, 'p', 's', 'link.log'))
    await aged(dirs.logsDir, 'a.log', 9)
    expect((await pruneFiles({ ...base, ...dirs, keep: 0 })).jobs).toEqual(['a'])
    expect(await names(dirs.logsDir)).toEqual(['..log', 'dir.log', 'link.log', 'notes.txt'])
    expect(existsSync(join(root, 'precious'))).toBe(true)
  })

  it('does not follow a folder that leads out', async () => {
    const { root, dirs } = await folders()
    await mkdir(join(root, 'elsewhere', 's'), { recursive: true })
    await writeFile(join(root, 'elsewhere', 's', 'a.log'), 'x')
    await symlink(join(root, 'elsewhere'), join(dirs.logsDir, 'q'))
    expect((await pruneFiles({ ...base, ...dirs, project: 'q', keep: 0 })).jobs).toEqual([])
    expect(existsSync(join(root, 'elsewhere', 's', 'a.log'))).toBe(true)
  })

  it('works in parts, oldest first', async () => {
    const { dirs } = await folders()
    for (let i = 0; i < 5; i++) await aged(dirs.logsDir, `j${i}.log`, i)
    const first = await pruneFiles({ ...base, ...dirs, keep: 1, maxJobs: 3 })
    expect(first).toMatchObject({ jobs: ['j4', 'j3', 'j2'], more: true })
    expect(await pruneFiles({ ...base, ...dirs, keep: 1, maxJobs: 3 })).toMatchObject({ jobs: ['j1'], more: false })
  })

  it('has nothing to do where nothing was stored, and refuses names that lead out', async () => {
    const { dirs } = await folders()
    const options = { ...base, ...dirs, itemsDir: null, jobsDir: null, keep: 1 }
    expect(await pruneFiles({ ...options, spider: 'never' })).toEqual({ jobs: [], files: 0, bytes: 0, more: false })
    await expect(pruneFiles({ ...options, project: '..' })).rejects.toThrow(DirectoryTraversalError)
  })
})
