const MAX_CHARACTERS = 200
/** A name becomes a folder name (`logs/NAME/…`), and file systems count bytes. */
const MAX_BYTES = 255

/**
 * What is wrong with a project's name, in words; null where it can be used. Letters of every language are allowed; the
 * name must be one safe component of a path.
 */
export function projectNameProblem(name: string): string | null {
  if (name === '') return 'a project needs a name'
  if (name === '.' || name === '..') return `'${name}' is not a project's name`
  if (/[/\\]/.test(name)) return 'the name of a project holds no / and no \\'
  if (/[\p{Cc}\u2028\u2029]/u.test(name)) return 'the name of a project holds no control characters'
  if ([...name].length > MAX_CHARACTERS) return `the name of a project has at most ${MAX_CHARACTERS} characters`
  if (Buffer.byteLength(name) > MAX_BYTES) return `the name of a project has at most ${MAX_BYTES} bytes in UTF-8`
  return null
}
