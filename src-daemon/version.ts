import { readFileSync } from 'node:fs'

/** Version of this package, as package.json says. */
export const VERSION: string = (JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version

function packageFile(): URL {
  // Sources lie beside package.json, the published JavaScript one folder below.
  return new URL(import.meta.url.endsWith('.ts') ? './package.json' : '../package.json', import.meta.url)
}
