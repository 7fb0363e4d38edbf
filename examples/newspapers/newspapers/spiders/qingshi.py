from newspapers.newspaper import NewspaperSpider


class QingshiEveningSpider(NewspaperSpider):
    """An old Chinese site: GB18030 pages, tables for layout, the facts in one line of text."""

    name = "qingshi_evening"
    paper = "qingshi-evening"
    article_css = {
        "title": "td.bt::text",
        "author": "td.xx font.zz::text",
        "published": "td.xx font.rq::text",
        "section": "td.lm::text",
        "body": "td.zw::text",
    }

    def parse(self, response):
        yield from response.follow_all(css="td.list a", callback=self.parse_article)
