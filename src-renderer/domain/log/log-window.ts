import { byteLength, isTraceback, recordLevel, type LogLevel, type LogLine } from './log-line.ts'

/** Characters that are kept of one line; nobody reads more, and a line can be a whole page of HTML. */
const LONGEST = 16_384
const NEWLINE = 10

/**
 * The lines around the place one looks at: the bytes `start` to `end` of the file, never the whole of it. It grows at both
 * ends, without gap or overlap, and is trimmed at the end that one does not look at. Lines whose level is hidden are
 * passed by, so that they take no room.
 */
export class LogWindow {
  lines: LogLine[] = []
  start = 0
  end = 0
  /** `place` of the first and after the last line that was read, shown or not. */
  firstPlace = 0
  nextPlace = 0
  readonly #hidden: ReadonlySet<LogLevel>
  /** Text after the last newline: a line that is still being written. */
  #open = ''
  #openOffset = 0
  #hasOpenLine = false
  #level: LogLevel | null = null
  readonly #decoder = new TextDecoder()

  constructor(start: number, hidden: ReadonlySet<LogLevel> = new Set()) {
    this.start = this.end = this.#openOffset = start
    this.#hidden = hidden
  }

  /** Adds what follows as text of `length` bytes. Returns the lines that it began. */
  append(text: string, length: number): LogLine[] {
    const end = this.end + length
    const before = this.#hasOpenLine ? this.#open : ''
    if (this.#hasOpenLine) this.#takeOpenLineBack()
    let offset = this.#hasOpenLine ? this.#openOffset : this.end
    let cursor = this.end
    const parts = text.split('\n')
    const added: LogLine[] = []
    for (const [index, part] of parts.entries()) {
      const line = index === 0 ? before + part : part
      const isLast = index === parts.length - 1
      if (isLast) {
        this.#open = line.slice(0, LONGEST)
        this.#openOffset = offset
        this.#hasOpenLine = line !== ''
        if (line === '') break
      }
      added.push(this.#push(line, offset))
      // Bytes that are no UTF-8 count otherwise than their text does; the next piece is right again.
      cursor = Math.min(end, cursor + byteLength(part) + 1)
      offset = cursor
    }
    this.end = end
    return added
  }

  /** Adds bytes that follow; the last line may be unfinished. */
  appendBytes(bytes: Uint8Array): LogLine[] {
    return this.append(this.#decoder.decode(bytes), bytes.length)
  }

  /** Adds whole lines before the window: `bytes` end where it begins, and begin with a line. */
  prependBytes(bytes: Uint8Array): void {
    const lines: LogLine[] = []
    const starts = lineStarts(bytes)
    let level: LogLevel | null = null
    for (const [index, from] of starts.entries()) {
      const until = (starts[index + 1] ?? bytes.length) - 1
      const text = cutLine(this.#decoder.decode(bytes.subarray(from, Math.min(until, from + LONGEST * 4))))
      const found = levelOf(text, level)
      level = found.level
      lines.push({
        offset: this.start - bytes.length + from,
        place: this.firstPlace - starts.length + index,
        text,
        ...found,
      })
    }
    this.#giveLevel(level)
    this.lines = [...lines.filter((line) => this.#isShown(line)), ...this.lines]
    this.firstPlace -= starts.length
    this.start -= bytes.length
  }

  /** Keeps the last `count` lines. Returns how many went. */
  trimHead(count: number): number {
    const gone = Math.max(0, this.lines.length - count)
    const first = this.lines[gone]
    if (gone === 0 || first === undefined) return 0
    this.lines = this.lines.slice(gone)
    this.start = first.offset
    this.firstPlace = first.place
    return gone
  }

  /** Keeps the first `count` lines. */
  trimTail(count: number): void {
    const next = this.lines[count]
    if (next === undefined) return
    this.lines = this.lines.slice(0, count)
    this.end = this.#openOffset = next.offset
    this.nextPlace = next.place
    this.#level = this.lines.at(-1)?.level ?? null
    this.#open = ''
    this.#hasOpenLine = false
  }

  #push(part: string, offset: number): LogLine {
    const text = cutLine(part)
    const found = levelOf(text, this.#level)
    this.#level = found.level
    const line = { offset, place: this.nextPlace, text, ...found }
    this.nextPlace += 1
    if (this.#isShown(line)) this.lines.push(line)
    return line
  }

  #takeOpenLineBack(): void {
    this.nextPlace -= 1
    if (this.lines.at(-1)?.place === this.nextPlace) this.lines.pop()
    this.#level = this.lines.at(-1)?.level ?? this.#level
  }

  #isShown({ level }: LogLine): boolean {
    return level === null || !this.#hidden.has(level)
  }

  /** Lines at the window's begin whose record has just been read. */
  #giveLevel(level: LogLevel | null): void {
    if (level === null) return
    const until = this.lines.findIndex((line) => line.begins || line.level !== null)
    const count = until === -1 ? this.lines.length : until
    if (count === 0) return
    this.lines = [...this.lines.slice(0, count).map((line) => ({ ...line, level })), ...this.lines.slice(count)].filter(
      (line) => this.#isShown(line),
    )
  }
}

function levelOf(text: string, before: LogLevel | null): { level: LogLevel | null; begins: boolean } {
  const level = recordLevel(text)
  if (level !== undefined) return { level, begins: true }
  if (before !== 'ERROR' && isTraceback(text)) return { level: 'ERROR', begins: true }
  return { level: before, begins: false }
}

function cutLine(text: string): string {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text
  return line.length > LONGEST ? line.slice(0, LONGEST) : line
}

/** Where lines begin in whole lines. */
export function lineStarts(bytes: Uint8Array): number[] {
  const starts: number[] = []
  for (let at = 0; at < bytes.length;) {
    starts.push(at)
    const end = bytes.indexOf(NEWLINE, at)
    if (end === -1) break
    at = end + 1
  }
  return starts
}

/** Number of lines that end in these bytes. */
export function countNewlines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1
  return count
}
