"""The commands, each imported only when it is asked for: a cold start pays for every module."""

import sys


def main(argv):
    command, arguments = argv[0], argv[1:]
    if command == "crawl":
        from scrapyd_service.cold import crawl

        return crawl(*arguments)
    if command == "list":
        from scrapyd_service.listing import print_listing

        return print_listing(*arguments)
    if command == "probe":
        from scrapyd_service.probe import print_versions

        return print_versions()
    if command == "warm":
        from scrapyd_service.warm import serve

        return serve()
    sys.stderr.write(f"unknown command: {command}\n")
    return 64
