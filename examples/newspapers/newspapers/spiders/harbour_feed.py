from scrapy.spiders import XMLFeedSpider

from newspapers.loaders import ArticleLoader
from newspapers.newspaper import NewspaperSpider


class HarbourFeedSpider(XMLFeedSpider, NewspaperSpider):
    """The same paper by its RSS feed: no request per article, only what the feed says."""

    name = "harbour_feed"
    paper = "harbour-times"
    front_page = "feed.xml"
    itertag = "item"

    def parse_node(self, response, node):
        loader = ArticleLoader(selector=node)
        loader.add_xpath("title", "title/text()")
        loader.add_xpath("author", "author/text()")
        loader.add_xpath("published", "pubDate/text()")
        loader.add_xpath("section", "category/text()")
        loader.add_xpath("body", "description/text()")
        loader.add_value("url", response.urljoin(node.xpath("link/text()").get()))
        return loader.load_item()
