"""The Python side of Scrapyd Service: lists the spiders of a project and runs them, one process each.

Started by the daemon as ``python /path/to/scrapyd_service/__main__.py COMMAND …``. Python 3.9 or newer; the only thing
it needs from the interpreter that it runs under is Scrapy (2.8 or newer).
"""
