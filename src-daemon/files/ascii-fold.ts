/**
 * Writes `from[0, length)` to `to` with A-Z as a-z and every other byte as it is, four bytes a step. Both must be whole
 * buffers (offset 0) of one length that is a multiple of four.
 */
export function foldAscii(from: Uint8Array, to: Uint8Array, length: number): void {
  const source = new Uint32Array(from.buffer, from.byteOffset, from.byteLength >>> 2)
  const target = new Uint32Array(to.buffer, to.byteOffset, to.byteLength >>> 2)
  const words = (length + 3) >>> 2
  for (let i = 0; i < words; i++) {
    const word = source[i] as number
    // Per byte, the high bit: at least 'A', beyond 'Z', not ASCII. An upper-case letter is the first without the others.
    const seven = word & 0x7f7f7f7f
    const atLeastA = seven + 0x3f3f3f3f
    const beyondZ = seven + 0x25252525
    const upper = (atLeastA ^ beyondZ) & ~word & 0x80808080
    target[i] = word | (upper >>> 2)
  }
}
