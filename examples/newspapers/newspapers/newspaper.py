from pathlib import Path

import scrapy

from newspapers.loaders import ArticleLoader


class NewspaperSpider(scrapy.Spider):
    """What all papers have in common: an index page that leads to articles, both printed as files."""

    paper = None  # the folder in PAGES_DIR
    front_page = "index.html"

    # The places of an article's parts; a paper overrides those that it prints elsewhere.
    article_css = {
        "title": "article h1::text",
        "author": "article .byline::text",
        "published": "article time::attr(datetime)",
        "section": "article .section::text",
        "body": "article p::text",
    }

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.start_urls = [spider.page_url(spider.front_page)]
        return spider

    def page_url(self, page):
        return (Path(self.settings["PAGES_DIR"]) / self.paper / page).as_uri()

    def parse(self, response):
        yield from response.follow_all(css="main li a", callback=self.parse_article)
        yield from response.follow_all(css="a[rel=next]", callback=self.parse)

    def parse_article(self, response):
        loader = ArticleLoader(response=response)
        for field, css in self.article_css.items():
            loader.add_css(field, css)
        loader.add_value("url", response.url)
        return loader.load_item()
