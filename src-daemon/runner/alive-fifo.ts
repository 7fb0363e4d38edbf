import { closeSync, constants, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'

/**
 * The FIFO that the processes of a run hold open. The kernel tells when the last of them is gone, whatever became of
 * pids and records. A byte in it says that a record has changed.
 */
export class AliveFifo {
  readonly #fd: number
  #socket: Socket | null = null

  private constructor(fd: number) {
    this.#fd = fd
  }

  /** null when nobody holds it: the run is over, or never began. Throws where that cannot be told at the moment. */
  static open(path: string): AliveFifo | null {
    let fd: number
    try {
      fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    } catch (error) {
      // No descriptor or no memory left says nothing about the run.
      if (['EMFILE', 'ENFILE', 'ENOMEM'].includes(String((error as NodeJS.ErrnoException).code))) throw error
      // Not made yet.
      return null
    }
    // A socket on a FIFO that never had a writer would wait for ever: read once by hand.
    try {
      if (readSync(fd, Buffer.alloc(1)) === 1) return new AliveFifo(fd)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return new AliveFifo(fd)
    }
    closeSync(fd)
    return null
  }

  /** Whether any process of the run is there; true also where that cannot be told at the moment. */
  static isHeld(path: string): boolean {
    try {
      const fifo = AliveFifo.open(path)
      fifo?.close()
      return fifo !== null
    } catch {
      return true
    }
  }

  /** Calls `hint` when records have changed and `end`, once, when all holders are gone. */
  follow(hint: () => void, end: () => void): void {
    this.#socket = new Socket({ fd: this.#fd, readable: true, writable: false })
    this.#socket.on('data', hint)
    // An error is as good as the end: what became of the run is read from the records.
    this.#socket.once('error', () => {})
    this.#socket.once('close', () => {
      if (this.#socket !== null) end()
    })
  }

  /** Stops following; nothing is called any more. */
  close(): void {
    const socket = this.#socket
    this.#socket = null
    if (socket === null) closeSync(this.#fd)
    else socket.destroy()
  }
}
