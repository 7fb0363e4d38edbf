/** Columns of a table of items at most; an item opens to all it has. */
const MOST = 24
/** The column of what is no object. */
const VALUE = 'value'

/** The fields of items, in the order in which they first appear. */
export function itemColumns(items: readonly unknown[]): string[] {
  const columns = new Set<string>()
  for (const item of items) {
    if (isRecord(item)) for (const name of Object.keys(item)) columns.add(name)
    else columns.add(VALUE)
    if (columns.size >= MOST) break
  }
  return [...columns].slice(0, MOST)
}

/** What one cell of it shows; nested values as JSON. */
export function cellText(item: unknown, column: string): string {
  const value = isRecord(item) ? item[column] : column === VALUE ? item : undefined
  if (value === undefined || value === null) return ''
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
