/**
 * Cuts ` # …` and ` ; …` off a value of our own files. Inside a quoted value, and inside the strings of a JSON list, the
 * two characters are text; so is a `#` or `;` without a blank before it, as in `password = a#b`.
 */
export function stripInlineComment(text: string, isJson: boolean): string {
  const first = text.trimStart()[0]
  const quotes = isJson ? '"' : first === '"' || first === "'" ? first : ''
  const escapes = quotes === '"'
  let quote: string | null = null
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i)
    if (quote !== null) {
      if (escapes && character === '\\') i++
      else if (character === quote) quote = null
    } else if (quotes !== '' && character === quotes) quote = character
    else if ((character === '#' || character === ';') && (i === 0 || /\s/.test(text.charAt(i - 1)))) {
      // At i = 0 there was a delimiter right before: `password =#x` is a value, but a continuation line is a comment.
      if (i > 0) return text.slice(0, i).trim()
    }
  }
  return text.trim()
}

/**
 * Takes the quotes off a value: `"a # b"`, `'a # b'`. In double quotes `\"` and `\\` stand for one character. null where
 * the closing quote is missing or text follows it; an unquoted value is returned as it is.
 */
export function unquote(value: string): string | null {
  if (value.startsWith("'")) return /^'([^']*)'$/.exec(value)?.[1] ?? null
  if (!value.startsWith('"')) return value
  const inner = /^"((?:[^"\\]|\\.)*)"$/s.exec(value)?.[1]
  return inner === undefined ? null : inner.replaceAll(/\\(["\\])/g, '$1')
}

/** The other way: a value as it must be written in our files to be read again unchanged. */
export function quoteIfNeeded(value: string): string {
  if (!/^["'[#;]|^\s|\s$|\s[#;]/.test(value)) return value
  return `"${value.replaceAll(/["\\]/g, '\\$&')}"`
}
