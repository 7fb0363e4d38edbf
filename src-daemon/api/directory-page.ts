import { urlName } from './contract/url-name.ts'
import { escapeHtml } from './html.ts'
import { localMinutes } from './local-time.ts'
import type { FolderRow } from './ports.ts'

const STYLE = `.even { background-color: #eee }
.odd { background-color: #dedede }
body { border: 0; padding: 0; margin: 0; background-color: #efefef; font-family: system-ui, sans-serif; }
h1 { padding: 0.1em; background-color: #777; color: white; font-size: 1.5rem; }
td, th { padding: 0 0.5em; text-align: left; }`

const TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  html: 'text/html',
  htm: 'text/html',
  xml: 'text/xml',
  csv: 'text/csv',
  js: 'text/javascript',
  css: 'text/css',
  md: 'text/markdown',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  svg: 'image/svg+xml',
  pdf: 'application/pdf',
  tar: 'application/x-tar',
  zip: 'application/zip',
}
const ENCODINGS: Readonly<Record<string, string>> = { gz: 'gzip', bz2: 'bzip2' }

/** A folder as Scrapyd shows it: clients (ScrapydWeb) parse the rows. `shownPath` is decoded, with its slashes. */
export function* directoryPage(shownPath: string, entries: readonly FolderRow[]): Generator<string> {
  const header = `Directory listing for ${escapeHtml(shownPath)}`
  yield `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${header}</title>
<style>
${STYLE}
</style>
</head>

<body>
<h1>${header}</h1>

<table>
    <thead>
        <tr>
            <th>Filename</th>
            <th>Size</th>
            <th>Last modified</th>
            <th>Content type</th>
            <th>Content encoding</th>
        </tr>
    </thead>
    <tbody>
`
  let index = 0
  for (const entry of sorted(entries)) yield row(entry, index++ % 2 === 0 ? 'odd' : 'even')
  yield `
    </tbody>
</table>

</body>
</html>
`
}

/** Folders first, each kind by name. */
function sorted(entries: readonly FolderRow[]): FolderRow[] {
  return entries.toSorted(
    (a, b) => Number(b.folder) - Number(a.folder) || (a.name < b.name ? -1 : Number(a.name > b.name)),
  )
}

function row({ name, folder, size, modifiedAt }: FolderRow, rowClass: string): string {
  const slash = folder ? '/' : ''
  const { type, encoding } = folder ? { type: 'Directory', encoding: '' } : typeOf(name)
  return `<tr class="${rowClass}">
    <td><a href="${urlName(name)}${slash}">${escapeHtml(name)}${slash}</a></td>
    <td>${folder ? '' : shortSize(size)}</td>
    <td>${localMinutes(modifiedAt)}</td>
    <td>[${type}]</td>
    <td>${encoding === '' ? '' : `[${encoding}]`}</td>
</tr>
`
}

function typeOf(name: string): { type: string; encoding: string } {
  const parts = name.toLowerCase().split('.').slice(1)
  const encoding = ENCODINGS[parts.at(-1) ?? ''] ?? ''
  const extension = (encoding === '' ? parts.at(-1) : parts.at(-2)) ?? ''
  return { type: TYPES[extension] ?? 'text/plain', encoding }
}

function shortSize(bytes: number): string {
  const units = ['B', 'K', 'M', 'G'] as const
  const power = Math.min(units.length - 1, bytes < 1_024 ? 0 : Math.floor(Math.log2(bytes) / 10))
  return `${Math.floor(bytes / 1_024 ** power)}${units[power] ?? 'G'}`
}
