"""Settings of the example project. The pages lie beside it, so nothing here touches the network."""

from pathlib import Path

import scrapy

BOT_NAME = "newspapers"
SPIDER_MODULES = ["newspapers.spiders"]
NEWSPIDER_MODULE = "newspapers.spiders"

# Where the printed pages are; any folder of the same structure will do.
PAGES_DIR = str(Path(__file__).resolve().parent.parent / "pages")

ROBOTSTXT_OBEY = False
TELNETCONSOLE_ENABLED = False
COOKIES_ENABLED = False
FEED_EXPORT_ENCODING = "utf-8"

ITEM_PIPELINES = {
    "newspapers.pipelines.CompleteArticles": 100,
    "newspapers.pipelines.OneOfEach": 200,
}

if scrapy.version_info < (2, 12):
    # Newer versions know no other, and say that the setting is of no use.
    REQUEST_FINGERPRINTER_IMPLEMENTATION = "2.7"
