/** Texts for numbers, times and durations in one language. Times are ISO strings; `now` is in milliseconds. */
export interface Format {
  /** 12,480 */
  number(value: number): string
  /** 1.28 M, 128 万; whole below 10 000. */
  compact(value: number): string
  /** 1.8 %, in Chinese 1.8%. `part` of 1. */
  percent(part: number): string
  /** 7.8 MB (files; powers of 1000). */
  fileSize(bytes: number): string
  /** 318 MiB (memory, disks; powers of 1024). */
  memory(bytes: number): string
  /** 0.3 ms, 41 ms */
  latency(milliseconds: number): string
  /** 4 min 42 s: two units at most. */
  duration(seconds: number): string
  /** 55 min, 2 h 11 min: rounded, for what is only usual. */
  about(seconds: number): string
  /** 14 min, 12 d: one unit. */
  age(at: string, now: number): string
  /** 3 min ago */
  ago(at: string, now: number): string
  /** 22:10:40 */
  clock(at: string): string
  /** The clock of today, else Nov 19, 09:02, of another year Nov 19, 2025. */
  moment(at: string, now: number): string
  /** Nov 19, 09:02, of another year Nov 19, 2025, 09:02. */
  dated(at: string, now: number): string
  /** Nov 22, 2026, 22:10:40 (UTC+8), and UTC below. */
  full(at: string): string
  /** 22:00 */
  hour(at: string): string
  /** Nov 19 */
  day(at: string): string
}

type Translate = (key: string, values: Record<string, unknown>, plural: number) => string

const MINUTE = 60
const HOUR = 3_600
const DAY = 86_400

/** Makes the formatters of a language; `t` gives the words for units. */
export function createFormat(locale: string, t: Translate): Format {
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
  const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumSignificantDigits: 3 })
  const figure = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 })
  const clockForm = new Intl.DateTimeFormat(locale, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  })
  const hourForm = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  const dayForm = new Intl.DateTimeFormat(locale, { month: 'short', day: 'numeric' })
  const dateForm = new Intl.DateTimeFormat(locale, {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const yearForm = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: 'numeric' })
  const datedForm = new Intl.DateTimeFormat(locale, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  const fullForm = new Intl.DateTimeFormat(locale, {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'shortOffset',
  })
  const utcForm = new Intl.DateTimeFormat(locale, {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZone: 'UTC',
  })

  const number = (value: number) => whole.format(value)
  const counted = (key: string, n: number) => t(key, { n }, n)

  function compact(value: number): string {
    if (Math.abs(value) < 10_000) return number(value)
    const parts = short.formatToParts(value)
    return parts
      .map(({ type, value: text }) => (type === 'compact' ? ` ${text.trim()}` : type === 'literal' ? '' : text))
      .join('')
  }

  function sized(bytes: number, base: number, units: readonly string[]): string {
    let value = bytes
    let unit = 0
    while (value >= base && unit < units.length - 1) {
      value /= base
      unit += 1
    }
    return `${unit === 0 ? number(value) : figure.format(value)} ${units[unit]}`
  }

  function duration(seconds: number): string {
    const total = Math.floor(seconds)
    const two = (n: number) => String(n).padStart(2, '0')
    const unit = (name: string, n: number | string) => t(`unit.${name}`, { n }, Number(n))
    if (total < MINUTE) return unit('second', total)
    if (total < HOUR) return pair(unit('minute', Math.floor(total / MINUTE)), unit('second', two(total % MINUTE)))
    if (total < DAY)
      return pair(unit('hour', Math.floor(total / HOUR)), unit('minute', two(Math.floor((total % HOUR) / MINUTE))))
    return pair(unit('day', Math.floor(total / DAY)), unit('hour', Math.floor((total % DAY) / HOUR)))
  }

  function about(seconds: number): string {
    if (seconds < MINUTE) return counted('unit.second', Math.round(seconds))
    const minutes = Math.round(seconds / MINUTE)
    return minutes * MINUTE < HOUR ? counted('age.minute', minutes) : duration(minutes * MINUTE)
  }

  function pair(first: string, second: string): string {
    return `${first} ${second}`
  }

  function age(at: string, now: number): string {
    const seconds = Math.max(0, Math.floor((now - Date.parse(at)) / 1_000))
    if (seconds < MINUTE) return counted('unit.second', seconds)
    if (seconds < HOUR) return counted('age.minute', Math.floor(seconds / MINUTE))
    if (seconds < DAY) return counted('age.hour', Math.floor(seconds / HOUR))
    return counted('age.day', Math.floor(seconds / DAY))
  }

  const isThisYear = (at: string, now: number) => new Date(at).getFullYear() === new Date(now).getFullYear()
  const moment = (at: string, now: number) =>
    new Date(at).toDateString() === new Date(now).toDateString()
      ? clockForm.format(new Date(at))
      : (isThisYear(at, now) ? dateForm : yearForm).format(new Date(at))

  return {
    number,
    compact,
    percent: (part) => t('percent', { n: figure.format(Math.round(part * 1_000) / 10) }, 1),
    fileSize: (bytes) => sized(bytes, 1_000, ['B', 'kB', 'MB', 'GB', 'TB']),
    memory: (bytes) => sized(bytes, 1_024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']),
    latency: (ms) =>
      t('unit.millisecond', { n: ms < 1 ? ms.toFixed(1) : ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms) }, 1),
    duration,
    about,
    age,
    ago: (at, now) => {
      const seconds = (now - Date.parse(at)) / 1_000
      if (seconds < 5) return t('now', {}, 1)
      return seconds < DAY ? t('ago', { age: age(at, now) }, 1) : moment(at, now)
    },
    clock: (at) => clockForm.format(new Date(at)),
    moment,
    dated: (at, now) => (isThisYear(at, now) ? dateForm : datedForm).format(new Date(at)),
    full: (at) => `${fullForm.format(new Date(at))}\n${utcForm.format(new Date(at))} UTC`,
    hour: (at) => hourForm.format(new Date(at)),
    day: (at) => dayForm.format(new Date(at)),
  }
}
