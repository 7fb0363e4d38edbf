import { computed, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import type { LogIndex } from '../../src-daemon/api/contract/values.ts'
import { countNewlines, LogWindow } from '../domain/log/log-window.ts'
import { LogTally, type LogMark } from '../domain/log/log-tally.ts'
import type { LogLevel, LogLine } from '../domain/log/log-line.ts'
import { CallError, isAbort } from '../transport/call-error.ts'
import type { LogPiece, TailHandle } from '../transport/transport.ts'
import { useTransport } from './use-transport.ts'
import { useWhenBack } from './use-when-back.ts'

/**
 * `opening`: nothing came yet; `live`: more may come; `ended`: the job and its log are over; `away`: the node cannot be
 * reached; `missing`: there is no file (yet); `gone`: it was removed; `failed`: see `error`.
 */
export type LogStatus = 'opening' | 'live' | 'ended' | 'away' | 'missing' | 'gone' | 'failed'

/** Lines that are held at most, and how many stay when there are more. */
const MOST = 6_000
const KEPT = 4_500
/** Bytes of one reading. */
const CHUNK = 256 * 1_024
const CHUNK_FILTERED = 1_024 * 1_024
/** With levels hidden, reading goes on until so many lines show, or so many bytes were read. */
const ENOUGH = 200
const FILTERED_BYTES = 64 * 1_024 * 1_024
const INDEX_RETRY = 700
const BACKGROUND_PAUSE = 400

/** A log that may be of any size and may grow, seen through a window of lines. */
export interface LogView {
  readonly lines: Readonly<Ref<readonly LogLine[]>>
  readonly status: Readonly<Ref<LogStatus>>
  readonly error: Readonly<Ref<unknown>>
  readonly size: Readonly<Ref<number>>
  readonly following: Readonly<Ref<boolean>>
  /** Lines that came since it was paused. */
  readonly newLines: Readonly<Ref<number>>
  /** The window reaches the file's begin, or its present end. */
  readonly atStart: Readonly<Ref<boolean>>
  readonly atEnd: Readonly<Ref<boolean>>
  readonly isReading: Readonly<Ref<boolean>>
  readonly index: Readonly<Ref<LogIndex | null>>
  readonly counts: Readonly<Ref<Readonly<Record<LogLevel, number>> | null>>
  readonly marks: Readonly<Ref<readonly LogMark[]>>
  /** Lines of the whole file; null while unknown. */
  readonly total: Readonly<Ref<number | null>>
  /** Lines per second that came of late. */
  readonly speed: Readonly<Ref<number>>
  readonly numberOf: (line: LogLine) => number | null
  readonly follow: () => void
  readonly pause: () => void
  /** Shows the line at or before this byte. */
  readonly openAt: (offset: number) => Promise<void>
  readonly openLine: (number: number) => Promise<number | null>
  readonly loadBefore: () => Promise<void>
  readonly loadAfter: () => Promise<void>
  readonly setHidden: (levels: ReadonlySet<LogLevel>, anchor: number | null) => Promise<void>
  /** Begins anew (there is a file now, or another try). */
  readonly reopen: () => void
}

/** Follows and reads the log of one job. `key` must not change during its life. */
export function useLogView(key: string): LogView {
  const transport = useTransport()
  const lines = shallowRef<readonly LogLine[]>([])
  const status = ref<LogStatus>('opening')
  const error = shallowRef<unknown>(null)
  const size = ref(0)
  const following = ref(true)
  const newLines = ref(0)
  const atStart = ref(true)
  const atEnd = ref(true)
  const isReading = ref(false)
  const index = shallowRef<LogIndex | null>(null)
  const counts = shallowRef<Readonly<Record<LogLevel, number>> | null>(null)
  const marks = shallowRef<readonly LogMark[]>([])
  const total = ref<number | null>(null)
  const speed = ref(0)
  /** Number (0-based) of the line at place 0 of the window. */
  const numberBase = ref<number | null>(null)

  let hidden: ReadonlySet<LogLevel> = new Set()
  let view = new LogWindow(0)
  let tally = new LogTally()
  let tail: TailHandle | null = null
  /** The tail has sent everything up to here; -1: nothing yet. */
  let tailEnd = -1
  /** The next piece begins a new window. */
  let restart = false
  let round = 0
  let frame: number | null = null
  let late: ReturnType<typeof setTimeout> | undefined
  let indexTimer: ReturnType<typeof setTimeout> | undefined
  let reading: AbortController | null = null
  const arrivals: { readonly at: number; readonly count: number }[] = []

  function publish(): void {
    frame ??= requestAnimationFrame(publishNow)
    // A tab in the background gets no frames; its log goes on all the same.
    late ??= setTimeout(publishNow, BACKGROUND_PAUSE)
  }

  function publishNow(): void {
    if (frame !== null) cancelAnimationFrame(frame)
    frame = null
    clearTimeout(late)
    late = undefined
    // A copy: the window goes on with its own array.
    lines.value = [...view.lines]
    atStart.value = view.start === 0
    atEnd.value = view.end >= size.value
    counts.value = tally.counts()
    marks.value = tally.marks(size.value)
    if (following.value && numberBase.value !== null && atEnd.value) total.value = numberBase.value + view.nextPlace
    const now = performance.now()
    while (arrivals[0] !== undefined && now - arrivals[0].at > 5_000) arrivals.shift()
    speed.value = arrivals.reduce((sum, { count }) => sum + count, 0) / 5
  }

  function openTail(offset: number): void {
    tail?.close()
    tail = transport.tail({ key, offset }, { onPiece: take, onError: fail })
  }

  function take(piece: LogPiece): void {
    const end = piece.offset + piece.length
    if (end < size.value && piece.offset === 0 && tailEnd > 0) {
      // The file was begun anew under the same name.
      size.value = 0
      restart = true
    }
    tailEnd = end
    size.value = Math.max(size.value, end)
    if (piece.state === 'away') status.value = 'away'
    else if (piece.state === 'gone') status.value = 'gone'
    else if (piece.state === 'end') status.value = 'ended'
    else status.value = 'live'
    const isFirst = restart
    if (restart) {
      restart = false
      setWindow(piece.offset)
    }
    const count = piece.text.length === 0 ? 0 : countIn(piece.text)
    // What was there before is no speed.
    if (count > 0 && !isFirst) arrivals.push({ at: performance.now(), count })
    if (piece.offset === view.end && (following.value || view.lines.length < KEPT)) {
      tally.add(view.append(piece.text, piece.length))
      if (following.value && view.lines.length > MOST) view.trimHead(KEPT)
    } else {
      // Looked at another place: the lines are counted, not kept.
      tally.add(new LogWindow(piece.offset).append(piece.text, piece.length))
    }
    if (!following.value) newLines.value += count
    if (total.value !== null && !following.value) total.value += count
    publish()
    if (piece.state === 'end' && index.value === null) void readIndex()
  }

  function fail(cause: CallError): void {
    tail = null
    if (cause.status === 404 && cause.code !== 'job-not-found') status.value = 'missing'
    else if (cause.status === 502 || cause.status === 504) status.value = 'away'
    else status.value = 'failed'
    error.value = cause
  }

  function setWindow(start: number): void {
    view = new LogWindow(start, hidden)
    numberBase.value = start === 0 ? 0 : null
    void number()
  }

  function reopen(): void {
    round += 1
    reading?.abort()
    status.value = 'opening'
    error.value = null
    size.value = newLines.value = 0
    tailEnd = -1
    tally = new LogTally()
    index.value = null
    total.value = null
    restart = true
    following.value = true
    openTail(-CHUNK / 2)
    void readIndex()
  }

  function follow(): void {
    newLines.value = 0
    if (following.value) return
    following.value = true
    if (view.end >= tailEnd && tailEnd >= 0) {
      publish()
      return
    }
    round += 1
    reading?.abort()
    restart = true
    openTail(-CHUNK / 2)
  }

  function pause(): void {
    if (!following.value || status.value === 'opening') return
    following.value = false
    newLines.value = 0
  }

  async function read(offset: number, limit: number): Promise<Uint8Array> {
    const controller = new AbortController()
    reading = controller
    const reply = await transport.bytes(
      'getLog',
      { params: { key }, query: { offset, limit } },
      { signal: controller.signal },
    )
    size.value = Math.max(size.value, reply.size)
    return reply.bytes
  }

  /** One reading at a time; another `round` makes the answer of this one useless. */
  async function once(work: (isCurrent: () => boolean) => Promise<void>): Promise<void> {
    const mine = round
    isReading.value = true
    try {
      await work(() => mine === round)
    } catch (cause) {
      if (!isAbort(cause) && mine === round) error.value = cause
    } finally {
      if (mine === round) isReading.value = false
    }
  }

  async function openAt(offset: number): Promise<void> {
    following.value = false
    newLines.value = 0
    restart = false
    if (offset >= view.start && offset < view.end && view.lines.length > 0) return
    round += 1
    reading?.abort()
    await once(async (isCurrent) => {
      const from = Math.max(0, offset - CHUNK / 4)
      const bytes = await read(from, CHUNK)
      if (!isCurrent()) return
      const first = from === 0 ? 0 : bytes.indexOf(10) + 1
      const last = endOfLines(bytes, from + bytes.length >= size.value)
      setWindow(from + first)
      view.appendBytes(bytes.subarray(first, Math.max(first, last)))
      publishNow()
      await fill(isCurrent)
    })
  }

  /** With levels hidden: reads on until there is something to see. */
  async function fill(isCurrent: () => boolean): Promise<void> {
    if (hidden.size === 0) return
    let budget = FILTERED_BYTES
    while (isCurrent() && budget > 0 && view.lines.length < ENOUGH && (view.start > 0 || view.end < size.value)) {
      const before = view.end - view.start
      if (view.start > 0) await readBefore(isCurrent)
      if (isCurrent() && view.end < size.value) await readAfter(isCurrent)
      if (view.end - view.start === before) return
      budget -= view.end - view.start - before
    }
  }

  async function readBefore(isCurrent: () => boolean): Promise<void> {
    const from = Math.max(0, view.start - (hidden.size > 0 ? CHUNK_FILTERED : CHUNK))
    const start = view.start
    const bytes = await read(from, start - from)
    if (!isCurrent() || view.start !== start) return
    const whole = bytes.subarray(0, start - from)
    // A line longer than the reading is taken as it is.
    const first = from === 0 ? 0 : Math.max(0, whole.indexOf(10) + 1)
    view.prependBytes(whole.subarray(first === whole.length ? 0 : first))
    if (view.lines.length > MOST) view.trimTail(KEPT)
    publishNow()
  }

  async function readAfter(isCurrent: () => boolean): Promise<void> {
    const from = view.end
    const known = tailEnd >= 0 ? Math.max(tailEnd, from) : size.value
    const limit = Math.min(hidden.size > 0 ? CHUNK_FILTERED : CHUNK, known - from)
    if (limit <= 0) return
    const bytes = await read(from, limit)
    if (!isCurrent() || view.end !== from || bytes.length === 0) return
    view.appendBytes(bytes.subarray(0, endOfLines(bytes, from + bytes.length >= known)))
    if (view.lines.length > MOST) view.trimHead(KEPT)
    publishNow()
  }

  async function loadBefore(): Promise<void> {
    if (isReading.value || view.start === 0 || status.value === 'opening') return
    await once(async (isCurrent) => {
      await readBefore(isCurrent)
      await fill(isCurrent)
    })
  }

  async function loadAfter(): Promise<void> {
    if (isReading.value || view.end >= size.value || status.value === 'opening' || restart) return
    await once(async (isCurrent) => {
      await readAfter(isCurrent)
      await fill(isCurrent)
    })
  }

  async function setHidden(levels: ReadonlySet<LogLevel>, anchor: number | null): Promise<void> {
    hidden = levels
    if (status.value === 'opening') return
    if (following.value || anchor === null) {
      round += 1
      reading?.abort()
      restart = true
      following.value = true
      if (tailEnd < 0) return
      openTail(-CHUNK / 2)
      return
    }
    view = new LogWindow(0, hidden)
    await openAt(anchor)
  }

  async function readIndex(): Promise<void> {
    clearTimeout(indexTimer)
    try {
      const reply = await transport.call('getLogIndex', { params: { key } })
      size.value = Math.max(size.value, reply.size)
      index.value = reply
      if (reply.indexed < reply.size) indexTimer = setTimeout(() => void readIndex(), INDEX_RETRY)
      tally.setIndex(reply)
      if (reply.indexed >= reply.size) total.value ??= reply.lines
      await number()
      publish()
    } catch (cause) {
      // The log itself is shown without counts, map and numbers.
      if (!(cause instanceof CallError)) throw cause
    }
  }

  /** Finds the number of the window's first line: from the nearest known line before it. */
  async function number(): Promise<void> {
    const known = index.value
    if (numberBase.value !== null || known === null) return
    const current = view
    const { start, firstPlace } = view
    if (start > known.indexed) return
    const block = blockBefore(known.offsets, start)
    const from = known.offsets[block] ?? 0
    let count = block * known.step
    for (let at = from; at < start;) {
      const { bytes } = await transport.bytes('getLog', {
        params: { key },
        query: { offset: at, limit: Math.min(4 * CHUNK_FILTERED, start - at) },
      })
      if (bytes.length === 0) return
      count += countNewlines(bytes.subarray(0, start - at))
      at += bytes.length
    }
    if (current !== view) return
    numberBase.value = count - firstPlace
    publish()
  }

  async function openLine(wanted: number): Promise<number | null> {
    const known = index.value
    if (known === null) return null
    const line = Math.max(0, wanted - 1)
    const block = Math.min(Math.floor(line / known.step), known.offsets.length - 1)
    let at = known.offsets[block] ?? 0
    let left = line - block * known.step
    while (left > 0) {
      const { bytes } = await transport.bytes('getLog', {
        params: { key },
        query: { offset: at, limit: CHUNK_FILTERED },
      })
      const next = bytes.indexOf(10)
      if (next === -1) break
      let end = next
      left -= 1
      while (left > 0) {
        const following = bytes.indexOf(10, end + 1)
        if (following === -1) break
        end = following
        left -= 1
      }
      at += end + 1
    }
    await openAt(at)
    return at
  }

  reopen()
  useWhenBack(() => {
    if (status.value === 'failed') reopen()
    else if (index.value === null && status.value !== 'opening') void readIndex()
  })
  // A line that ends later has changed nothing but itself.
  watch(following, (now) => now && publish())
  const timer = setInterval(() => arrivals.length > 0 && publish(), 1_000)
  onScopeDispose(() => {
    round += 1
    clearTimeout(indexTimer)
    clearInterval(timer)
    clearTimeout(late)
    if (frame !== null) cancelAnimationFrame(frame)
    reading?.abort()
    tail?.close()
  })

  return {
    lines,
    status,
    error,
    size,
    following,
    newLines,
    atStart,
    atEnd,
    isReading,
    index,
    counts,
    marks,
    total: computed(() => total.value),
    speed,
    numberOf: ({ place }) => (numberBase.value === null ? null : numberBase.value + place + 1),
    follow,
    pause,
    openAt,
    openLine,
    loadBefore,
    loadAfter,
    setHidden,
    reopen,
  }
}

/** Where whole lines end; all of it at the file's end, or where a line is longer than the reading. */
function endOfLines(bytes: Uint8Array, isEnd: boolean): number {
  const end = isEnd ? bytes.length : bytes.lastIndexOf(10) + 1
  return end === 0 ? bytes.length : end
}

function countIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1
  return count
}

function blockBefore(offsets: readonly number[], offset: number): number {
  let low = 0
  let high = offsets.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((offsets[middle] ?? Infinity) <= offset) low = middle
    else high = middle - 1
  }
  return low
}
