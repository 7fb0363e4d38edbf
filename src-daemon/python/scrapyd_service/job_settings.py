"""The settings of a job, as `scrapy crawl -s` takes them."""

import json


def settings_of(job):
    """What the daemon gave, with the feed of the items above any other."""
    settings = dict(job["settings"])
    if job["itemsUri"] is not None:
        settings["FEEDS"] = json.dumps({_feed_uri(job["itemsUri"]): {"format": "jsonlines"}})
    return settings


def _feed_uri(template):
    """Scrapy 2.19 and newer fill `%(name)s` into a feed's URI and leave other percent signs alone; older ones halve `%%`."""
    if "%%" not in template:
        # Nothing is imported early that a runner of the project's own may not want.
        return template
    from scrapy.extensions import feedexport

    return template.replace("%%", "%") if hasattr(feedexport, "apply_uri_params") else template
