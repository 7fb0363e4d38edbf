import { join } from 'node:path'
import { canInstallPackages, installPackages } from './packages.ts'
import { findScrapyPython, venvDir } from './python.ts'
import type { ScrapyPython } from './python.ts'
import { root } from './root.ts'
import { cacheDir, SetUpError } from './set-up.mjs'
import { ensureVenv } from './venv.ts'

/**
 * An interpreter that has Scrapy; installs it where none has: into `.venv` by pip, else Debian's package.
 * @throws SetUpError with the command that the user can run
 */
export async function ensureScrapy(): Promise<ScrapyPython> {
  const found = findScrapyPython()
  if (found !== null) return found
  const chosen = process.env['SCRAPYD_SERVICE_PYTHON']
  if (chosen) {
    throw new SetUpError(
      `SCRAPYD_SERVICE_PYTHON is ${chosen}, which cannot import Scrapy 2.8 or newer. Install it there:\n  ${chosen} -m pip install scrapy`,
    )
  }
  console.error('No Python here has Scrapy 2.8 or newer.')
  await ensureVenv({ what: 'Scrapy', dir: venvDir, packages: ['scrapy'] })
  const installed = findScrapyPython()
  if (installed !== null) return installed
  if (canInstallPackages() && (await installPackages('Installing Scrapy', ['python3-scrapy']))) {
    const debian = findScrapyPython()
    if (debian !== null) return debian
  }
  throw new SetUpError(
    [
      'Scrapy could not be installed; the reasons are above.',
      'Install it yourself, and run the command again. With pip:',
      `  python3 -m venv ${venvDir} && ${join(venvDir, 'bin/python')} -m pip install scrapy`,
      'or on Debian and Ubuntu:',
      '  sudo apt-get install python3-scrapy',
      'or name an interpreter that has it: SCRAPYD_SERVICE_PYTHON=/path/to/python.',
    ].join('\n'),
  )
}

/** Scrapyd, the clients that our API is tested with, and what projects bring along, at versions that work together. */
const peers = [
  'scrapyd==1.6.0',
  'python-scrapyd-api==2.1.2',
  'scrapyd-client==2.0.3',
  'scrapydweb==1.6.0',
  // ScrapydWeb's old libraries import pkg_resources, which newer ones leave out.
  'setuptools<81',
  // A spider's browser; it runs the one that the tests have, and downloads none.
  'scrapy-playwright==0.0.48',
]

/**
 * The interpreter of the environment that holds stock Scrapyd and the clients.
 * @throws SetUpError when it cannot be made
 */
export async function ensurePeers(): Promise<string> {
  const dir = join(cacheDir(root), 'peers')
  const python = await ensureVenv({ what: 'Scrapyd and its clients for the tests', dir, packages: peers })
  if (python !== null) return python
  throw new SetUpError(
    [
      'Scrapyd and its clients could not be installed; the reasons are above. The end-to-end tests need them:',
      `  python3 -m venv ${dir} && ${join(dir, 'bin/python')} -m pip install ${peers.map((one) => `'${one}'`).join(' ')}`,
    ].join('\n'),
  )
}
