/** A moment of a filter as an address writes it: ISO 8601, or relative to now such as `-24h`. */
const RELATIVE = /^-(\d{1,9})([smhdw])$/
const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
/** What a date can hold. */
const LATEST = 8.64e15

/** Whether the daemon would understand it. */
export function isMoment(text: string): boolean {
  return (
    (relativeMs(text) ?? -1) >= 0 || (/^\d{4}-\d\d-\d\d/.test(text) && text.length <= 40 && isDate(Date.parse(text)))
  )
}

/** Milliseconds back from now; null: it is not relative. */
export function relativeMs(text: string): number | null {
  const match = RELATIVE.exec(text)
  return match === null ? null : Number(match[1]) * (UNITS[match[2] ?? 's'] ?? 0)
}

/** In milliseconds since 1970. */
export function momentOf(text: string, now: number): number {
  const back = relativeMs(text)
  return back === null ? Date.parse(text) : Math.max(-LATEST, now - back)
}

/** Whether a range can hold nothing, because its end comes first. */
export function isBackwards({ from, to }: { readonly from: string; readonly to: string }, now: number): boolean {
  return from !== '' && to !== '' && momentOf(from, now) > momentOf(to, now)
}

function isDate(milliseconds: number): boolean {
  return Math.abs(milliseconds) <= LATEST
}
