from newspapers.newspaper import NewspaperSpider


class YunxiDailySpider(NewspaperSpider):
    """A Chinese daily. A spider's name may be Chinese, and so may its log, its items and its arguments."""

    name = "云溪日报"
    paper = "yunxi-daily"
    article_css = {
        "title": "h1.标题::text",
        "author": ".作者::text",
        "published": ".日期::text",
        "section": ".版面::text",
        "body": ".正文 p::text",
    }

    def parse_article(self, response):
        article = super().parse_article(response)
        self.logger.info("读到文章：%s", article.get("title"))
        return article
