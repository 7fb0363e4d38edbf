import { execFile, spawn, type ChildProcess } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Where everything of the local master lies. */
export interface LocalFolders {
  readonly dataDir: string
  readonly config: string
  readonly log: string
  readonly dbs: string
  readonly logs: string
  readonly items: string
}

export function localFolders(dataDir: string): LocalFolders {
  return {
    dataDir,
    config: join(dataDir, 'scrapyd_service.conf'),
    log: join(dataDir, 'daemon.log'),
    dbs: join(dataDir, 'dbs'),
    logs: join(dataDir, 'logs'),
    items: join(dataDir, 'items'),
  }
}

export const LOCAL_USER = 'desktop'
const LOG_LIMIT = 4 * 1024 * 1024

/** Makes the data folder, for its owner's eyes only, with the configuration. Secrets and ports go by the environment. */
export function prepareFolder({ dataDir, config, log }: LocalFolders, nodeName: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  chmodSync(dataDir, 0o700)
  const lines = [
    '# Written by Scrapyd Service for the local master at each start.',
    '[cluster]',
    'cluster_name = local',
    `node_name = ${nodeName}`,
    'identity = master',
    '',
    '[scrapyd]',
    'bind_address = 127.0.0.1',
    'logs_dir = logs',
    'dbs_dir = dbs',
    'items_dir = items',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT) renameSync(log, `${log}.1`)
}

/** Keeps the log of a daemon that runs for months from growing for ever; it is written by the daemon, so it is emptied in its place. */
export function trimLog({ log }: Pick<LocalFolders, 'log'>): void {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) <= LOG_LIMIT) return
  try {
    copyFileSync(log, `${log}.1`)
  } finally {
    // On a full disk the room counts for more than old lines.
    truncateSync(log)
  }
}

/** What the daemon is started with, beside what the app was started with. */
export function daemonEnvironment(
  base: NodeJS.ProcessEnv,
  { port, password, python }: { port: number; password: string; python: string | null },
): NodeJS.ProcessEnv {
  const ours = /^(SCRAPYD_|identity$|node$|slaves$|codepath$|branch$|bind_address$|http_port$)/
  return {
    ...Object.fromEntries(Object.entries(base).filter(([name]) => !ours.test(name))),
    // The app's own program runs as Node. The daemon keeps the variable from the spiders.
    ELECTRON_RUN_AS_NODE: '1',
    SCRAPYD_HTTP_PORT: String(port),
    SCRAPYD_USERNAME: LOCAL_USER,
    SCRAPYD_PASSWORD: password,
    ...(python === null ? {} : { SCRAPYD_SERVICE_PYTHON: python }),
  }
}

/** Starts the daemon as a process of its own session: a Ctrl-C of the app's terminal is not for it. */
export function spawnDaemon(program: string, folders: LocalFolders, env: NodeJS.ProcessEnv): ChildProcess {
  const log = openSync(folders.log, 'a', 0o600)
  try {
    const child = spawn(process.execPath, [program, '--config', folders.config], {
      cwd: folders.dataDir,
      env,
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

/** The wanted port if it is free, else any. */
export async function choosePort(wanted: number | null): Promise<number> {
  return (wanted === null ? null : await tryPort(wanted)) ?? (await tryPort(0)) ?? 0
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? null) : null))
    })
  })
}

/** The pid that the daemon itself left in its folder; null: there is none. */
export function recordedPid({ dbs }: LocalFolders): number | null {
  try {
    const pid = Number(readFileSync(join(dbs, 'scrapyd_service.pid'), 'utf8').trim())
    return Number.isInteger(pid) && pid > 1 ? pid : null
  } catch {
    // Never started here.
    return null
  }
}

/**
 * Whether a process is a daemon that was started on a configuration: not somebody else's whose pid was used again, and not
 * an editor that has the file open.
 */
export async function isDaemonOn(config: string, pid: number): Promise<boolean> {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').endsWith(`\0--config\0${config}\0`)
    // Apps that are started from a desktop have no locale, and without one ps writes only ASCII.
    const env = { ...process.env, LC_ALL: 'en_US.UTF-8' }
    const { stdout } = await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)], { env })
    return stdout.trimEnd().endsWith(` --config ${config}`)
  } catch {
    // No such process.
    return false
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
