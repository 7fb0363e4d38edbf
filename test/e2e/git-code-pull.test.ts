import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GitError } from '../../src-daemon/errors.ts'
import { GitCode } from '../../src-daemon/projects/git-code.ts'
import type { PullError, PullOptions, PullResult } from '../../src-daemon/projects/git-pull.ts'
import { inChinese } from '../helpers/in-chinese.ts'
import { GitWorld } from '../daemon/projects/git-world.ts'

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

async function pull(options: Partial<PullOptions> = {}, path = world.node): Promise<PullResult> {
  return await code.pull(path, { branch: null, timeoutMs: 30_000, ...options })
}

async function refusal(options: Partial<PullOptions> = {}, path = world.node): Promise<PullError> {
  const error = await pull(options, path).then(
    (result) => new Error(`it worked: ${result.message}`),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(GitError)
  return error as PullError
}

describe('pull without local work', () => {
  it('says that it is up to date', async () => {
    const result = await pull()
    expect(result).toEqual({
      branch: 'main',
      before: first,
      after: first,
      changes: null,
      stashed: null,
      message: `already up to date at ${first.slice(0, 12)}`,
    })
  })

  it('fast-forwards, and tells what changed', async () => {
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n', 'spiders/新闻.py': 'b = 1\n' })
    const lines: string[] = []
    const result = await pull({ onOutput: (text) => lines.push(text) })
    expect(result).toMatchObject({ before: first, after: second, stashed: null })
    expect(result.changes).toBe('2 files changed, 2 insertions(+), 1 deletion(-)')
    expect(result.message).toBe(`${first.slice(0, 12)} -> ${second.slice(0, 12)}; ${result.changes}`)
    expect(world.read('spiders/新闻.py')).toBe('b = 1\n')
    expect(lines[0]).toMatch(/^\$ git fetch /)
    expect(lines.every((line) => line.endsWith('\n') && !line.includes('\r'))).toBe(true)
  })

  it('works from a folder below the top of the repository', async () => {
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    expect(await pull({}, join(world.node, 'spiders'))).toMatchObject({ after: second })
  })

  it('switches to the configured branch, new here or behind, in one step', async () => {
    world.git(world.up, 'checkout', '-q', '-b', 'develop')
    const second = world.publish('second', { 'spiders/d.py': 'd = 1\n' })
    const result = await pull({ branch: 'develop' })
    expect(result).toMatchObject({ branch: 'develop', before: first, after: second })
    expect(result.message).toContain("switched from 'main' to 'develop'")
    expect(inChinese(result.message)).toMatch(/；已从 main 切换到 develop$/)
    expect(world.git(world.node, 'rev-parse', '--abbrev-ref', 'develop@{upstream}')).toBe('origin/develop')

    world.git(world.node, 'checkout', '-q', 'main')
    const third = world.publish('third', { 'spiders/d.py': 'd = 2\n' })
    expect(await pull({ branch: 'develop' })).toMatchObject({ before: first, after: third })
    expect(world.git(world.node, 'symbolic-ref', '--short', 'HEAD')).toBe('develop')
  })

  it('leaves a detached HEAD for the configured branch', async () => {
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    world.git(world.node, 'checkout', '-q', '--detach')
    const result = await pull({ branch: 'main' })
    expect(result).toMatchObject({ before: first, after: second })
    expect(result.message).toContain('a detached HEAD')
    expect(inChinese(result.message)).toMatch(/；已从分离的 HEAD 切换到 main$/)
  })

  it('follows the remote that the branch is set to follow', async () => {
    world.git(world.node, 'remote', 'rename', 'origin', 'team')
    world.git(world.node, 'remote', 'add', 'origin', join(world.folder, 'nowhere.git'))
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    expect(await pull()).toMatchObject({ after: second })
  })

  it('gets the first commits of an empty clone', async () => {
    const empty = join(world.folder, 'empty')
    world.git(world.folder, 'init', '-q', empty)
    world.git(empty, 'remote', 'add', 'origin', world.bare)
    expect(await pull({}, empty)).toMatchObject({ branch: 'main', before: null, after: first })
  })

  it('pulls a shallow clone', async () => {
    const shallow = join(world.folder, 'shallow')
    world.git(world.folder, 'clone', '-q', '--depth=1', `file://${world.bare}`, shallow)
    world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    const third = world.publish('third', { 'spiders/a.py': 'a = 3\n' })
    expect(await pull({}, shallow)).toMatchObject({ before: first, after: third })
  })

  it('does not run the hooks of the repository', async () => {
    const hook = join(world.node, '.git', 'hooks', 'post-merge')
    mkdirSync(join(world.node, '.git', 'hooks'), { recursive: true })
    writeFileSync(hook, `#!/bin/sh\ntouch '${join(world.folder, 'hook-ran')}'\n`, { mode: 0o755 })
    world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    await pull()
    expect(existsSync(join(world.folder, 'hook-ran'))).toBe(false)
  })

  it('is not led astray by an environment that names another repository', async () => {
    const astray = new GitCode({
      ...world.env,
      GIT_DIR: join(world.up, '.git'),
      GIT_WORK_TREE: world.up,
      PAGER: 'false',
    })
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    expect(await astray.pull(world.node, { branch: null, timeoutMs: 30_000 })).toMatchObject({ after: second })
    expect(world.read('spiders/a.py')).toBe('a = 2\n')
  })
})

describe('pull over local edits', () => {
  it('stashes edits of tracked files, staged or not, and names them', async () => {
    world.write(world.node, 'spiders/a.py', 'a = "hotfix"\n')
    world.write(world.node, 'spiders/staged.py', 's = 1\n')
    world.git(world.node, 'add', 'spiders/staged.py')
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    const result = await pull()
    expect(result).toMatchObject({ after: second })
    expect(result.stashed).toMatch(/^spiders\/a\.py, spiders\/staged\.py \(back with: git stash apply [0-9a-f]{12}\)$/)
    expect(result.message).toContain(`local edits were put aside: ${result.stashed}`)
    expect(world.read('spiders/a.py')).toBe('a = 2\n')
    const stash = /apply ([0-9a-f]{12})/.exec(result.stashed ?? '')?.[1] ?? ''
    expect(inChinese(result.message)).toBe(
      `${first.slice(0, 12)} → ${second.slice(0, 12)}；${result.changes}；` +
        `本地改动已保存：spiders/a.py, spiders/staged.py（恢复：git stash apply ${stash}）`,
    )
    expect(world.git(world.node, 'show', `${stash}:spiders/a.py`)).toBe('a = "hotfix"')
    expect(world.git(world.node, 'show', `${stash}:spiders/staged.py`)).toBe('s = 1')
  })

  it('stashes edits also when there is nothing new, so that the code is what the commit says', async () => {
    world.write(world.node, 'README.md', 'edited\n')
    const result = await pull()
    expect(result.message).toMatch(/^already up to date at .*local edits were put aside: README\.md/)
    expect(world.read('README.md')).toBe('hello\n')
  })

  it('leaves files alone that git does not know and that are not in the way', async () => {
    world.write(world.node, 'logs/job.log', 'log\n')
    world.write(world.node, 'spiders/mine.py', 'm = 1\n')
    world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    const result = await pull()
    expect(result.stashed).toBeNull()
    expect(world.read('logs/job.log')).toBe('log\n')
    expect(world.read('spiders/mine.py')).toBe('m = 1\n')
  })

  it('stashes files in the way, unknown or ignored, also where a folder comes or goes', async () => {
    world.write(world.node, 'spiders/new.py', 'mine\n')
    world.write(world.node, 'item[1].jl', 'mine too\n')
    world.write(world.node, 'data', 'a file where a folder comes\n')
    world.write(world.node, '.git/info/exclude', '*.jl\n')
    const files = { 'spiders/new.py': 'theirs\n', 'item[1].jl': 'theirs too\n', 'data/x.csv': '1\n' }
    const second = world.publish('second', files)
    const result = await pull()
    expect(result).toMatchObject({ after: second })
    expect(world.read('spiders/new.py')).toBe('theirs\n')
    expect(world.read('item[1].jl')).toBe('theirs too\n')
    expect(world.read('data/x.csv')).toBe('1\n')
    const stash = /apply ([0-9a-f]{12})/.exec(result.stashed ?? '')?.[1] ?? ''
    const kept = world.git(world.node, '-c', 'core.quotePath=false', 'ls-tree', '-r', '--name-only', `${stash}^3`)
    expect(kept.split('\n').toSorted()).toEqual(['data', 'item[1].jl', 'spiders/new.py'])
    expect(world.git(world.node, 'show', `${stash}^3:spiders/new.py`)).toBe('mine')
  })

  it('needs nobody to have a name', async () => {
    world.write(world.node, 'README.md', 'edited\n')
    const result = await pull()
    expect(result.stashed).not.toBeNull()
    expect(world.git(world.node, 'stash', 'list')).toContain('scrapyd-service: local edits before pulling main')
  })
})

describe('pull that must not go on', () => {
  it('keeps both sides when they have diverged', async () => {
    const mine = world.commit(world.node, 'mine', { 'spiders/mine.py': 'm = 1\n' })
    world.write(world.node, 'README.md', 'edited\n')
    world.publish('theirs', { 'spiders/a.py': 'a = 2\n' })
    const error = await refusal()
    expect(error.message).toMatch(/^diverged: 'main' has 1 commit here that 'origin' does not have, and lacks 1/)
    expect(inChinese(error.message)).toBe(
      '已分叉：此处的 main 有 1 个提交是 origin 没有的，并且落后 1 个提交；未作任何更改。' +
        `在 ${world.node} 中手动推送或变基`,
    )
    expect(error.progress).toMatchObject({ branch: 'main', before: mine, after: null, stashed: null })
    expect(world.git(world.node, 'rev-parse', 'HEAD')).toBe(mine)
    expect(world.read('README.md')).toBe('edited\n')
  })

  it('says that upstream has rewritten its history', async () => {
    world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    await pull()
    world.git(world.up, 'reset', '-q', '--hard', first)
    world.publish('another second', { 'spiders/a.py': 'a = 3\n' })
    const { message } = await refusal()
    expect(message).toMatch(/^diverged: 'origin' has rewritten the history of 'main'.*reset --keep/)
    expect(inChinese(message)).toMatch(
      /^已分叉：origin 改写了 main 的历史（原有的 1 个提交已不存在）；未作任何更改。要跟随它：git -C '.+' reset --keep [0-9a-f]{12}$/,
    )
  })

  it('keeps commits that are only here when upstream has nothing new', async () => {
    const mine = world.commit(world.node, 'mine', { 'spiders/mine.py': 'm = 1\n' })
    const result = await pull()
    expect(result).toMatchObject({ before: mine, after: mine })
    expect(result.message).toContain('1 commit here not pushed')
    expect(inChinese(result.message)).toBe(`已是最新（${mine.slice(0, 12)}）；此处有 1 个提交未推送`)
  })

  it('keeps commits of a detached HEAD', async () => {
    world.git(world.node, 'checkout', '-q', '--detach')
    const mine = world.commit(world.node, 'mine', { 'spiders/mine.py': 'm = 1\n' })
    world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    const { message } = await refusal({ branch: 'main' })
    expect(message).toMatch(/^diverged: HEAD is detached/)
    expect(inChinese(message)).toBe(
      `已分叉：HEAD 分离于 ${mine.slice(0, 12)}，没有分支包含该提交；未作任何更改。` +
        '先为它建立分支（git branch NAME），再次拉取',
    )
    expect(world.git(world.node, 'rev-parse', 'HEAD')).toBe(mine)
  })

  const situations: [string, (world: GitWorld) => Partial<PullOptions>, RegExp, RegExp][] = [
    [
      'a branch that the remote does not have',
      () => ({ branch: 'nope' }),
      /^cannot fetch 'nope': the remote 'origin' has no branch 'nope'/,
      /^无法获取分支 nope：远程仓库 origin 没有分支 nope（git：fatal: couldn't find remote ref refs\/heads\/nope）$/,
    ],
    [
      'a branch that upstream has deleted',
      ({ up, node, git }) => {
        const run = git.bind(world)
        run(up, 'push', '-q', 'origin', 'HEAD:refs/heads/gone')
        run(node, 'fetch', '-q')
        run(node, 'checkout', '-q', 'gone')
        run(up, 'push', '-q', 'origin', ':gone')
        return {}
      },
      /the remote 'origin' has no branch 'gone'/,
      /^无法获取分支 gone：远程仓库 origin 没有分支 gone（git：fatal: couldn't find .*）$/,
    ],
    [
      'a repository without a remote',
      ({ node }) => {
        world.git(node, 'remote', 'remove', 'origin')
        return {}
      },
      /there is nowhere to pull .* from: it has no remote and branch 'main' follows none/,
      /^\S+\/node 无处可拉取：没有远程仓库，分支 main 也没有跟踪任何远程分支$/,
    ],
    [
      'a detached HEAD and no branch configured',
      ({ node }) => {
        world.git(node, 'checkout', '-q', '--detach')
        return {}
      },
      /is at no branch \(HEAD is detached at [0-9a-f]{12}\)/,
      /^\S+\/node 不在任何分支上（HEAD 分离于 [0-9a-f]{12}）：检出一个分支，或用 \[cluster\] 的 `branch` 选项指定分支$/,
    ],
    [
      'a remote that is gone',
      ({ node, folder }) => {
        world.git(node, 'remote', 'set-url', 'origin', join(folder, 'moved.git'))
        return {}
      },
      /the remote 'origin' is not there \(any more\)/,
      /^无法获取分支 main：远程仓库 origin 不存在（或已被移除），或者现有凭据没有查看它的权限（git：fatal: .*）$/,
    ],
    [
      'a server that cannot be reached',
      ({ node }) => {
        world.git(node, 'remote', 'set-url', 'origin', 'http://127.0.0.1:1/x.git')
        return {}
      },
      /127\.0\.0\.1 cannot be reached/,
      /^无法获取分支 main：127\.0\.0\.1 无法连接（git：fatal: unable to access .*）$/,
    ],
    [
      'a merge that was never finished',
      ({ node }) => {
        world.write(node, '.git/MERGE_HEAD', `${first}\n`)
        return {}
      },
      /in the middle of a merge or rebase \(MERGE_HEAD\)/,
      /^\S+\/node 正处于合并或变基过程中（MERGE_HEAD）：先完成或撤销它$/,
    ],
    [
      'a name that is no branch',
      () => ({ branch: '--upload-pack=touch x' }),
      /'--upload-pack=touch x' is not the name of a branch/,
      /^--upload-pack=touch x 不是分支名$/,
    ],
  ]
  it.each(situations)('says what is wrong: %s', async (_, arrange, words, chinese) => {
    const options = arrange(world)
    const error = await refusal(options)
    expect(error.message).toMatch(words)
    expect(inChinese(error.message)).toMatch(chinese)
    expect(world.git(world.node, 'rev-parse', 'HEAD')).toBe(first)
  })

  it('says that a folder is under no git', async () => {
    const plain = join(world.folder, 'plain')
    mkdirSync(plain)
    const { message } = await refusal({}, plain)
    expect(message).toMatch(/plain is not in a git repository/)
    expect(inChinese(message)).toBe(`${plain} 不在 git 仓库中：没有提交历史，也无处可拉取`)
  })

  it('names a lock that a killed git left behind', async () => {
    const lock = join(world.node, '.git', 'index.lock')
    world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    writeFileSync(lock, '')
    const error = await refusal()
    expect(error.message).toContain(`rm '${lock}'`)
    expect(inChinese(error.message)).toMatch(
      /^另一个 git 进程占用 \S+index\.lock（已 \d+ 秒）；.*：删除该文件（rm '.*'），再次拉取$/,
    )
    expect(world.git(world.node, 'rev-parse', 'HEAD')).toBe(first)
  })
})

describe('pull over a network', () => {
  async function from(url: string): Promise<void> {
    world.git(world.node, 'remote', 'set-url', 'origin', url)
  }

  it('pulls over HTTP with the credentials of the address, and never shows them', async () => {
    const url = await world.serveGit('bot:s3cret')
    await from(`${url.replace('//', '//bot:s3cret@')}/up.git`)
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    let output = ''
    const result = await pull({ onOutput: (text) => (output += text) })
    expect(result).toMatchObject({ after: second })
    expect(output + JSON.stringify(result)).not.toContain('s3cret')
  })

  it('says that credentials are missing, and asks nobody', async () => {
    const url = await world.serveGit('bot:s3cret')
    await from(`${url}/up.git`)
    const error = await refusal()
    expect(error.message).toContain(`credentials are missing for ${url}`)
    expect(inChinese(error.message)).toContain(`无法获取分支 main：缺少 ${url} 的凭据：为运行守护进程的用户保存凭据`)
  })

  it('says that credentials are wrong without showing them', async () => {
    const url = await world.serveGit('bot:s3cret')
    await from(`${url.replace('//', '//bot:wr0ng@')}/up.git`)
    const error = await refusal()
    expect(error.message).toContain('credentials are missing or wrong')
    expect(error.message).not.toContain('wr0ng')
  })

  it('does not call a program that asks', async () => {
    const asked = join(world.folder, 'asked')
    const program = join(world.folder, 'ask')
    writeFileSync(program, `#!/bin/sh\ntouch '${asked}'\necho s3cret\n`, { mode: 0o755 })
    world.git(world.node, 'config', 'core.askPass', program)
    const asking = new GitCode({ ...world.env, GIT_ASKPASS: program, SSH_ASKPASS: program })
    await from(`${await world.serveGit('bot:s3cret')}/up.git`)
    await expect(asking.pull(world.node, { branch: null, timeoutMs: 30_000 })).rejects.toThrow(
      'credentials are missing',
    )
    expect(existsSync(asked)).toBe(false)
  })

  it('ends git and everything it started when the server hangs', async () => {
    const url = await world.serve(() => undefined)
    await from(`${url}/up.git`)
    const error = await refusal({ timeoutMs: 700 })
    expect(error.message).toBe('git fetch took longer than 1 s')
    expect(inChinese(error.message)).toBe('git fetch 超过 1 秒未完成')
    expect(processesWith(url)).toEqual([])
    await from(world.bare)
    expect(await pull()).toMatchObject({ after: first })
  })

  it('can be stopped', async () => {
    const stop = new AbortController()
    const url = await world.serve(() => stop.abort())
    await from(`${url}/up.git`)
    const error = await refusal({ signal: stop.signal })
    expect(error.message).toBe('git fetch was stopped')
    expect(inChinese(error.message)).toBe('git fetch 已被中止')
    expect(processesWith(url)).toEqual([])
  })
})

describe('pulls at the same time', () => {
  it('take turns in one repository, within a daemon and among daemons', async () => {
    const second = world.publish('second', { 'spiders/a.py': 'a = 2\n' })
    const other = new GitCode(world.env)
    const options = { branch: null, timeoutMs: 30_000 }
    const results = await Promise.all([code, other, code, other].map((daemon) => daemon.pull(world.node, options)))
    expect(results.map((result) => result.after)).toEqual([second, second, second, second])
    expect(results.filter((result) => result.before === first)).toHaveLength(1)
    expect(readdirSync(join(world.node, '.git')).filter((name) => name.includes('.lock'))).toEqual([])
  })

  it('clears away the lock of a daemon that was killed', async () => {
    const lock = join(world.node, '.git', 'scrapyd-service.lock')
    const { hostname } = await import('node:os')
    writeFileSync(lock, JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), token: 'dead' }))
    expect(await pull()).toMatchObject({ after: first })
    expect(existsSync(lock)).toBe(false)
  })

  it('names the daemon that holds the repository', async () => {
    const lock = join(world.node, '.git', 'scrapyd-service.lock')
    writeFileSync(lock, JSON.stringify({ pid: 77, host: 'other.example.org', token: 'x' }))
    const error = await refusal({ timeoutMs: 200 })
    expect(error.message).toContain('is being pulled by process 77 on other.example.org')
    expect(inChinese(error.message)).toBe(`other.example.org 上的进程 77 正在拉取 ${world.node}（${lock}）`)
    expect(readFileSync(lock, 'utf8')).toContain('other.example.org')
  })
})

