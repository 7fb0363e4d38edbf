import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { HttpServer, type ListeningAt } from './api/server.ts'
import type { SignedOut, SignedOutStore } from './api/sessions.ts'
import type { Config } from './config/config.ts'
import { createCore, type Core } from './core.ts'
import { clusterUrl } from './cluster/cluster-url.ts'
import type { Logger } from './logger.ts'
import { createMaster } from './master.ts'
import { createSlave } from './slave.ts'
import { VERSION } from './version.ts'

/** A daemon that serves. */
export interface Daemon {
  readonly at: ListeningAt
  /** `drain`: waits for running spiders first. Else they run on and are adopted by the next daemon. */
  stop(options?: { readonly drain?: boolean }): Promise<void>
}

/** Starts a daemon: in order here, stopped in the reverse order. Throws ConfigError, StorageError, ConflictError. */
export async function startDaemon(config: Config, log: Logger): Promise<Daemon> {
  const { scrapyd, cluster } = config
  const isMaster = cluster.identity === 'master'
  const core = await createCore(config, log, isMaster ? clusterUrl(scrapyd.itemsDir !== null) : undefined)
  const role = isMaster ? createMaster(core) : createSlave(core)
  const server = new HttpServer({
    ...scrapyd,
    disabledServices: config.disabledServices,
    parts: role.parts,
    log,
    version: VERSION,
    nodeName: cluster.nodeName,
    clusterName: isMaster ? cluster.clusterName : null,
    consoleDir: isMaster ? consoleFolder() : null,
    instance: core.database.instance,
    sessionSecret: await sessionSecret(core),
    signedOut: signedOutStore(core),
  })
  try {
    await role.prepare()
    const at = await server.start()
    await role.start()
    core.retention.start()
    return {
      at,
      async stop({ drain = false } = {}) {
        if (drain) await role.drain()
        await role.stop()
        await server.stop()
        await core.retention.stop()
        await core.launcher.stop()
        core.tails.stop()
        await core.projects.stop()
        await core.logs.stop()
        // What was queued until now is stored before the file is closed.
        await core.writer.write(() => {})
        core.database.close()
      },
    }
  } catch (error) {
    await server.stop()
    await role.stop()
    core.database.close()
    throw error
  }
}

/** The built console: beside the published JavaScript, or where `npm run build` puts it in a checkout. */
function consoleFolder(): string | null {
  const places = ['./console/', '../console/', '../dist/console/']
  return (
    places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((place) => existsSync(place)) ?? null
  )
}

/** Signs the console's sessions; kept, so that a restart signs nobody out. */
async function sessionSecret(core: Core): Promise<Buffer> {
  const stored = core.meta.get('session_secret')
  if (stored !== null) return Buffer.from(stored, 'hex')
  const secret = randomBytes(32)
  await core.writer.write(() => core.meta.set('session_secret', secret.toString('hex')))
  return secret
}

/** Sessions that were signed out stay so over a restart: their cookies are valid by their signature alone. */
function signedOutStore({ meta, writer }: Core): SignedOutStore {
  return {
    load: () => JSON.parse(meta.get('signed_out') ?? '[]') as SignedOut,
    save: (all) => writer.write(() => meta.set('signed_out', JSON.stringify(all))),
  }
}
