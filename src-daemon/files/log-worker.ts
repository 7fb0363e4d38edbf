import { parentPort } from 'node:worker_threads'
import { FileNotFoundError } from '../errors.ts'
import { LogIndexes } from './log-index.ts'
import type { LogReply, LogRequest } from './log-messages.ts'
import { LogSearches } from './log-searches.ts'

// The thread that reads logs: indexes and searches, a buffer of each in turn. Started by LogReader.

const indexes = new LogIndexes()
const searches = new LogSearches(indexes)
/** Searches that are wanted still. */
const wanted = new Set<number>()

async function answer(request: LogRequest): Promise<void> {
  const { id } = request
  try {
    if (request.ask === 'cancel') {
      wanted.delete(id)
    } else if (request.ask === 'index') {
      const index = await indexes.of(request.path, request.patience)
      reply({ id, says: 'index', index }, [index.offsets.buffer as ArrayBuffer])
    } else {
      wanted.add(id)
      const result = await searches.search(request.path, request.query, () => !wanted.has(id))
      if (result !== null) reply({ id, says: 'search', result })
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    reply({ id, says: 'error', notFound: error instanceof FileNotFoundError, message })
  } finally {
    wanted.delete(id)
  }
}

function reply(message: LogReply, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer)
}

parentPort?.on('message', (request: LogRequest) => void answer(request))
