import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GitError, InvalidParameterError } from '../../../src-daemon/errors.ts'
import { GitCode } from '../../../src-daemon/projects/git-code.ts'
import { parseStatus } from '../../../src-daemon/projects/git-status.ts'
import { GitWorld } from './git-world.ts'

let world: GitWorld
let code: GitCode
let first: string

beforeEach(() => {
  world = new GitWorld()
  code = new GitCode(world.env)
  first = world.begin()
})

afterEach(async () => {
  await world.end()
})

/** What a program finds that asks again and again, until it is as expected. */
async function eventually(path: string, expected: object): Promise<void> {
  await expect.poll(() => code.head(path), { interval: 20 }).toMatchObject(expected)
}

describe('head', () => {
  it('tells what is checked out', async () => {
    expect(await code.head(join(world.node, 'spiders'))).toEqual({
      commit: first,
      branch: 'main',
      subject: 'first',
      author: 'Zhang San',
      committedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
      dirty: false,
      behind: 0,
      ahead: 0,
    })
    expect(await code.commit(world.node)).toBe(first)
  })

  it('is null outside git and for a folder that is not there', async () => {
    const plain = join(world.folder, 'plain')
    mkdirSync(plain)
    expect(await code.head(plain)).toBeNull()
    expect(await code.commit(plain)).toBeNull()
    expect(await code.head(join(world.folder, 'nowhere'))).toBeNull()
  })

  it('notices a repository that comes to be, and its first commit', async () => {
    const folder = join(world.folder, 'young')
    mkdirSync(folder)
    expect(await code.head(folder)).toBeNull()
    world.git(folder, 'init', '-q', '-b', 'main')
    expect(await code.head(folder, { fresh: true })).toMatchObject({ commit: null, branch: 'main', behind: null })
    const commit = world.commit(folder, 'one', { 'a.py': '' })
    await eventually(folder, { commit, subject: 'one' })
  })

  it('notices commits, switches and fetches made by hand', async () => {
    expect(await code.head(world.node)).toMatchObject({ commit: first })
    const mine = world.commit(world.node, 'mine', { 'b.py': 'b = 1\n' })
    await eventually(world.node, { commit: mine, subject: 'mine', ahead: 1 })
    world.git(world.node, 'checkout', '-q', '-b', 'other')
    await eventually(world.node, { commit: mine, branch: 'other', ahead: null })
    world.git(world.node, 'checkout', '-q', '--detach', first)
    await eventually(world.node, { commit: first, branch: null })
    world.git(world.node, 'checkout', '-q', 'main')
    world.publish('theirs', { 'spiders/a.py': 'a = 2\n' })
    world.git(world.node, 'fetch', '-q')
    await eventually(world.node, { commit: mine, branch: 'main', ahead: 1, behind: 1 })
    world.git(world.node, 'pack-refs', '--all')
    const again = world.commit(world.node, 'again', {})
    await eventually(world.node, { commit: again })
  })

  it('knows a linked working tree', async () => {
    const tree = join(world.folder, 'tree')
    world.git(world.node, 'worktree', 'add', '-q', '-b', 'side', tree)
    expect(await code.head(tree)).toMatchObject({ commit: first, branch: 'side' })
    const commit = world.commit(tree, 'on the side', {})
    await eventually(tree, { commit })
    expect(await code.head(world.node)).toMatchObject({ commit: first, branch: 'main' })
  })

  const edits: [string, (folder: string) => void, boolean][] = [
    ['an edited file', (folder) => world.write(folder, 'README.md', 'edited\n'), true],
    ['a staged file', (folder) => world.git(folder, 'rm', '-q', '--cached', 'README.md'), true],
    ['a new Python file', (folder) => world.write(folder, 'spiders/b.py', 'b = 1\n'), true],
    ['a new package', (folder) => world.write(folder, 'extra/__init__.py', ''), true],
    ['items and logs', (folder) => world.write(folder, 'items/1.jl', '{}\n'), false],
    [
      'an environment',
      (folder) => {
        world.write(folder, '.venv/pyvenv.cfg', 'home = /usr/bin\n')
        world.write(folder, '.venv/x.py', '')
      },
      false,
    ],
  ]
  it.each(edits)('tells whether the code is edited: %s', async (_, edit, dirty) => {
    edit(world.node)
    expect(await code.head(world.node)).toMatchObject({ dirty })
  })

  it('reads anew when asked to', async () => {
    expect(await code.head(world.node)).toMatchObject({ dirty: false })
    world.write(world.node, 'README.md', 'edited\n')
    expect(await code.head(world.node, { fresh: true })).toMatchObject({ dirty: true })
  })

  it('starts no git while nothing changes', async () => {
    const log = join(world.folder, 'started')
    const bin = join(world.folder, 'bin')
    mkdirSync(bin)
    const script = `#!/bin/sh\necho x >> '${log}'\nPATH='${process.env['PATH']}' exec git "$@"\n`
    writeFileSync(join(bin, 'git'), script, { mode: 0o755 })
    const counting = new GitCode({ ...world.env, PATH: `${bin}:${process.env['PATH']}` })
    await counting.head(world.node)
    const started = readFileSync(log, 'utf8')
    for (let round = 0; round < 200; round++)
      await Promise.all([counting.commit(world.node), counting.head(world.node)])
    expect(readFileSync(log, 'utf8')).toBe(started)
  })

  it('says that git is not installed', async () => {
    const without = new GitCode({ ...world.env, PATH: join(world.folder, 'empty') })
    await expect(without.head(world.node)).rejects.toThrow('git is not installed on this node')
  })

  it('says that git refuses the repository', async () => {
    writeFileSync(join(world.node, '.git', 'config'), 'not a configuration')
    await expect(code.head(world.node)).rejects.toThrow(/cannot read the commit of .*bad config/)
    await expect(code.commit(world.node)).rejects.toBeInstanceOf(GitError)
  })

  it('is right after a pull', async () => {
    await code.head(world.node)
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    await code.pull(world.node, { branch: null, timeoutMs: 30_000 })
    expect(await code.head(world.node)).toMatchObject({ commit: second, dirty: false, behind: 0 })
  })
})

