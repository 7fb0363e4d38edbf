"""Runs one spider by Scrapy's own `crawl` command. Branches by what Scrapy has, never by its version."""

import argparse
import copy
import functools
import gc
import inspect
import sys
from importlib import import_module

import scrapy.crawler
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.settings import Settings, SettingsAttribute
from scrapy.utils.project import get_project_settings

from scrapyd_service.job_settings import settings_of
from scrapyd_service.loader import only_module
from scrapyd_service.watch import CrawlWatch

SCRAPYS_CRAWL = "scrapy.commands.crawl"
ASYNCIO_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"


def crawl(seat, teacher=None):
    """Returns the exit code that `scrapy crawl` would have. A `teacher` tells a warm process what was imported."""
    watch = CrawlWatch(seat, teacher)
    try:
        return _crawl(seat.job, watch)
    finally:
        # Twisted reports errors that nobody handled when the garbage is collected: before the last record.
        gc.collect()
        watch.finish()


def _crawl(job, watch):
    settings = get_project_settings()
    command = _crawl_command(settings)
    settings.setdict(command.default_settings, priority="command")
    command.settings = settings
    arguments = [job["spider"]]
    options = copy.copy(_options_of_scrapys_crawl()) if _is_scrapys(command) else _options(command, arguments)
    # Past the parser, which would take a value with a leading dash for an option.
    options.set = [f"{name}={value}" for name, value in settings_of(job).items()]
    options.spargs = [f"{name}={value}" for name, value in {**job["args"], "_job": job["jobId"]}.items()]
    try:
        command.process_options(arguments, options)
        with only_module(settings, job["spider"], job["spiderModule"]):
            process = _process_class(settings)(settings)
        create_crawler = process.create_crawler

        def create_watched_crawler(*args, **kwargs):
            crawler = create_crawler(*args, **kwargs)
            watch.attach(crawler)
            return crawler

        process.create_crawler = create_watched_crawler
        command.crawler_process = process
        command.run(arguments, options)
    except UsageError as error:
        sys.stderr.write(f"scrapy crawl: {error}\n")
        return 2
    return command.exitcode


def _options(command, arguments):
    """What the command's own options are when nothing is given."""
    parser = argparse.ArgumentParser(prog="scrapy crawl", conflict_handler="resolve")
    command.add_options(parser)
    options, _ = parser.parse_known_args([] if arguments[0].startswith("-") else arguments)
    return options


@functools.lru_cache(maxsize=None)
def _options_of_scrapys_crawl():
    command = import_module(SCRAPYS_CRAWL).Command()
    command.settings = Settings()
    return _options(command, ["-"])


def prepare():
    """What is the same for all projects, done by a warm process once for all its jobs."""
    _options_of_scrapys_crawl()
    # Every crawl logs the versions of what it runs on, which newer Scrapy reads from the files of the packages. A change of
    # these files ends a warm process, so that what was read once stays true.
    versions = import_module("scrapy.utils.versions")
    read = getattr(versions, "_version", None)
    if inspect.isfunction(read) and len(inspect.signature(read).parameters) == 1:
        versions._version = functools.lru_cache(maxsize=100)(read)
    for name in ("get_versions", "scrapy_components_versions"):
        if hasattr(versions, name):
            getattr(versions, name)()
            break
    _copy_settings_faster()
    # Twisted keeps what OpenSSL makes of a list of ciphers. This is the list in Scrapy's settings.
    import_module("twisted.internet.ssl").AcceptableCiphers.fromOpenSSLCipherString("DEFAULT")


# What a deep copy of is the thing itself.
ATOMS = frozenset((type(None), bool, int, float, str, bytes, type))


def _copy_settings_faster():
    """Every crawler is given a deep copy of some 180 settings; `copy` asks each of them how it wants to be taken apart."""

    def copied(attribute, memo):
        other = attribute.__class__.__new__(attribute.__class__)
        memo[id(attribute)] = other
        for name, value in vars(attribute).items():
            vars(other)[name] = value if type(value) in ATOMS else copy.deepcopy(value, memo)
        return other

    kept_as_is = ("__slots__", "__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__new__")
    if vars(SettingsAttribute).keys().isdisjoint(kept_as_is) and SettingsAttribute.__bases__ == (object,):
        SettingsAttribute.__deepcopy__ = copied


def _is_scrapys(command):
    return type(command).__module__ == SCRAPYS_CRAWL


def _crawl_command(settings):
    """The project's own `crawl` (COMMANDS_MODULE) where it has one, else Scrapy's."""
    commands = settings["COMMANDS_MODULE"]
    if commands:
        name = f"{commands}.crawl"
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
        else:
            for entry in vars(module).values():
                if inspect.isclass(entry) and issubclass(entry, ScrapyCommand) and entry.__module__ == name:
                    return entry()
    return import_module(SCRAPYS_CRAWL).Command()


def _process_class(settings):
    """As `scrapy.cmdline` chooses in the versions that have a choice."""
    asynchronous = getattr(scrapy.crawler, "AsyncCrawlerProcess", None)
    if asynchronous is None or not hasattr(import_module("scrapy.cmdline"), "AsyncCrawlerProcess"):
        return scrapy.crawler.CrawlerProcess
    wants_asyncio = settings["TWISTED_REACTOR"] == ASYNCIO_REACTOR and not settings.getbool("FORCE_CRAWLER_PROCESS")
    if wants_asyncio or not settings.getbool("TWISTED_REACTOR_ENABLED", True):
        return asynchronous
    return scrapy.crawler.CrawlerProcess
