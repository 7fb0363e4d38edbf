from newspapers.newspaper import NewspaperSpider


class BrokenPressSpider(NewspaperSpider):
    """Fails at its start, as a spider does whose configuration is gone."""

    name = "broken_press"
    paper = "broken-press"

    @classmethod
    def from_crawler(cls, crawler, *args, **kwargs):
        spider = super().from_crawler(crawler, *args, **kwargs)
        raise RuntimeError(f"{spider.name}: the printing press is out of order")
