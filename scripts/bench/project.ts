import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Writes a Scrapy project named `bench`: spider `noop` opens and closes, `sleeper` runs on, and `extra` more spiders stand beside it, each
 * importing what real ones import.
 */
export function writeProject(folder: string, extra = 0): string {
  const spiders = join(folder, 'bench', 'spiders')
  mkdirSync(spiders, { recursive: true })
  writeFileSync(join(folder, 'scrapy.cfg'), '[settings]\nbench = bench.settings\n')
  writeFileSync(join(folder, 'bench', '__init__.py'), '')
  writeFileSync(join(spiders, '__init__.py'), '')
  writeFileSync(
    join(folder, 'bench', 'settings.py'),
    'BOT_NAME = "bench"\nSPIDER_MODULES = ["bench.spiders"]\nTELNETCONSOLE_ENABLED = False\nROBOTSTXT_OBEY = False\n',
  )
  writeFileSync(join(spiders, 'noop.py'), spider('noop', 'import scrapy'))
  writeFileSync(join(spiders, 'sleeper.py'), SLEEPER)
  // What spiders of newspapers do import: an HTTP client and a database beside Scrapy (ScrapydWeb, which is there, brings both).
  const heavy = 'import email.mime.multipart, sqlite3, xml.dom.minidom\nimport requests, sqlalchemy.orm\nimport scrapy'
  for (let index = 0; index < extra; index++) {
    writeFileSync(join(spiders, `paper_${index}.py`), spider(`paper_${index}`, heavy))
  }
  return folder
}

function spider(name: string, imports: string): string {
  return `${imports}


class ${name
    .replaceAll('_', ' ')
    .replaceAll(/\b\w/g, (c) => c.toUpperCase())
    .replaceAll(' ', '')}(scrapy.Spider):
    name = "${name}"
    start_urls = []

    async def start(self):
        return
        yield

    def start_requests(self):
        return iter(())
`
}

/** Runs until it is killed, and says nothing. */
const SLEEPER = `import asyncio

import scrapy


class Sleeper(scrapy.Spider):
    name = "sleeper"

    async def start(self):
        await asyncio.sleep(3600)
        return
        yield
`
