from newspapers.newspaper import NewspaperSpider


class RiverPostSpider(NewspaperSpider):
    """An English weekly in sections. Arguments: ``section`` (one of them only), ``limit`` (articles at most)."""

    name = "river_post"
    paper = "river-post"

    def __init__(self, section=None, limit=None, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.section = section
        self.limit = None if limit is None else int(limit)
        self.followed = 0

    def parse(self, response):
        sections = {one.attrib["data-section"]: one for one in response.css("nav a")}
        if self.section is not None and self.section not in sections:
            self.logger.error("There is no section %r, only %s", self.section, ", ".join(sorted(sections)))
            return
        for name, link in sections.items():
            if self.section in (None, name):
                yield response.follow(link, callback=self.parse_section)

    def parse_section(self, response):
        for link in response.css("main li a"):
            if self.limit is not None and self.followed >= self.limit:
                self.logger.info("Enough: %d articles were asked for", self.limit)
                return
            self.followed += 1
            yield response.follow(link, callback=self.parse_article)
