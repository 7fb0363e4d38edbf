import scrapy


class Article(scrapy.Item):
    """An article as every paper's spider delivers it."""

    title = scrapy.Field()
    author = scrapy.Field()
    published = scrapy.Field()  # ISO 8601, in the paper's own time zone
    section = scrapy.Field()
    body = scrapy.Field()  # paragraphs, joined by empty lines
    url = scrapy.Field()
