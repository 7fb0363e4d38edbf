import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const USUAL_FILES = { 'spiders/a.py': 'a = 1\n', 'README.md': 'hello\n' }

/** A world as most tests begin with it. Made by git once, then copied: that costs a fifth of making it anew. */
let usual: { readonly world: GitWorld; readonly commit: string } | null = null

process.once('exit', () => {
  if (usual !== null) rmSync(usual.world.folder, { recursive: true, force: true })
})

/** Real git in a temporary folder: `up` is the team's clone, `up.git` the server's bare repository, `node` the daemon's clone. */
export class GitWorld {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'git-world-')))
  readonly bare = join(this.folder, 'up.git')
  readonly up = join(this.folder, 'up')
  readonly node = join(this.folder, 'node')
  /** The daemon's environment: nobody's own git configuration. */
  readonly env: NodeJS.ProcessEnv
  readonly #servers: Server[] = []

  constructor() {
    const config = join(this.folder, 'gitconfig')
    // Submodules of tests are local folders. No samples of hooks in every repository.
    writeFileSync(config, '[protocol "file"]\n\tallow = always\n[init]\n\tdefaultBranch = main\n\ttemplateDir =\n')
    this.env = { ...process.env, HOME: this.folder, GIT_CONFIG_GLOBAL: config, GIT_CONFIG_NOSYSTEM: '1' }
    for (const name of Object.keys(this.env)) {
      if (name.startsWith('GIT_') && !name.startsWith('GIT_CONFIG_')) delete this.env[name]
    }
  }

  /** The usual start: one commit on `main`, pushed, cloned to the node. Returns the commit. */
  begin(files: Record<string, string> = USUAL_FILES): string {
    if (files === USUAL_FILES) return this.#beginAsUsual()
    return this.#make(files)
  }

  #make(files: Record<string, string>): string {
    this.git(this.folder, 'init', '-q', '--bare', '-b', 'main', this.bare)
    this.git(this.folder, 'clone', '-q', this.bare, this.up)
    this.git(this.up, 'checkout', '-q', '-B', 'main')
    const commit = this.publish('first', files)
    this.git(this.folder, 'clone', '-q', this.bare, this.node)
    return commit
  }

  #beginAsUsual(): string {
    if (usual === null) {
      const world = new GitWorld()
      usual = { world, commit: world.#make(USUAL_FILES) }
    }
    for (const name of ['up.git', 'up', 'node']) {
      cpSync(join(usual.world.folder, name), join(this.folder, name), { recursive: true, preserveTimestamps: true })
    }
    for (const clone of [this.up, this.node]) {
      const config = join(clone, '.git/config')
      writeFileSync(config, readFileSync(config, 'utf8').replaceAll(usual.world.bare, this.bare))
    }
    return usual.commit
  }

  git(folder: string, ...args: string[]): string {
    return this.#run(folder, args)
  }

  /** The same with something to read. */
  gitWith(input: string, folder: string, ...args: string[]): string {
    return this.#run(folder, args, input)
  }

  #run(folder: string, args: readonly string[], input?: string): string {
    const identity = ['-c', 'user.name=Zhang San', '-c', 'user.email=zhang@example.org']
    const options = { cwd: folder, env: this.env, stdio: 'pipe', input } as const
    return execFileSync('git', [...identity, ...args], options)
      .toString()
      .trim()
  }

  /** Commits files in a clone (null removes one). Returns the commit. */
  commit(folder: string, subject: string, files: Record<string, string | null>): string {
    const added: string[] = []
    for (const [path, text] of Object.entries(files)) {
      if (text === null) this.git(folder, 'rm', '-q', path)
      else {
        this.write(folder, path, text)
        added.push(path)
      }
    }
    if (added.length > 0) this.git(folder, 'add', '--force', ...added)
    this.git(folder, 'commit', '-q', '--allow-empty', '-m', subject)
    return this.git(folder, 'rev-parse', 'HEAD')
  }

  /** Commits in the team's clone and pushes. */
  publish(subject: string, files: Record<string, string | null>): string {
    const commit = this.commit(this.up, subject, files)
    this.git(this.up, 'push', '-q', '-f', 'origin', 'HEAD')
    return commit
  }

  write(folder: string, path: string, text: string): void {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }

  read(path: string): string | null {
    const file = join(this.node, path)
    return existsSync(file) ? readFileSync(file, 'utf8') : null
  }

  /** A web server on a free port; its base URL. */
  async serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(handler)
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  /** The bare repositories over HTTP, by git's own CGI program; `user:password` when it is to be asked. */
  async serveGit(credentials: string | null): Promise<string> {
    return await this.serve((request, response) => {
      const given = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString()
      if (credentials !== null && given !== credentials) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('no')
        return
      }
      const [path = '/', query = ''] = (request.url ?? '/').split('?')
      const env = {
        ...this.env,
        GIT_PROJECT_ROOT: this.folder,
        GIT_HTTP_EXPORT_ALL: '1',
        PATH_INFO: path,
        QUERY_STRING: query,
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        ...(request.headers['content-encoding'] && { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
        ...(request.headers['git-protocol'] && { GIT_PROTOCOL: String(request.headers['git-protocol']) }),
      }
      const cgi = spawn('git', ['http-backend'], { env, stdio: ['pipe', 'pipe', 'ignore'] })
      request.pipe(cgi.stdin)
      const chunks: Buffer[] = []
      cgi.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
      cgi.on('close', () => answerAsCgi(Buffer.concat(chunks), response))
    })
  }

  async end(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function answerAsCgi(output: Buffer, response: ServerResponse): void {
  const end = output.indexOf('\r\n\r\n')
  const lines = output.subarray(0, end).toString().split('\r\n')
  const headers = lines.map((line) => line.split(/:\s*/, 2) as [string, string])
  const status = headers.find(([name]) => name.toLowerCase() === 'status')?.[1] ?? '200'
  response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers.filter(([name]) => name !== 'Status')))
  response.end(output.subarray(end + 4))
}
