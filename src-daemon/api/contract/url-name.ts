/**
 * A name as a part of a path, escaped as Python's `quote` does it: no character is left that means something in HTML, so that
 * clients may cut the address out of a page without decoding it.
 */
export function urlName(name: string): string {
  return encodeURIComponent(name).replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
