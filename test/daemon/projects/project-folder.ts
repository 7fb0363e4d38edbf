import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A temporary folder with Scrapy projects in it. */
export class ProjectFolder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'projects-')))

  /** Writes a small project; returns its folder. */
  project(name: string, modules: Record<string, string> = { one: 'x = 1\n' }, settings = `${name}.settings`): string {
    this.write(`${name}/scrapy.cfg`, `[settings]\ndefault = ${settings}\n`)
    this.write(`${name}/${name}/__init__.py`, '')
    this.write(`${name}/${name}/settings.py`, `SPIDER_MODULES = ['${name}.spiders']\n`)
    this.write(`${name}/${name}/spiders/__init__.py`, '')
    for (const [module, text] of Object.entries(modules)) this.write(`${name}/${name}/spiders/${module}.py`, text)
    return join(this.path, name)
  }

  write(path: string, text: string): string {
    const file = join(this.path, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }

  remove(path: string): void {
    rmSync(join(this.path, path), { recursive: true, force: true })
  }

  end(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
