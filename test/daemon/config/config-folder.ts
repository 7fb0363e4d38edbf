import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ConfigProblem } from '../../../src-daemon/errors.ts'
import { ConfigError } from '../../../src-daemon/errors.ts'
import type { LoadConfigInput, LoadedConfig } from '../../../src-daemon/config/load-config.ts'
import { loadConfig } from '../../../src-daemon/config/load-config.ts'

/** A machine of its own: `etc`, `home` and `work` (the working directory) in a temporary folder. */
export class ConfigFolder {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'scrapyd-service-config-')))
  readonly cwd = this.folder('work')

  path(...names: string[]): string {
    return join(this.root, ...names)
  }

  folder(name: string): string {
    mkdirSync(this.path(name), { recursive: true })
    return this.path(name)
  }

  write(name: string, content: string | Buffer): string {
    const path = this.path(name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  }

  /** A folder with a `scrapy.cfg`. */
  project(name: string, settings = 'default = papers.settings'): string {
    this.write(join(name, 'scrapy.cfg'), `[settings]\n${settings}\n`)
    return this.path(name)
  }

  load(input: Partial<LoadConfigInput> = {}): LoadedConfig {
    return loadConfig({
      configFile: null,
      env: {},
      cwd: this.cwd,
      homeDir: this.path('home'),
      hostname: 'host-1',
      etcDir: this.path('etc'),
      ...input,
    })
  }

  /** Loads one file of ours by `--config`. */
  loadText(text: string, input: Partial<LoadConfigInput> = {}): LoadedConfig {
    return this.load({ configFile: this.write('conf/scrapyd_service.conf', text), ...input })
  }

  problems(text: string, input: Partial<LoadConfigInput> = {}): readonly ConfigProblem[] {
    return problemsOf(() => this.loadText(text, input))
  }

  /** The problems of `load()`. */
  tryLoad(input: Partial<LoadConfigInput> = {}): readonly ConfigProblem[] {
    return problemsOf(() => this.load(input))
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}

/** The problems of the ConfigError that `load` must throw. */
function problemsOf(load: () => unknown): readonly ConfigProblem[] {
  try {
    load()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('the configuration was accepted')
}
