/**
 * The length of `bytes[0, length)` without a character at the end whose last bytes are missing. Bytes that are no UTF-8
 * are left where they are.
 */
export function wholeCharacters(bytes: Uint8Array, length: number): number {
  for (let back = 1; back <= Math.min(3, length); back++) {
    const byte = bytes[length - back] as number
    if (byte < 0x80) return length
    if (byte >= 0xc0) return back < sequenceLength(byte) ? length - back : length
  }
  return length
}

/** The first position at or after `start` that does not lie inside a character. */
export function nextCharacter(bytes: Uint8Array, start: number): number {
  let at = start
  while (at < bytes.length && at < start + 3 && ((bytes[at] as number) & 0xc0) === 0x80) at++
  return at
}

function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return lead < 0xf8 ? 4 : 1
  return lead >= 0xe0 ? 3 : 2
}
