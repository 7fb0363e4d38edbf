from newspapers.newspaper import NewspaperSpider


class HarbourTimesSpider(NewspaperSpider):
    """An English daily: an index in two pages, an article behind each line."""

    name = "harbour_times"
    paper = "harbour-times"
