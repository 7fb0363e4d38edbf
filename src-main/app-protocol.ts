import { readFile } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'

/** The origin of our own pages. `app:` is registered as a secure standard scheme before the app is ready. */
export const APP_SCHEME = 'app'
export const APP_ORIGIN = 'app://console'
export const START_URL = `${APP_ORIGIN}/index.html`

/** No network at all: what a page wants from a daemon goes through main. */
export const APP_CSP =
  "default-src 'self'; connect-src 'none'; img-src 'self' data:; object-src 'none'; base-uri 'none'; " +
  "form-action 'none'; frame-src 'none'; frame-ancestors 'none'"

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

/** Whether a URL is one of our own pages. */
export function isOwnUrl(url: string): boolean {
  return url === APP_ORIGIN || url.startsWith(`${APP_ORIGIN}/`)
}

/** The file of the console behind an `app://` URL; null for everything outside of the folder. */
export function assetPath(folder: string, url: string): string | null {
  if (!isOwnUrl(url)) return null
  let path: string
  try {
    path = decodeURIComponent(new URL(url).pathname)
  } catch {
    return null
  }
  const file = join(folder, path === '/' || path === '' ? 'index.html' : path)
  return file.startsWith(folder + sep) && !path.includes('\0') && Object.hasOwn(TYPES, extname(file)) ? file : null
}

/** Answers a request of our own page from the built console. */
export async function serveAsset(folder: string, request: Pick<Request, 'url' | 'method'>): Promise<Response> {
  const path = request.method === 'GET' ? assetPath(folder, request.url) : null
  const bytes = path === null ? null : await readFile(path).catch(() => null)
  if (path === null || bytes === null) return new Response('Not found', { status: 404 })
  return new Response(new Uint8Array(bytes), {
    headers: {
      'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
      'content-security-policy': APP_CSP,
      'x-content-type-options': 'nosniff',
      'cross-origin-opener-policy': 'same-origin',
    },
  })
}

/** The URL if the system's browser may open it: http(s) and nothing hidden in it; else null. */
export function externalUrl(text: string): string | null {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return null
  return url.href
}
