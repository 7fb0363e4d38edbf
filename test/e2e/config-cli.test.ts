import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { askPython } from '../../scripts/lib/python.ts'
import { root } from '../../scripts/lib/root.ts'
import { ApiClient } from '../../src-daemon/api/client/api-client.ts'
import { DaemonProcess, ProgramRun, runProgram } from '../helpers/daemon-process.ts'
import { livesProject, Workshop } from '../helpers/projects.ts'
import { peersPython, testPython } from '../helpers/setup-python.ts'
import { until } from '../helpers/until.ts'

const workshop = new Workshop()
afterAll(() => workshop.remove())

/** Nothing of the user that runs the tests counts. */
const home = workshop.path('home')
mkdirSync(home)
const clean = { HOME: home, SCRAPYD_SERVICE_PYTHON: testPython(), SCRAPYD_HTTP_PORT: '0' }

const runs: ProgramRun[] = []
afterEach(async () => {
  for (const run of runs.splice(0)) {
    run.child.kill('SIGKILL')
    await run.ended
  }
})

/** Starts the program until it listens; ended after the test. */
async function serve(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const run = new ProgramRun(args, cwd, { ...clean, ...env })
  runs.push(run)
  const url = await run.listening()
  return { run, url, client: new ApiClient({ baseUrl: url, username: null, password: null, timeoutMs: 30_000 }) }
}

/** Runs a spider to its end; resolves to the row of `listjobs.json`. */
async function runSpider(client: ApiClient, project: string, spider: string) {
  const { jobid } = await client.webservice('schedule', { project, spider })
  return until('the job has ended', async () => {
    const { finished } = (await client.webservice('listjobs')) as { finished: { id: string; outcome: string }[] }
    return finished.find(({ id }) => id === jobid)
  })
}

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = workshop.path('folder')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

