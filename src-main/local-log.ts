import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** So much of a log is shown, and so much of it is read at once. */
const END_BYTES = 64 * 1024
const LOOK_MS = 300

/** The end of a log, whole lines; however long it is, no more than that is read. */
export function logEnd(path: string, bytes = END_BYTES): string {
  const { from, piece } = readFrom(path, (size) => Math.max(0, size - bytes))
  const text = piece.toString('utf8')
  return from > 0 ? text.slice(text.indexOf('\n') + 1) : text
}

interface LogFollowerOptions {
  readonly path: string
  /** `isAnew`: the text takes the place of what was told before. */
  readonly onText: (text: string, isAnew: boolean) => void
}

/** Tells the end of a log, and then what is written to it; a log that is begun anew is told anew. */
export class LogFollower {
  readonly #options: LogFollowerOptions
  #look: ReturnType<typeof setInterval> | undefined
  #decoder = new TextDecoder()
  #inode = -1
  #offset = -1

  constructor(options: LogFollowerOptions) {
    this.#options = options
  }

  start(): void {
    this.#read()
    // Looking works on every system, where the file is not there yet, and where another one takes its place.
    this.#look = setInterval(() => this.#read(), LOOK_MS)
    this.#look.unref()
  }

  stop(): void {
    clearInterval(this.#look)
  }

  #read(): void {
    const { from, piece, inode } = readFrom(this.#options.path, (size, file) => {
      const goesOn = file === this.#inode && size >= this.#offset && size - this.#offset <= END_BYTES
      return goesOn ? this.#offset : Math.max(0, size - END_BYTES)
    })
    const isAnew = inode !== this.#inode || from !== this.#offset
    if (!isAnew && piece.length === 0) return
    if (isAnew) this.#decoder = new TextDecoder()
    this.#inode = inode
    this.#offset = from + piece.length
    const text = this.#decoder.decode(piece, { stream: true })
    this.#options.onText(isAnew && from > 0 ? text.slice(text.indexOf('\n') + 1) : text, isAnew)
  }
}

/** What a file holds from a place on that is chosen by its size; nothing where there is no file. */
function readFrom(
  path: string,
  place: (size: number, inode: number) => number,
): { from: number; piece: Buffer; inode: number } {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    // Never started here.
    return { from: 0, piece: Buffer.alloc(0), inode: 0 }
  }
  try {
    const { size, ino } = fstatSync(file)
    const from = place(size, ino)
    const piece = Buffer.alloc(size - from)
    return { from, piece: piece.subarray(0, readSync(file, piece, 0, piece.length, from)), inode: ino }
  } finally {
    closeSync(file)
  }
}
