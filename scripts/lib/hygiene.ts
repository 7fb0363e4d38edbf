import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'

/** The files of the repository: tracked, or new and not ignored. */
function repositoryFiles(): string[] {
  // Whoever runs this may not own the folder (a container's mount): git would refuse.
  const args = ['-c', `safe.directory=${root}`, 'ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const list = execFileSync('git', args, { cwd: root, encoding: 'utf8' })
  return list
    .split('\0')
    .filter((file) => file !== '' && statSync(join(root, file), { throwIfNoEntry: false })?.isFile())
}

interface Rule {
  readonly finds: (line: string) => boolean
  readonly only?: RegExp
  readonly message: string
}

const rules: readonly Rule[] = [
  { finds: (line) => /(?<![\w.])\/(Users|home)\/(?!scrapy)\w+\//.test(line), message: "a path of somebody's machine" },
  // The checkout's own place, where it is telling enough not to be an ordinary word (`/app`).
  {
    finds: (line) => root.split('/').length > 2 && line.includes(root),
    message: 'the path of this checkout',
  },
  {
    only: /^package-lock\.json$/,
    finds: (line) => /"resolved": "https?:/.test(line),
    message: 'a registry host (keep `omit-lockfile-registry-resolved=true` in .npmrc, and make the lock anew)',
  },
]

/** What lies in the repository and should not: one line per find, `file:line: what`. */
export function findUnwanted(): string[] {
  return repositoryFiles().flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    if (text.includes('\0')) return [] // an image, a font
    return text
      .split('\n')
      .flatMap((line, index) =>
        rules
          .filter(({ only, finds }) => (only?.test(file) ?? true) && finds(line))
          .map(({ message }) => `${file}:${index + 1}: ${message}`),
      )
  })
}
