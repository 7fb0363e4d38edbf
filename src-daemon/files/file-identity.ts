/** Bytes of a file's beginning that are compared. The first line of a Scrapy log carries the second it was written in. */
export const headBytes = 128

/** What tells a file that has grown from another one that took its place. */
export interface FileIdentity {
  readonly dev: number
  readonly ino: number
  readonly size: number
  /** Up to `headBytes` first bytes. */
  readonly head: Buffer
}

/**
 * Whether `now` is `before`, only longer. Inode numbers are used again at once by some file systems and `> file` keeps
 * them, so the beginning must be the same too.
 */
export function hasOnlyGrown(before: FileIdentity, now: FileIdentity): boolean {
  return (
    before.dev === now.dev &&
    before.ino === now.ino &&
    now.size >= before.size &&
    now.head.length >= before.head.length &&
    now.head.subarray(0, before.head.length).equals(before.head)
  )
}
