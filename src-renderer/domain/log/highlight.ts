/** A piece of a line; `hit`: what was searched for. */
export interface Piece {
  readonly text: string
  readonly hit: boolean
}

/** Splits a text at the matches of a query, by the daemon's rule: without a capital letter, capitals do not matter. */
export function splitMatches(text: string, query: string): Piece[] {
  if (query === '') return [{ text, hit: false }]
  const anyCase = query === query.toLowerCase()
  const hay = anyCase ? text.toLowerCase() : text
  // Some letters change their length with their case; then nothing can be pointed at.
  if (hay.length !== text.length) return [{ text, hit: false }]
  const pieces: Piece[] = []
  let from = 0
  for (let at = hay.indexOf(query); at !== -1; at = hay.indexOf(query, from)) {
    if (at > from) pieces.push({ text: text.slice(from, at), hit: false })
    pieces.push({ text: text.slice(at, at + query.length), hit: true })
    from = at + query.length
  }
  if (from < text.length || pieces.length === 0) pieces.push({ text: text.slice(from), hit: false })
  return pieces
}