describe('the listings of the original documentation', () => {
  it.each(['master', 'slave'])('start a %s as they are, but for the path of the project', async (identity) => {
    const listing = readFileSync(join(root, `test/daemon/config/fixtures/${identity}.conf`), 'utf8')
    const text = listing.replace('newspapers = 你的爬虫项目路径', `newspapers = ${livesProject}`)
    expect(text).not.toBe(listing)
    const folder = folderWith({ 'conf/scrapyd_service.conf': text })
    const isMaster = identity === 'master'
    const { stdout } = await runProgram(['config'], folder, { HOME: home })
    expect(stdout).toMatch(isMaster ? /^http_port = 6800 /m : /^http_port = 6801 /m)
    expect(stdout).toMatch(isMaster ? /^slave_hosts = .*127\.0\.0\.1:6801/m : /^slave_hosts = \[\] /m)
    // Found in `conf` of the working directory. Somebody else may listen on these ports: it takes another one, and leaves
    // alone whoever is there.
    const { client, run } = await serve([], folder, { SCRAPYD_SERVICE_SLAVES: '[]' })
    expect(await client.webservice('daemonstatus')).toMatchObject({
      node_name: isMaster ? 'master' : 'slave001',
      ...(isMaster ? { cluster: 'cluster' } : {}),
    })
    expect(await runSpider(client, 'newspapers', 'nothing_at_all')).toMatchObject({
      outcome: 'finished',
      log_url: expect.stringMatching(/^\/logs\/newspapers\/nothing_at_all\//),
      items_url: null,
    })
    expect(existsSync(join(folder, 'conf/logs/newspapers/nothing_at_all'))).toBe(true)
    expect(existsSync(join(folder, 'conf/dbs/scrapyd_service.db'))).toBe(true)
    expect(run.stderr).not.toContain('WARN')
  })
})

describe('in place of scrapyd', () => {
  const scrapydsOwn = () => {
    const path = askPython(peersPython(), 'import scrapyd; print(scrapyd.__path__[0])')
    return join(path ?? '', 'default_scrapyd.conf')
  }

  it('starts in a folder with scrapyd.conf and scrapy.cfg, and exposes the project', async () => {
    const folder = workshop.copyOf(livesProject)
    copyFileSync(scrapydsOwn(), join(folder, 'scrapyd.conf'))
    writeFileSync(join(folder, 'scrapy.cfg'), '[settings]\nnewsroom = lives.settings\n')
    const { client, run } = await serve([], folder)
    expect(await client.webservice('listprojects')).toMatchObject({ projects: ['newsroom'] })
    expect(await runSpider(client, 'newsroom', 'quick')).toMatchObject({ outcome: 'finished' })
    expect(existsSync(join(folder, 'logs/newsroom/quick'))).toBe(true)
    expect(run.stderr).toMatch(/WARN.*eggstorage/)
  })

  it('takes the values of scrapyd.conf as Python reads them', async () => {
    const folder = folderWith({
      'scrapyd.conf': '[scrapyd]\nlogs_dir = a # b\nmax_proc: 3\nusername = me\npassword = 50%% off\nlogs_dir2 = x\n',
    })
    const { stdout, code } = await runProgram(['config'], folder, clean)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^logs_dir = .*a # b/m)
    expect(stdout).toMatch(/^max_proc = 3 +# .*scrapyd\.conf/m)
    expect(stdout).toMatch(/^username = me /m)
    expect(stdout).not.toContain('50%')
  })

  it('starts without any project and without any file', async () => {
    const folder = folderWith({ 'nothing.txt': '' })
    const { client } = await serve([], folder)
    expect(await client.webservice('listprojects')).toMatchObject({ projects: [] })
    expect(await client.webservice('listjobs')).toMatchObject({ pending: [], running: [], finished: [] })
  })
})

describe('a configuration that cannot be used', () => {
  it('ends with status 78 and all that is wrong, with file, line, option and what it takes', async () => {
    const folder = folderWith({
      'bad.conf': [
        '[cluster]',
        'identity = king',
        'slave_hosts = nope',
        '[projects]',
        'gone = /nowhere/at/all',
        '[scrapyd]',
        'http_port = 99999',
        'max_proc = many',
        'logs_dir = same',
        'dbs_dir = same',
        'launcher = my.own.Launcher',
        '[services]',
        'schedule.json = my.own.Schedule',
      ].join('\n'),
    })
    const { code, stdout, stderr } = await runProgram(['--config', 'bad.conf'], folder, { HOME: home })
    expect(code).toBe(78)
    expect(stdout).toBe('')
    const file = join(folder, 'bad.conf')
    const lines = stderr.trim().split('\n')
    expect(lines[0]).toBe('The configuration cannot be used:')
    for (const [line, option] of [
      [2, '[cluster] identity'],
      [3, '[cluster] slave_hosts'],
      [5, '[projects] gone'],
      [7, '[scrapyd] http_port'],
      [8, '[scrapyd] max_proc'],
      [10, '[scrapyd] dbs_dir'],
      [11, '[scrapyd] launcher'],
      [13, '[services] schedule.json'],
    ]) {
      expect(lines.filter((one) => one.startsWith(`${file}:${line}: ${option}: `))).toHaveLength(1)
    }
    expect(lines).toHaveLength(9)
    expect(stderr).not.toContain('    at ')
    expect(existsSync(join(folder, 'same'))).toBe(false)
  })

  it.each([
    ['a file that is not there', ['--config', 'missing.conf'], {}, 'missing.conf: does not exist'],
    ['a bad variable', [], { SCRAPYD_HTTP_PORT: 'x' }, 'SCRAPYD_HTTP_PORT'],
    [
      'an address that others can reach, without a password',
      [],
      { SCRAPYD_BIND_ADDRESS: '0.0.0.0' },
      'set both, or a loopback address, or allow_unauthenticated = on',
    ],
  ])('ends with status 78: %s', async (_, args, env, words) => {
    const folder = folderWith({ 'nothing.txt': '' })
    const { code, stderr } = await runProgram(args, folder, { ...clean, ...env })
    expect(code).toBe(78)
    expect(stderr).toContain(words)
  })

  it('that has only unknown names is used, with warnings that name the nearest known ones', async () => {
    const folder = folderWith({ 'odd.conf': '[scrapyd]\nlogs_dri = logs\n[clustre]\nnode_name = x\n' })
    const { run } = await serve(['--config', 'odd.conf'], folder)
    expect(run.stderr).toMatch(/WARN.*odd\.conf:2.*logs_dri.*logs_dir/)
    expect(run.stderr).toMatch(/WARN.*odd\.conf:3.*clustre.*cluster/)
  })

  it('allow_unauthenticated = on binds an open address, and says so loudly', async () => {
    const folder = folderWith({ 'open.conf': '[scrapyd]\nbind_address = 0.0.0.0\nallow_unauthenticated = on\n' })
    const { run, url } = await serve(['--config', 'open.conf'], folder)
    expect(url).toMatch(/^http:\/\/0\.0\.0\.0:\d+$/)
    expect(run.stderr).toMatch(/WARN.*everybody there can run code on this machine/)
  })
})

describe('the command line', () => {
  // Any folder will do as the working directory, also one that has no projects, no configuration and no package.json.
  const anywhere = workshop.path('anywhere')
  mkdirSync(anywhere)
  const version = (JSON.parse(readFileSync(join(root, 'src-daemon/package.json'), 'utf8')) as { version: string })
    .version

  it('tells its version and its options', async () => {
    expect(await runProgram(['--version'], anywhere)).toMatchObject({ code: 0, stdout: `${version}\n` })
    const { code, stdout } = await runProgram(['--help'], anywhere)
    expect(code).toBe(0)
    for (const word of ['--config <file>', '--drain', '--version', 'config ']) expect(stdout).toContain(word)
  })

  it('refuses what it does not know', async () => {
    expect((await runProgram(['--nonsense'], anywhere)).code).not.toBe(0)
    expect((await runProgram(['nonsense'], anywhere)).code).not.toBe(0)
  })

  it('prints the effective configuration with the source of each value, passwords masked', async () => {
    const folder = folderWith({
      'mine.conf': `[cluster]\nnode_name = 节点\nslave_hosts = ["http://u:hidden-one@10.0.0.5:6800"]\n[projects]\nlives = ${livesProject}\n[scrapyd]\nusername = me\npassword = hidden-two\n`,
    })
    const { code, stdout, stderr } = await runProgram(['config', '--config', join(folder, 'mine.conf')], anywhere, {
      ...clean,
      SCRAPYD_SERVICE_IDENTITY: 'master',
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^node_name = 节点 +# .*mine\.conf:2/m)
    expect(stdout).toMatch(/^identity = master +# environment.*SCRAPYD_SERVICE_IDENTITY/m)
    expect(stdout).toMatch(/^max_proc_per_cpu = 4 +# default/m)
    expect(stdout).toMatch(new RegExp(`^lives = ${livesProject} `, 'm'))
    expect(stdout).not.toMatch(/hidden-(one|two)/)
    // The other place of the option.
    const other = await runProgram(['--config', join(folder, 'mine.conf'), 'config'], anywhere, {
      ...clean,
      SCRAPYD_SERVICE_IDENTITY: 'master',
    })
    expect(other.stdout).toBe(stdout)
  })

  it('takes the bare names of the original only beside `identity`, and says so', async () => {
    const names = { node: 'bare', http_port: '0', codepath: livesProject }
    const without = await runProgram(['config'], anywhere, { HOME: home, ...names })
    expect(without.stdout).not.toContain('bare')
    const { client, run } = await serve([], anywhere, { identity: 'slave', ...names })
    expect(await client.webservice('daemonstatus')).toMatchObject({ node_name: 'bare' })
    expect(run.stderr).toMatch(/identity/)
  })

  it('says which address is taken', async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { code, stderr } = await runProgram([], anywhere, { ...clean, SCRAPYD_HTTP_PORT: String(port) })
    server.close()
    expect(code).toBe(1)
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: the address is in use`)
    expect(stderr).not.toContain('    at ')
  })

  it('is found by a link, under another name', async () => {
    const link = join(anywhere, 'my-scrapyd')
    symlinkSync(join(root, 'node_modules/.bin/scrapyd-service'), link)
    const run = new ProgramRun(['--version'], anywhere, {}, link)
    expect(await run.ended).toMatchObject({ code: 0, stdout: `${version}\n` })
  })
})

describe('a Unix socket', () => {
  it('serves what the port serves, and is gone with the daemon', async () => {
    const socketPath = workshop.path('daemon.sock')
    const daemon = await DaemonProcess.start({ scrapyd: { unix_socket_path: socketPath } })
    try {
      const answer = await new Promise<string>((resolve, reject) => {
        request({ socketPath, path: '/daemonstatus.json' }, (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
          response.on('end', () => resolve(text))
        })
          .on('error', reject)
          .end()
      })
      expect(JSON.parse(answer)).toMatchObject({ status: 'ok', node_name: 'node1' })
      // What a killed daemon leaves behind is no obstacle.
      await daemon.kill9()
      await daemon.startAgain()
      expect(existsSync(socketPath)).toBe(true)
      await daemon.stop()
      expect(existsSync(socketPath)).toBe(false)
    } finally {
      await daemon.remove()
    }
  })
})
