import re

from itemloaders.processors import Compose, Join, MapCompose, TakeFirst
from scrapy.loader import ItemLoader

from newspapers.items import Article

CHINESE_DATE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日(?:\s*(\d{1,2}):(\d{2}))?")


def one_line(text):
    return " ".join(text.split())


def without_byline(text):
    """``By Ada Finch`` and ``记者 林小满`` are both written by somebody."""
    return re.sub(r"^(By|记者|作者)[\s:\uff1a]*", "", text)


def iso_date(text):
    """Leaves ISO dates as they are and turns Chinese ones into them."""
    match = CHINESE_DATE.search(text)
    if match is None:
        return text
    year, month, day, hour, minute = match.groups()
    date = f"{year}-{int(month):02}-{int(day):02}"
    return date if hour is None else f"{date}T{int(hour):02}:{minute}"


class ArticleLoader(ItemLoader):
    default_item_class = Article
    default_input_processor = MapCompose(one_line)
    default_output_processor = TakeFirst()

    author_in = MapCompose(one_line, without_byline)
    published_in = MapCompose(one_line, iso_date)
    body_in = Compose(MapCompose(one_line), lambda paragraphs: [text for text in paragraphs if text])
    body_out = Join("\n\n")
