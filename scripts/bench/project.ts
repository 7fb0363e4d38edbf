import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What stands beside the spiders that are run. `stubs` have imports like real spiders, and next to no code of their own. */
export interface Siblings {
  readonly count: number
  readonly kind: 'newspapers' | 'stubs'
}

/**
 * Writes a Scrapy project named `bench`: spider `noop` opens and closes, `sleeper` runs on, and `siblings`, named `paper_0` and so on, stand
 * beside them, each importing what real ones import.
 */
export function writeProject(folder: string, siblings: Siblings = { count: 0, kind: 'stubs' }): string {
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
  for (let index = 0; index < siblings.count; index++) {
    const name = `paper_${index}`
    writeFileSync(join(spiders, `${name}.py`), siblings.kind === 'stubs' ? spider(name, heavy) : newspaper(name, heavy))
  }
  return folder
}

function className(name: string): string {
  return name
    .replaceAll('_', ' ')
    .replaceAll(/\b\w/g, (c) => c.toUpperCase())
    .replaceAll(' ', '')
}

function spider(name: string, imports: string): string {
  return `${imports}


class ${className(name)}(scrapy.Spider):
    name = "${name}"
    start_urls = []

    async def start(self):
        return
        yield

    def start_requests(self):
        return iter(())
`
}

/** What a spider for one newspaper looks like: rules for its links, a class and a loader for its articles, patterns for its dates. */
function newspaper(name: string, imports: string): string {
  return `import json
import re
from datetime import datetime
from urllib.parse import urlencode

${imports}
from itemloaders.processors import Compose, Identity, Join, MapCompose, TakeFirst
from scrapy.linkextractors import LinkExtractor
from scrapy.loader import ItemLoader
from scrapy.spiders import CrawlSpider, Rule
from w3lib.html import remove_tags

SITE = "${name.replace('_', '-')}.example"
DATE = re.compile(r"${name}.*?(?P<year>20\\d\\d)-(?P<month>0[1-9]|1[0-2])-(?P<day>[0-2]\\d|3[01])[T ](?P<time>\\d\\d:\\d\\d)", re.S)
BYLINE = re.compile(r"^\\s*(?:By|von|par|por)\\s+(?P<name>[^,|(]{2,60}?)\\s*(?:[,|(]\\s*${name}.*)?$", re.I | re.M)
EMBEDDED = re.compile(r"window\\.__${name}__\\s*=\\s*(?P<json>\\{.*?\\})\\s*;\\s*</script>", re.S)
NOISE = re.compile(r"(?:read (?:more|also)|advertisement|${name} newsletter)[^\\n]{0,80}(?:\\n|$)", re.I)


def clean(text):
    return NOISE.sub("", remove_tags(text)).replace("\\xa0", " ").strip()


def moment(text):
    found = DATE.search(text)
    if found is None:
        return None
    return datetime.fromisoformat("{year}-{month}-{day}T{time}".format(**found.groupdict())).isoformat()


class Article(scrapy.Item):
    url = scrapy.Field()
    title = scrapy.Field()
    lead = scrapy.Field()
    authors = scrapy.Field()
    published = scrapy.Field(serializer=str)
    section = scrapy.Field()
    body = scrapy.Field()
    images = scrapy.Field()


class ArticleLoader(ItemLoader):
    default_item_class = Article
    default_input_processor = MapCompose(clean)
    default_output_processor = TakeFirst()
    authors_in = MapCompose(clean, BYLINE.findall)
    authors_out = Identity()
    published_in = MapCompose(moment)
    body_out = Compose(Join("\\n\\n"), str.strip)
    images_out = Identity()


class ${className(name)}(CrawlSpider):
    name = "${name}"
    allowed_domains = [SITE]
    start_urls = []
    custom_settings = {"DOWNLOAD_DELAY": 0.5, "CONCURRENT_REQUESTS_PER_DOMAIN": 4}
    rules = (
        Rule(LinkExtractor(allow=r"/${name}/(?:politics|economy|culture|sport|science)/?$", restrict_css="nav.sections")),
        Rule(LinkExtractor(allow=r"/${name}/[a-z-]+/page/\\d{1,3}/?$", deny=(r"/archive/", r"/video/"), restrict_css=".pager")),
        Rule(
            LinkExtractor(
                allow=r"/${name}/(?P<section>[a-z-]+)/20\\d\\d/\\d\\d/\\d\\d/[\\w-]+-(?P<id>\\d{6,9})\\.html$",
                deny=(r"[?&](?:print|amp)=1", r"/sponsored/"),
                restrict_xpaths="//main//article[not(contains(@class, 'teaser--paid'))]",
            ),
            callback="parse_article",
        ),
    )

    async def start(self):
        return
        yield

    def start_requests(self):
        return iter(())

    def parse_article(self, response):
        loader = ArticleLoader(response=response)
        loader.add_value("url", response.url)
        loader.add_css("title", "h1::text")
        loader.add_css("lead", "p.lead, p.standfirst")
        loader.add_css("authors", ".byline")
        loader.add_css("published", "time::attr(datetime)")
        loader.add_xpath("section", "//meta[@property='article:section']/@content")
        loader.add_css("body", "div.article-body > p")
        loader.add_css("images", "figure img::attr(src)")
        embedded = EMBEDDED.search(response.text)
        if embedded is not None:
            about = json.loads(embedded["json"])
            loader.add_value("authors", about.get("authors", []))
            yield response.follow("/${name}/comments?" + urlencode({"id": about.get("id")}), self.parse_comments)
        yield loader.load_item()

    def parse_comments(self, response):
        for comment in response.json().get("comments", []):
            yield {"url": response.url, "by": comment.get("by"), "text": clean(comment.get("text", ""))}
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
