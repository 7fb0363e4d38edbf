import { spawnSync } from 'node:child_process'
import { userInfo } from 'node:os'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reasonText } from '../../../src-daemon/api/contract/reasons.ts'
import { gitEnvironment, guardedNames } from '../../../src-daemon/projects/git-environment.ts'
import { gitFailure } from '../../../src-daemon/projects/git-failure.ts'
import { GitOutput, withoutCredentials } from '../../../src-daemon/projects/git-output.ts'
import { inChinese } from '../../helpers/in-chinese.ts'
import { GitWorld } from './git-world.ts'

describe('gitEnvironment', () => {
  const make = (env: NodeJS.ProcessEnv, sshCommand: string | null = null) =>
    gitEnvironment(env, { token: 't', sshCommand })

  it('keeps how a remote is reached, drops what names a repository or asks', () => {
    const daemon = {
      PATH: '/bin',
      HOME: '/root',
      https_proxy: 'http://proxy:3128',
      GIT_SSL_CAINFO: '/ca.pem',
      GIT_CONFIG_GLOBAL: '/gitconfig',
      GIT_DIR: '/x/.git',
      GIT_INDEX_FILE: '/x/index',
      GIT_CONFIG_COUNT: '1',
      GIT_ASKPASS: '/usr/bin/ask',
      SSH_ASKPASS: '/usr/bin/ask',
      EDITOR: 'vi',
      PAGER: 'less',
    }
    expect(make(daemon)).toEqual({
      PATH: '/bin',
      HOME: '/root',
      https_proxy: 'http://proxy:3128',
      GIT_SSL_CAINFO: '/ca.pem',
      GIT_CONFIG_GLOBAL: '/gitconfig',
      LANGUAGE: '',
      LC_ALL: 'C.UTF-8',
      GIT_TERMINAL_PROMPT: '0',
      GIT_ASKPASS: '',
      GCM_INTERACTIVE: 'never',
      GIT_SSH_COMMAND: 'ssh -o BatchMode=yes -o ConnectTimeout=15',
      SCRAPYD_SERVICE_GIT: 't',
    })
    expect(guardedNames(make(daemon))).toContain('GIT_SSL_CAINFO')
  })

  it.each([
    [{ GIT_SSH_COMMAND: 'ssh -i /key' }, null, 'ssh -i /key -o BatchMode=yes -o ConnectTimeout=15'],
    [{}, '/usr/bin/ssh -i "/my key"', '/usr/bin/ssh -i "/my key" -o BatchMode=yes -o ConnectTimeout=15'],
    [{ GIT_SSH_COMMAND: 'ssh -i /a' }, 'ssh -i /b', 'ssh -i /a -o BatchMode=yes -o ConnectTimeout=15'],
    [{ GIT_SSH: '/opt/my ssh/ssh' }, null, "'/opt/my ssh/ssh' -o BatchMode=yes -o ConnectTimeout=15"],
    [{ GIT_SSH: '/opt/plink' }, null, "'/opt/plink'"],
    [{}, 'tortoiseplink -batch', 'tortoiseplink -batch'],
  ])('lets SSH not ask: %j, configured %j', (env, configured, expected) => {
    expect(make(env, configured)['GIT_SSH_COMMAND']).toBe(expected)
  })
})

