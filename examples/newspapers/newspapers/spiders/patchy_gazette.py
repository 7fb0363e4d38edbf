from newspapers.newspaper import NewspaperSpider


class PatchyGazetteSpider(NewspaperSpider):
    """A site in bad shape: a dead link, an empty page, one without its date. The others are still worth having."""

    name = "patchy_gazette"
    paper = "patchy-gazette"

    def parse(self, response):
        for request in super().parse(response):
            yield request.replace(errback=self.report)

    def parse_article(self, response):
        article = super().parse_article(response)
        if "published" not in article:
            raise ValueError(f"no date in {response.url}")
        return article

    def report(self, failure):
        self.logger.error("%s: %s", failure.request.url, failure.getErrorMessage())
