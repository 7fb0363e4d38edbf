/** The result of an interpolation: the text, or what is wrong with it. */
export type Interpolated = { readonly text: string } | { readonly problem: string }

/** ConfigParser's `MAX_INTERPOLATION_DEPTH`. */
const MAX_DEPTH = 10

/**
 * Replaces `%(name)s` by the value of that option and `%%` by a per cent sign, as Python's `BasicInterpolation`.
 * `lookup` gets names in lower case and answers the raw value, or undefined where there is none.
 */
export function interpolate(raw: string, lookup: (name: string) => string | undefined, depth = 1): Interpolated {
  if (depth > MAX_DEPTH) return { problem: '%(name)s refers to itself, or is nested more than 10 deep' }
  let text = ''
  for (const piece of raw.split(/(%%|%\([^)]+\)s|%)/)) {
    if (piece === '%%') text += '%'
    else if (piece === '%')
      return { problem: "'%' must be followed by '%' or '(name)s'; write '%%' for a per cent sign" }
    else if (piece.startsWith('%(') && piece.endsWith(')s')) {
      const name = piece.slice(2, -2).toLowerCase()
      const value = lookup(name)
      if (value === undefined) return { problem: `%(${name})s names an option that is not in this section` }
      const inner = interpolate(value, lookup, depth + 1)
      if ('problem' in inner) return inner
      text += inner.text
    } else text += piece
  }
  return { text }
}
