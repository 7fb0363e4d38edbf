import { join } from 'node:path'

/** The folder of `scrapyd_service`. Python cannot read an asar archive; the desktop app unpacks the folder beside it. */
const PACKAGE_DIR = join(import.meta.dirname, '../python/scrapyd_service').replace(
  /([/\\]app\.asar)(?=[/\\])/,
  '$1.unpacked',
)

/** The script that every Python process of the runner is started with. */
export const PYTHON_ENTRY = join(PACKAGE_DIR, '__main__.py')
