import { existsSync } from 'node:fs'
import { chmod, lstat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { ConflictError, StorageError } from '../errors.ts'

const SOCKET_MODE = 0o660

/** Listens on an address. Throws ConflictError when it is taken. */
export async function listenOnAddress(server: Server, host: string, port: number): Promise<AddressInfo> {
  await listening(server, () => server.listen({ host, port }), `${host}:${port}`)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new StorageError('The server has no address')
  return address
}

/**
 * Listens on a Unix socket. One that a dead daemon left behind is removed; one that answers, or a file of another kind,
 * is refused (ConflictError).
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  // libuv would say "permission denied".
  if (!existsSync(dirname(path))) throw new ConflictError(`cannot listen on ${path}: the folder does not exist`)
  await removeStale(path)
  await listening(server, () => server.listen({ path }), path)
  await chmod(path, SOCKET_MODE)
}

function listening(server: Server, listen: () => void, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException) => {
      server.off('listening', onListening)
      const reason = REASONS[error.code ?? ''] ?? error.message
      reject(new ConflictError(`cannot listen on ${where}: ${reason}`, { cause: error }))
    }
    const onListening = () => {
      server.off('error', onError)
      resolve()
    }
    server.once('error', onError).once('listening', onListening)
    listen()
  })
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use (another daemon?)',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the host name is not known',
}

async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => null)
  if (stats === null) return
  if (!stats.isSocket()) throw new ConflictError(`cannot listen on ${path}: a file of another kind is there`)
  if (await answers(path)) throw new ConflictError(`cannot listen on ${path}: another daemon answers there`)
  await unlink(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
