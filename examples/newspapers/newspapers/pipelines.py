from scrapy.exceptions import DropItem


class CompleteArticles:
    """Drops what has no headline or no text: a teaser, a gallery, an error page."""

    def process_item(self, item, spider=None):
        for field in ("title", "body"):
            if not item.get(field):
                raise DropItem(f"no {field}: {item.get('url')}")
        return item


class OneOfEach:
    """Drops an article that this run has seen under another address."""

    def __init__(self):
        self.seen = set()

    def process_item(self, item, spider=None):
        key = (item["title"], item.get("published"))
        if key in self.seen:
            raise DropItem(f"seen before: {item['title']}")
        self.seen.add(key)
        return item
