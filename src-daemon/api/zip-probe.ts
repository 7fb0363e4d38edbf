const END_RECORD = Buffer.from('PK\x05\x06', 'latin1')
const END_RECORD_BYTES = 22
const LONGEST_TAIL = END_RECORD_BYTES + 65_535

/** Says of bytes that pass by whether they end as a ZIP archive does; keeps no more than the tail. */
export class ZipProbe {
  #tail: Buffer[] = []
  #length = 0

  write(bytes: Buffer): void {
    this.#tail.push(Buffer.from(bytes))
    this.#length += bytes.length
    while (this.#tail[0] !== undefined && this.#length - this.#tail[0].length >= LONGEST_TAIL) {
      this.#length -= this.#tail[0].length
      this.#tail.shift()
    }
  }

  isZip(): boolean {
    return isZip(Buffer.concat(this.#tail))
  }
}

/** Python's `zipfile.is_zipfile`: an end-of-archive record within the last 64 KiB. */
export function isZip(bytes: Buffer): boolean {
  const tail = bytes.subarray(-LONGEST_TAIL)
  const at = tail.lastIndexOf(END_RECORD)
  return at !== -1 && tail.length - at >= END_RECORD_BYTES
}
