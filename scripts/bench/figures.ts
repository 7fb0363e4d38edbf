/** The middle of some measurements. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** The value below which that share of the measurements lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** A row of the report. */
export interface Row {
  readonly what: string
  readonly ours: string
  readonly stock: string
  readonly ratio: string
  readonly target: string
  /** null: there is no target to miss. */
  readonly met: boolean | null
}

/** A row whose figure is better when it is smaller (or larger, with `more`), as a ratio to stock's. */
export function row(
  what: string,
  unit: string,
  ours: number,
  stock: number | null,
  target: { readonly text: string; readonly met: boolean | null },
): Row {
  return {
    what,
    ours: `${text(ours)} ${unit}`,
    stock: stock === null ? '–' : `${text(stock)} ${unit}`,
    ratio: stock === null ? '–' : `${text(ours / stock)} ×`,
    target: target.text,
    met: target.met,
  }
}

function text(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** The report as a Markdown table. */
export function table(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const mark = (met: boolean | null) => (met === null ? '' : met ? 'yes' : '**no**')
  return [
    line(['what', 'ours', 'stock Scrapyd 1.6', 'ours / stock', 'to reach', 'reached']),
    line(['---', '---:', '---:', '---:', '---', '---']),
    ...rows.map((one) => line([one.what, one.ours, one.stock, one.ratio, one.target, mark(one.met)])),
  ].join('\n')
}
