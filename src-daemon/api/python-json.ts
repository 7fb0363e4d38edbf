/**
 * JSON as Python's `json.dumps` writes it, spaced (`{"status": "ok", "projects": ["a", "b"]}`) and in ASCII: scripts around
 * curl match such text with grep, and clients that take an answer without a charset for Latin-1 still read names right. A
 * line break stands nowhere in the indented text but in the layout, so it can be replaced blindly.
 */
export function toPythonJson(value: unknown): string {
  return inAscii(
    JSON.stringify(value, null, 1)
      .replaceAll(/([{[])\n */g, '$1')
      .replaceAll(/\n *([}\]])/g, '$1')
      .replaceAll(/\n */g, ' '),
  )
}

/** Escapes what is not ASCII in JSON text. Only strings can hold it, and there the escape means the same. */
export function inAscii(json: string): string {
  return json.replaceAll(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
