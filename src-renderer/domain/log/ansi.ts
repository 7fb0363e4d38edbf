/** A run of text in one style. `colour` is a name of ours, never a colour of the log's own. */
export interface StyledRun {
  readonly text: string
  readonly classes: string
}

const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']
/** Escape sequences: CSI, OSC (titles, links) up to its end, and the two-character ones. */
const SEQUENCE =
  // oxlint-disable-next-line no-control-regex -- the escape character is what is looked for
  /\u001b(?:\[([0-9;:?]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -~])?/g
/** Control characters but the tab, and those that turn the direction of text around. */
// oxlint-disable-next-line no-control-regex -- control characters are what is removed
const UNSEEN = /[\0-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g

interface Style {
  bold: boolean
  dim: boolean
  underline: boolean
  colour: string | null
}

/** Splits a line at its ANSI codes: colours and weight become classes, everything else is removed. */
export function styledRuns(text: string): StyledRun[] {
  if (!text.includes('\u001b')) return [{ text: withoutControls(text), classes: '' }]
  const runs: StyledRun[] = []
  const style: Style = { bold: false, dim: false, underline: false, colour: null }
  let from = 0
  const put = (until: number) => {
    const part = withoutControls(text.slice(from, until))
    if (part !== '') runs.push({ text: part, classes: classesOf(style) })
  }
  for (const match of text.matchAll(SEQUENCE)) {
    put(match.index)
    from = match.index + match[0].length
    if (match[2] === 'm') applyCodes(style, match[1] ?? '')
  }
  put(text.length)
  return runs
}

/** The same as plain text. */
export function plainText(text: string): string {
  return withoutControls(text.includes('\u001b') ? text.replace(SEQUENCE, '') : text)
}

function withoutControls(text: string): string {
  return text.replace(UNSEEN, '')
}

function applyCodes(style: Style, codes: string): void {
  const numbers = codes === '' ? [0] : codes.split(/[;:]/).map(Number)
  for (let at = 0; at < numbers.length; at += 1) {
    const code = numbers[at] ?? 0
    if (code === 0) Object.assign(style, { bold: false, dim: false, underline: false, colour: null })
    else if (code === 1) style.bold = true
    else if (code === 2) style.dim = true
    else if (code === 4) style.underline = true
    else if (code === 22) style.bold = style.dim = false
    else if (code === 24) style.underline = false
    else if (code === 39) style.colour = null
    else if (code >= 30 && code <= 37) style.colour = COLOURS[code - 30] ?? null
    else if (code >= 90 && code <= 97) style.colour = COLOURS[code - 90] ?? null
    // Colours out of a palette or as numbers: their parameters are skipped.
    else if (code === 38 || code === 48) at += numbers[at + 1] === 5 ? 2 : 4
  }
}

function classesOf({ bold, dim, underline, colour }: Style): string {
  return [
    bold ? 'ansi-bold' : '',
    dim ? 'ansi-dim' : '',
    underline ? 'ansi-underline' : '',
    colour === null ? '' : `ansi-${colour}`,
  ]
    .filter((name) => name !== '')
    .join(' ')
}
