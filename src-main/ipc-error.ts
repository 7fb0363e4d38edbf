import { InvalidParameterError, ScrapydServiceError } from '../src-daemon/errors.ts'
import type { IpcError } from './ipc-contract.ts'

/** An error as it travels to the page. Of an unexpected one the message is told, never the stack. */
export function describeError(error: unknown): IpcError {
  if (error instanceof ScrapydServiceError) {
    const { name, message, code, status } = error
    // Statuses of this family that no daemon answered: there was no answer at all.
    const isSilence = code === 'node-unreachable'
    return {
      name,
      message,
      code,
      status: isSilence ? 0 : status,
      fields: error instanceof InvalidParameterError ? { [error.parameter]: message } : {},
    }
  }
  if (error instanceof Error)
    return { name: error.name, message: error.message, code: 'internal', status: 0, fields: {} }
  return { name: 'Error', message: String(error), code: 'internal', status: 0, fields: {} }
}
