"""Finds one spider without importing the modules of all the others."""

from contextlib import contextmanager
from importlib import import_module


@contextmanager
def only_module(settings, spider, module):
    """Within the block, the loader that Scrapy makes for itself imports `module` alone when it is asked for `spider`.

    It loads the rest when something else is asked for. Settings stay as they are: the project may read them. Nothing
    happens when the project has a loader of its own.
    """
    from scrapy.spiderloader import SpiderLoader

    if module is None or settings["SPIDER_LOADER_CLASS"] not in ("scrapy.spiderloader.SpiderLoader", SpiderLoader):
        yield
        return

    class OneSpiderLoader(SpiderLoader):
        _everything = False

        def _load_all_spiders(self):
            pass

        def _load_rest(self):
            if not self._everything:
                self._everything = True
                super()._load_all_spiders()

        def load(self, spider_name):
            if spider_name == spider and not self._everything:
                found = _spider_class(module, spider)
                if found is not None:
                    return found
            self._load_rest()
            return super().load(spider_name)

        def list(self):
            self._load_rest()
            return super().list()

        def find_by_request(self, request):
            self._load_rest()
            return super().find_by_request(request)

    def from_settings(cls, settings):
        return OneSpiderLoader(settings)

    original = SpiderLoader.__dict__["from_settings"]
    SpiderLoader.from_settings = classmethod(from_settings)
    # Loaders are given a deep copy of the settings, a tenth of the work of a short crawl. This one keeps nothing of it.
    settings.frozencopy = lambda: settings
    try:
        yield
    finally:
        SpiderLoader.from_settings = original
        del settings.frozencopy


def _spider_class(module, spider):
    from scrapy.utils.spider import iter_spider_classes

    found = None
    for spider_class in iter_spider_classes(import_module(module)):
        if spider_class.name == spider:
            found = spider_class
    return found