describe('gitFailure', () => {
  const place = { root: '/srv/code', remote: 'origin' }
  const failed = (detail: string) => reasonText('notFetched', { branch: 'main', detail })
  const SIGN_IN = '为运行守护进程的用户保存凭据（git 凭据助手或 SSH 密钥），拉取时不会询问密码'
  it.each([
    [
      "fatal: could not read Username for 'https://h': terminal prompts disabled",
      'credentials are missing for https://h',
      `缺少 https://h 的凭据：${SIGN_IN}`,
    ],
    [
      "fatal: could not read Password for 'https://bot@h': terminal prompts disabled",
      'missing for https://***@h',
      `缺少 https://***@h 的凭据：${SIGN_IN}`,
    ],
    [
      "remote: denied\nfatal: Authentication failed for 'https://h/x.git/'",
      'credentials are missing or wrong for https://h',
      `https://h/x.git/ 的凭据缺失或错误：${SIGN_IN}`,
    ],
    [
      'remote: HTTP Basic: Access denied',
      "credentials are missing or wrong for the remote 'origin': store them for the user",
      `远程仓库 origin 的凭据缺失或错误：${SIGN_IN}`,
    ],
    [
      'git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.',
      'missing for git@h: it accepts no',
      `缺少 git@h 的凭据：它不接受用户 ${userInfo().username}（守护进程由其运行）的任何 SSH 密钥（有密码的密钥需加入 ssh-agent）`,
    ],
    [
      'Host key verification failed.\nfatal: Could not read',
      "host key of the remote 'origin' is not known",
      `远程仓库 origin 的主机密钥未知：以用户 ${userInfo().username}（守护进程由其运行）的身份手动用 ssh 连接一次`,
    ],
    [
      'ERROR: Repository not found.\nfatal: Could not read',
      "the remote 'origin' is not there",
      '远程仓库 origin 不存在（或已被移除），或者现有凭据没有查看它的权限',
    ],
    [
      "fatal: unable to access 'http://h/': Could not resolve host: h",
      'the name h cannot be resolved',
      '无法解析主机名 h',
    ],
    [
      "fatal: unable to access 'http://h/': The requested URL returned error: 403",
      'refuses access (403)',
      '远程仓库 origin 拒绝访问（403）：现有凭据没有读取该仓库的权限',
    ],
    [
      "fatal: unable to access 'http://h/': Operation too slow. Less than 1 bytes/sec",
      'does not answer',
      '远程仓库 origin 没有响应',
    ],
    [
      'ssh: connect to host h.example port 22: Connection timed out',
      'h.example cannot be reached',
      'h.example 无法连接',
    ],
    [
      "fatal: Unable to create '/srv/code/.git/HEAD.lock': File exists.",
      'holds /srv/code/.git/HEAD.lock; if none is running',
      '另一个 git 进程占用 /srv/code/.git/HEAD.lock；如果没有 git 在运行，说明曾有进程在此被终止：删除该文件，再次拉取',
    ],
    [
      'error: unable to write file x: No space left on device',
      'the disk of /srv/code is full',
      '/srv/code 所在磁盘已满',
    ],
    [
      'README: needs merge',
      'a merge in /srv/code was never finished: finish it or take it back (git merge --abort), then pull again',
      '/srv/code 中有未完成的合并：完成或撤销它（git merge --abort），再次拉取',
    ],
  ])('says %j in words, here and in Chinese', (stderr, words, chinese) => {
    const { message } = gitFailure(failed, { exitCode: 128, stdout: '', stderr }, place)
    const said = / \(git: (.+)\)$/s.exec(message)?.[1]
    expect(message).toContain(words)
    expect(stderr.replaceAll(/\s+/g, ' ')).toContain(said?.replaceAll('***', 'bot').split(' fatal:')[0])
    expect(inChinese(message)).toBe(`无法获取分支 main：${chinese}（git：${said}）`)
  })

  it.each([
    ['fatal: something new', "cannot fetch 'main': fatal: something new", '无法获取分支 main：fatal: something new'],
    ['', "cannot fetch 'main': git ended with status 128", '无法获取分支 main：git 以状态 128 结束'],
  ])('quotes what it does not know: %j', (stderr, words, chinese) => {
    const { message } = gitFailure(failed, { exitCode: 128, stdout: '', stderr }, place)
    expect(message).toBe(words)
    expect(inChinese(message)).toBe(chinese)
  })
})

describe('the installed git', () => {
  let world: GitWorld

  beforeEach(() => {
    world = new GitWorld()
    world.begin()
  })

  afterEach(async () => {
    await world.end()
  })

  it('refuses a folder of another user in words that are understood', () => {
    const env = { ...world.env, LC_ALL: 'C.UTF-8', GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' }
    const { status, stdout, stderr } = spawnSync('git', ['log', '-1'], { cwd: world.node, env, encoding: 'utf8' })
    const error = gitFailure(
      (detail) => reasonText('noTip', { root: world.node, detail }),
      { exitCode: status ?? 0, stdout, stderr },
      { root: world.node },
    )
    const command = `git config --global --add safe.directory '${world.node}'`
    const said = error.message.slice(error.message.indexOf(' (git: ') + 7, -1)
    const user = userInfo().username
    expect(error.message).toContain(`Allow it as that user with: ${command} (git: ${said})`)
    expect(inChinese(error.message)).toBe(
      `无法读取 ${world.node} 的当前提交：git 拒绝使用 ${world.node}：该目录属于其他用户，而守护进程由用户 ${user} 运行。` +
        `以该用户执行以下命令即可放行：${command}（git：${said}）`,
    )
  })
})

describe('GitOutput', () => {
  it('passes whole lines on, the last state of a progress, and no credentials', () => {
    const lines: string[] = []
    const output = new GitOutput((text) => lines.push(text))
    for (const piece of [
      'Receiving:  1%\r',
      'Receiving: 5',
      '0%\rReceiving: 100%, done.\nFrom https://a:b',
      '@h/x\n中',
    ]) {
      output.write(Buffer.from(piece))
    }
    output.write(Buffer.from('文').subarray(0, 1))
    output.write(Buffer.from('文').subarray(1))
    output.end()
    expect(lines).toEqual(['Receiving: 100%, done.\n', 'From https://***@h/x\n', '中文\n'])
  })

  it.each([
    ['https://user:p%40ss@host/x and ssh://git@host/y', 'https://***@host/x and ssh://***@host/y'],
    ['git@host:x.git, mail a@b.c', 'git@host:x.git, mail a@b.c'],
    ["'https://token@host'", "'https://***@host'"],
  ])('takes credentials out of %s', (text, expected) => {
    expect(withoutCredentials(text)).toBe(expected)
  })
})