describe('history', () => {
  it('lists commits newest first, with what they are', async () => {
    const second = world.commit(world.node, 'second: "quotes" & 中文', { 'a.py': '1' })
    const third = world.commit(world.node, 'third', { 'a.py': '2' })
    const commits = await code.commits(world.node, first, null)
    expect(commits.map((commit) => commit.commit)).toEqual([third, second])
    expect(commits[1]).toMatchObject({ subject: 'second: "quotes" & 中文', author: 'Zhang San' })
    expect(await code.commits(world.node, first, second.slice(0, 8))).toHaveLength(1)
    expect(await code.commits(world.node, null, null)).toHaveLength(3)
    expect(await code.commits(world.node, third, null)).toEqual([])
  })

  it('refuses what is no commit', async () => {
    await expect(code.commits(world.node, '--output=x', null)).rejects.toBeInstanceOf(InvalidParameterError)
    await expect(code.commits(world.node, 'deadbeef', null)).rejects.toThrow('does not know all of deadbeef..HEAD')
    await expect(code.commits(world.folder, null, null)).rejects.toMatchObject({
      message: expect.stringContaining('is not in a git repository'),
      status: 409,
    })
  })

  it('lists at most 200', async () => {
    const commits = Array.from({ length: 205 }, (_, i) => {
      const parent = i === 0 ? `from ${first}\n` : ''
      return `commit refs/heads/main\ncommitter A <a@example.org> ${1_790_000_000 + i} +0000\ndata 2\nc\n${parent}\n`
    })
    world.gitWith(commits.join(''), world.node, 'fast-import', '--quiet')
    expect(await code.commits(world.node, first, null)).toHaveLength(200)
  })

  it('knows whether a commit is part of another', async () => {
    const second = world.commit(world.node, 'second', {})
    expect(await code.isAncestor(world.node, first, second)).toBe(true)
    expect(await code.isAncestor(world.node, second, first)).toBe(false)
    await expect(code.isAncestor(world.node, 'deadbeef', first)).rejects.toBeInstanceOf(GitError)
  })
})

describe('parseStatus', () => {
  it('reads renames, spaces and conflicts', () => {
    const hash = '0'.repeat(40)
    const modes = '100644 100644 100644'
    const text = [
      '# branch.oid x',
      '# branch.upstream origin/a b',
      '# branch.ab +2 -3',
      `1 .M N... ${modes} ${hash} ${hash} with space.py`,
      `2 R. N... ${modes} ${hash} ${hash} R100 new name.py`,
      'old name.py',
      `u UU N... 100644 ${modes} ${hash} ${hash} ${hash} both.py`,
      '? new folder/',
      '',
    ].join('\0')
    expect(parseStatus(text)).toEqual({
      upstream: 'origin/a',
      ahead: 2,
      behind: 3,
      changed: ['with space.py', 'new name.py', 'both.py'],
      untracked: ['new folder/'],
    })
  })
})
