import { randomBytes } from 'node:crypto'

/** A new key: 26 characters `0-9a-z`, sorts by time (milliseconds), then random. */
export function newKey(now: number = Date.now()): string {
  const time = now.toString(36).padStart(9, '0')
  const random = BigInt(`0x${randomBytes(11).toString('hex')}`)
    .toString(36)
    .padStart(18, '0')
  return `${time}${random.slice(-17)}`
}
