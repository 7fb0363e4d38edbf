import { constants, homedir, hostname } from 'node:os'
import { Command } from 'commander'
import { loadConfig, type LoadedConfig } from './config/load-config.ts'
import { printConfig } from './config/print-config.ts'
import { startDaemon } from './daemon.ts'
import { ConfigError, ScrapydServiceError, StorageError } from './errors.ts'
import { createLogger } from './logger.ts'
import { DatabaseInUseError, StorageUnavailableError } from './storage/database.ts'
import { VERSION } from './version.ts'

/** Exit statuses of sysexits.h, which a service manager can tell apart (see conf/scrapyd-service.service). */
const EX_CONFIG = 78
const EX_IOERR = 74
const EX_TEMPFAIL = 75

const REPEATED_MS = 1_000

/** The command line. Resolves when the daemon serves (or the command is done); sets `process.exitCode` on failure. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('scrapyd-service')
    .description('Runs Scrapy spiders on many servers as one system: a Scrapyd-compatible daemon, master or slave.')
    .version(VERSION, '-v, --version')
    .option('-c, --config <file>', 'configuration file (instead of those in the standard places)')
    .option('--drain', 'on SIGTERM and SIGINT wait for the running spiders to end before stopping')
    .action((options: { config?: string; drain?: boolean }) => run(options))
  program
    .command('config')
    .description('print the effective configuration, with the source of each value')
    .action(() => {
      process.stdout.write(printConfig(load(program.opts<{ config?: string }>())))
    })
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    process.exitCode = tellFailure(error)
  }
}

function load(options: { config?: string }): LoadedConfig {
  return loadConfig({
    configFile: options.config ?? null,
    env: process.env,
    cwd: process.cwd(),
    homeDir: homedir(),
    hostname: hostname(),
  })
}

async function run(options: { config?: string; drain?: boolean }): Promise<void> {
  const { config, files } = load(options)
  const log = createLogger((line) => process.stderr.write(line), config.scrapyd.debug)
  for (const warning of config.warnings) log.warn(warning)
  log.info(`Scrapyd Service ${VERSION}: ${files.length === 0 ? 'no configuration file' : files.join(', ')}`)
  // One part's mistake must not take the others down; what it was is told with its stack.
  process.on('unhandledRejection', (reason) => {
    log.error(
      'a task failed that nobody waits for',
      reason instanceof Error ? (reason.stack ?? reason.message) : reason,
    )
  })
  const daemon = await startDaemon(config, log)
  const { cluster, scrapyd } = config
  log.info(`${cluster.identity} '${cluster.nodeName}' of cluster '${cluster.clusterName}', data in ${scrapyd.dbsDir}`)
  // The one line on stdout: for scripts that start a daemon on any free port.
  process.stdout.write(`Listening on ${daemon.at.url}\n`)
  let stoppingSince: number | null = null
  const stop = (signal: NodeJS.Signals) => {
    if (stoppingSince !== null) {
      // A group that is signalled (npx, Ctrl-C in a shell) gets the same signal twice within milliseconds.
      if (performance.now() - stoppingSince < REPEATED_MS) return
      log.warn(`${signal} again: stopping at once; running spiders are adopted at the next start`)
      process.exit(128 + constants.signals[signal])
    }
    stoppingSince = performance.now()
    log.info(options.drain ? `${signal}: waiting for the running spiders` : `${signal}: stopping; spiders run on`)
    daemon
      .stop({ drain: options.drain ?? false })
      .then(
        () => log.info('stopped'),
        (error: unknown) => {
          log.error('the stop failed', error)
          process.exitCode = 1
        },
      )
      // Everything is stored and closed: timers of libraries (git's last for seconds) keep nobody waiting.
      .finally(() => process.exit())
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

/** Says what is wrong and what to do, without a stack trace; returns the exit status. */
function tellFailure(error: unknown): number {
  if (error instanceof ConfigError) {
    process.stderr.write(`The configuration cannot be used:\n${error.message}\n`)
    return EX_CONFIG
  }
  if (error instanceof ScrapydServiceError) {
    process.stderr.write(`${error.message}\n`)
    if (error instanceof DatabaseInUseError || error instanceof StorageUnavailableError) return EX_TEMPFAIL
    return error instanceof StorageError ? EX_IOERR : 1
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  return 1
}
