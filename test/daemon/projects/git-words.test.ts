import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { gitEnvironment, guardedNames } from '../../../src-daemon/projects/git-environment.ts'
import { gitFailure } from '../../../src-daemon/projects/git-failure.ts'
import { GitOutput, withoutCredentials } from '../../../src-daemon/projects/git-output.ts'
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
  it.each([
    [
      "fatal: could not read Username for 'https://h': terminal prompts disabled",
      'credentials are missing for https://h',
    ],
    ["fatal: could not read Password for 'https://bot@h': terminal prompts disabled", 'missing for https://***@h'],
    [
      "remote: denied\nfatal: Authentication failed for 'https://h/x.git/'",
      'credentials are missing or wrong for https://h',
    ],
    [
      'git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.',
      'missing for git@h: it accepts no',
    ],
    ['Host key verification failed.\nfatal: Could not read', "host key of the remote 'origin' is not known"],
    ['ERROR: Repository not found.\nfatal: Could not read', "the remote 'origin' is not there"],
    ["fatal: unable to access 'http://h/': Could not resolve host: h", 'the name h cannot be resolved'],
    ["fatal: unable to access 'http://h/': The requested URL returned error: 403", 'refuses access (403)'],
    ["fatal: unable to access 'http://h/': Operation too slow. Less than 1 bytes/sec", 'does not answer'],
    ['ssh: connect to host h.example port 22: Connection timed out', 'h.example cannot be reached'],
    [
      "fatal: Unable to create '/srv/code/.git/HEAD.lock': File exists.",
      'holds /srv/code/.git/HEAD.lock; if none is running',
    ],
    ['error: unable to write file x: No space left on device', 'the disk of /srv/code is full'],
    ['README: needs merge', 'a merge in /srv/code was never finished'],
    ['fatal: something new', 'cannot pull: fatal: something new'],
    ['', 'cannot pull: git ended with status 128'],
  ])('says %j in words', (stderr, words) => {
    expect(gitFailure('cannot pull', { exitCode: 128, stdout: '', stderr }, place).message).toContain(words)
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
    const error = gitFailure('cannot read', { exitCode: status ?? 0, stdout, stderr }, { root: world.node })
    expect(error.message).toContain(`git config --global --add safe.directory '${world.node}'`)
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
