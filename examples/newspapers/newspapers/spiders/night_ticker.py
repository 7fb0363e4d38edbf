import time

from scrapy.utils.defer import maybe_deferred_to_future

from newspapers.items import Article
from newspapers.newspaper import NewspaperSpider


class NightTickerSpider(NewspaperSpider):
    """Watches a ticker through the night: runs long and logs steadily.

    Arguments: ``duration`` in seconds (600), ``rate`` in looks a second (2).
    """

    name = "night_ticker"
    paper = "night-ticker"

    def __init__(self, duration=600, rate=2, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.duration = float(duration)
        self.pause = 1 / float(rate)
        self.looks = 0
        self.began = None

    async def parse(self, response):
        if self.began is None:
            self.began = time.monotonic()
        lines = response.css("main li")
        line = lines[self.looks % len(lines)]
        self.looks += 1
        self.logger.info("Look %d: %s", self.looks, line.css("b::text").get())
        yield Article(
            title=f"{line.css('b::text').get()} ({self.looks})",
            section="ticker",
            published=line.css("time::attr(datetime)").get(),
            body=line.css("span::text").get(),
            url=response.url,
        )
        if time.monotonic() - self.began + self.pause < self.duration:
            await self.wait(self.pause)
            yield response.request.replace(dont_filter=True)
        else:
            self.logger.info("The night is over after %d looks", self.looks)

    @staticmethod
    async def wait(seconds):
        # Here, not above: importing the reactor chooses one, and that is for the settings to do.
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        await maybe_deferred_to_future(deferLater(reactor, seconds))
