import { isIPv4, isIPv6 } from 'node:net'

/** Whether only this machine can reach an address. A name other than `localhost` is taken for one that others can. */
export function isLoopback(address: string): boolean {
  if (isIPv4(address)) return address.startsWith('127.')
  if (!isIPv6(address)) return /^localhost\.?$/i.test(address)
  const canonical = URL.parse(`http://[${address}]`)?.hostname
  return canonical === '[::1]' || (canonical?.startsWith('[::ffff:7f') ?? false)
}