describe('submodules', () => {
  let library: string

  beforeEach(() => {
    const bare = join(world.folder, 'lib.git')
    library = join(world.folder, 'lib')
    world.git(world.folder, 'init', '-q', '--bare', '-b', 'main', bare)
    world.git(world.folder, 'clone', '-q', bare, library)
    world.git(library, 'checkout', '-q', '-B', 'main')
    world.commit(library, 'lib 1', { 'lib.py': 'v = 1\n' })
    world.git(library, 'push', '-q', 'origin', 'main')
    world.git(world.up, 'submodule', '--quiet', 'add', bare, 'lib')
    world.publish('with lib', {})
  })

  function moveLibrary(): void {
    world.commit(library, 'lib 2', { 'lib.py': 'v = 2\n' })
    world.git(library, 'push', '-q', 'origin', 'main')
    world.git(join(world.up, 'lib'), 'pull', '-q', 'origin', 'main')
    world.git(world.up, 'add', 'lib')
    world.publish('newer lib', {})
  }

  it('are fetched when they come, and follow afterwards', async () => {
    await pull()
    expect(world.read('lib/lib.py')).toBe('v = 1\n')
    moveLibrary()
    await pull()
    expect(world.read('lib/lib.py')).toBe('v = 2\n')
  })

  it('keep their edits in a stash of their own', async () => {
    await pull()
    world.write(world.node, 'lib/lib.py', 'v = "mine"\n')
    moveLibrary()
    const result = await pull()
    expect(result.stashed).toContain('lib/lib.py')
    expect(world.read('lib/lib.py')).toBe('v = 2\n')
    expect(world.git(join(world.node, 'lib'), 'show', 'stash@{0}:lib.py')).toBe('v = "mine"')
  })

  it('keep their own commits', async () => {
    await pull()
    const mine = world.commit(join(world.node, 'lib'), 'mine', { 'lib.py': 'v = "mine"\n' })
    moveLibrary()
    const { message } = await refusal()
    expect(message).toMatch(/^diverged: submodule .*lib holds commits that no branch has/)
    expect(inChinese(message)).toMatch(/^已分叉：子模块 \S+\/lib 中有不属于任何分支的提交；先为它们建立分支$/)
    expect(world.git(join(world.node, 'lib'), 'rev-parse', 'HEAD')).toBe(mine)
  })
})

/** Processes whose command line holds a text (Linux). */
function processesWith(text: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        // Gone meanwhile.
        return ''
      }
    })
    .filter((line) => line.includes(text))
}
