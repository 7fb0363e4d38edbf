const MINUTE = 60_000
const MOST_MINUTES = 10_000

const minutes = new Map<number, string>()

const two = (value: number) => String(value).padStart(2, '0')
/** Seconds and thousandths as text: a listing has hundreds of thousands of them. */
const SECONDS = Array.from({ length: 60 }, (_, index) => two(index))
const THOUSANDTHS = Array.from({ length: 1_000 }, (_, index) => `.${String(index).padStart(3, '0')}000`)

/**
 * Milliseconds since 1970 as Python's `str(datetime)` gives them, in the daemon's local time: `2026-07-08 09:10:11.120000`.
 * The time zone is asked once a minute of the calendar: SQLite asks it per value, which took half of a long listing.
 */
export function scrapydTime(at: number): string {
  const minute = Math.floor(at / MINUTE)
  let text = minutes.get(minute)
  if (text === undefined) {
    const date = new Date(minute * MINUTE)
    const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
    text = `${day} ${two(date.getHours())}:${two(date.getMinutes())}:`
    if (minutes.size >= MOST_MINUTES) minutes.clear()
    minutes.set(minute, text)
  }
  const rest = Math.floor(at - minute * MINUTE)
  return `${text}${SECONDS[Math.floor(rest / 1_000)]}${THOUSANDTHS[rest % 1_000]}`
}
