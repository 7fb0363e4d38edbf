const two = (value: number) => String(value).padStart(2, '0')

/** `2026-07-08 09:10` in the daemon's local time. */
export function localMinutes(milliseconds: number): string {
  const at = new Date(milliseconds)
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}`
}

/** `2026-07-08 09:10:11` in the daemon's local time. */
export function localSeconds(milliseconds: number): string {
  return `${localMinutes(milliseconds)}:${two(new Date(milliseconds).getSeconds())}`
}

/** A duration as Python prints it: `0:01:05`, `1 day, 2:00:00`. */
export function pythonDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000))
  const days = Math.floor(seconds / 86_400)
  const rest = seconds % 86_400
  const time = `${Math.floor(rest / 3_600)}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`
  if (days === 0) return time
  return `${days} day${days === 1 ? '' : 's'}, ${time}`
}
