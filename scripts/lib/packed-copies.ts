import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

/** What shrinks; a file that fits into one packet gains nothing. */
const PACKABLE = /\.(js|css|svg)$/
const LEAST_BYTES = 1_400

/** Puts a `.br` and a `.gz` beside every asset, which the daemon sends to browsers that can unpack them. */
export function packedCopies(): Plugin {
  return {
    name: 'packed-copies',
    apply: 'build',
    async writeBundle({ dir }) {
      const folder = join(dir ?? '.', 'assets')
      const names = (await readdir(folder)).filter((name) => PACKABLE.test(name))
      await Promise.all(names.map((name) => pack(join(folder, name))))
    },
  }
}

async function pack(path: string): Promise<void> {
  const bytes = await readFile(path)
  if (bytes.length < LEAST_BYTES) return
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(bytes, {
      params: { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    }),
    promisify(gzip)(bytes, { level: 9 }),
  ])
  await Promise.all([writeFile(`${path}.br`, br), writeFile(`${path}.gz`, gz)])
}
