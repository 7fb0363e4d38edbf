import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../scripts/lib/root.ts'

/** A project with a spider for each way in which a job can go, package `lives`. */
export const livesProject = join(root, 'test/fixtures/lives')

/** The example project that users see first. */
export const newspapersProject = join(root, 'examples/newspapers')

/** A folder for the tests of one file, with what they put into it. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'scrapyd-service-workshop-'))
  #names = 0

  /** A path in the folder that nothing else has. */
  path(name = 'file'): string {
    this.#names += 1
    return join(this.folder, `${this.#names}-${name}`)
  }

  /** A copy of a project that a test may change. */
  copyOf(project: string): string {
    const copy = this.path('project')
    cpSync(project, copy, { recursive: true, filter: (source) => !source.endsWith('__pycache__') })
    return copy
  }

  /** Makes what a spider or a script waits for. */
  touch(path: string): void {
    writeFileSync(path, '')
  }

  /** An interpreter that is a shell script in front of the real one; `before` runs first. */
  interpreter(python: string, before: string, path: string = this.path('python')): string {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, `#!/bin/sh\n${before}\nexec '${python}' "$@"\n`)
    chmodSync(path, 0o755)
    return path
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
