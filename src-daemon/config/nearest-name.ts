/** The known name that takes the fewest edits to get to from an unknown one, without regard to case. */
export function nearestName(unknown: string, known: readonly string[]): string {
  const distances = known.map((name) => ({ name, edits: editDistance(unknown.toLowerCase(), name.toLowerCase()) }))
  return distances.toSorted((a, b) => a.edits - b.edits)[0]?.name ?? ''
}

/** Levenshtein's distance, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
