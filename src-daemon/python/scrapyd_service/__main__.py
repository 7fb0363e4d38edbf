"""Bootstrap. Every line has to parse under any Python, so that a wrong interpreter gets a sentence and not a traceback."""

import sys


def bootstrap():
    if sys.version_info < (3, 9):
        sys.stderr.write("Python 3.9 or newer is needed, but %s is %s\n" % (sys.executable, sys.version.split()[0]))
        return 78
    # Python puts the folder of a script first on sys.path. Spiders must not find the daemon's files there, so the
    # package is made known by name instead.
    here = __file__.rpartition("/")[0]
    if sys.path and sys.path[0] == here:
        del sys.path[0]
    package = type(sys)("scrapyd_service")
    package.__path__ = [here]
    sys.modules["scrapyd_service"] = package
    from scrapyd_service.commands import main

    return main(sys.argv[1:])


# multiprocessing's spawn imports this file again, under another name.
if __name__ == "__main__":
    sys.exit(bootstrap())
