"""`probe`: what an interpreter can do, without importing Scrapy (that would take half a second)."""

import json
import sys


def print_versions():
    from importlib.metadata import PackageNotFoundError, version

    try:
        scrapy = version("scrapy")
    except PackageNotFoundError:
        scrapy = None
    python = ".".join(str(part) for part in sys.version_info[:3])
    print(json.dumps({"python": python, "executable": sys.executable, "scrapy": scrapy}))
    return 0
