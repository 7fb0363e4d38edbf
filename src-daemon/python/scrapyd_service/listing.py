"""`list FOLDER SETTINGS_MODULE`: the spiders of a project, as JSON lines on a descriptor of its own.

Lines: `{"importing": MODULE}` before each import, so that a death can be blamed on someone, and `{"listing": …}` at the end.
"""

import json
import os
import signal
import sys
import traceback
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from scrapyd_service.output import make_output_safe

RESULT_FD = 3


def print_listing(folder, options):
    """`options` is JSON: memoryLimit (bytes of address space), moduleSeconds, skip (modules that killed a predecessor)."""
    options = json.loads(options)
    os.set_inheritable(RESULT_FD, False)
    _limit_memory(options["memoryLimit"])
    os.chdir(folder)
    sys.path.insert(0, folder)
    make_output_safe()
    try:
        listing = _Lister(folder, options).list()
    except BaseException:
        _send({"failed": _own_traceback()})
        os._exit(1)
    _send({"listing": listing})
    # Threads that a module started at import must not keep this process alive.
    os._exit(0)


class _Lister:
    def __init__(self, folder, options):
        self._folder = folder
        self._seconds = options["moduleSeconds"]
        self._skip = options["skip"]
        self._spiders = []
        self._errors = []
        self._folders = []
        self._broken_files = []
        self._seen = set()

    def list(self):
        import scrapy
        from scrapy.spiderloader import SpiderLoader
        from scrapy.utils.project import get_project_settings

        settings = get_project_settings()
        own_loader = settings["SPIDER_LOADER_CLASS"] in ("scrapy.spiderloader.SpiderLoader", SpiderLoader)
        for name in settings.getlist("SPIDER_MODULES"):
            if own_loader:
                self._walk(name)
            else:
                self._note_folders(name)
        if not own_loader:
            self._ask_loader(settings)
        return {
            "spiders": sorted(self._spiders, key=lambda spider: (spider["name"], spider["module"])),
            "errors": self._errors,
            "files": sorted(self._files()),
            "folders": sorted(set(self._folders)),
            "ownLoader": own_loader,
            "scrapyVersion": scrapy.__version__,
            "pythonVersion": ".".join(str(part) for part in sys.version_info[:3]),
        }

    def _walk(self, name):
        """The module and all below it, whatever any of them does."""
        if name in self._seen:
            return
        self._seen.add(name)
        module = self._import(name)
        if module is None:
            return
        self._collect(module)
        paths = [os.fspath(path) for path in getattr(module, "__path__", ())]
        self._folders += [path for path in paths if os.path.isdir(path)]
        for entry in iter_modules(paths):
            self._walk(f"{name}.{entry.name}")

    def _import(self, name):
        if name in self._skip:
            self._fail(name, self._skip[name])
            return None
        _send({"importing": name})
        try:
            with _Alarm(name, self._seconds):
                return import_module(name)
        except BaseException:
            self._fail(name, _own_traceback())
            return None

    def _fail(self, name, reason):
        self._errors.append({"module": name, "traceback": reason})
        try:
            spec = find_spec(name)
            if spec is not None and spec.origin:
                self._broken_files.append(spec.origin)
        except BaseException:
            # A parent that cannot be imported either: it is reported itself.
            pass

    def _collect(self, module):
        from scrapy.utils.spider import iter_spider_classes

        for spider in iter_spider_classes(module):
            if isinstance(spider.name, str):
                self._spiders.append({"name": spider.name, "module": module.__name__})

    def _note_folders(self, name):
        try:
            spec = find_spec(name)
            self._folders += [os.fspath(path) for path in (spec.submodule_search_locations or ())]
        except BaseException:
            # The project's own loader need not care about SPIDER_MODULES.
            pass

    def _ask_loader(self, settings):
        from scrapy.utils.misc import load_object

        _send({"importing": str(settings["SPIDER_LOADER_CLASS"])})
        loader = load_object(settings["SPIDER_LOADER_CLASS"]).from_settings(settings.frozencopy())
        for name in loader.list():
            try:
                module = loader.load(name).__module__
            except BaseException:
                self._errors.append({"module": str(name), "traceback": _own_traceback()})
                continue
            self._spiders.append({"name": str(name), "module": module})

    def _files(self):
        inside = os.path.join(os.path.realpath(self._folder), "")
        found = {os.path.join(self._folder, "scrapy.cfg")}
        loaded = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        for file in loaded + self._broken_files:
            if isinstance(file, str) and os.path.realpath(file).startswith(inside):
                # An interpreter inside the project's folder brings its packages; they are not the project's code.
                if "site-packages" not in file.split(os.sep):
                    found.add(os.path.abspath(file))
        return found


class _Alarm:
    """Ends an import that takes too long, as an error of that module."""

    def __init__(self, name, seconds):
        self._name = name
        self._seconds = seconds

    def __enter__(self):
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, *_):
        raise TimeoutError(f"importing {self._name} took longer than {self._seconds:g} seconds")


def _own_traceback():
    """The traceback without the frames of this file and of the import machinery: the project's part of it."""
    kind, error, trace = sys.exc_info()
    while trace is not None and _is_machinery(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(kind, error, trace))


def _is_machinery(file):
    return file in (__file__, import_module.__code__.co_filename) or file.startswith("<frozen importlib")


def _limit_memory(limit):
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (ValueError, OSError):
        # Not every system has this limit.
        pass


def _send(message):
    content = memoryview(json.dumps(message).encode() + b"\n")
    while content:
        content = content[os.write(RESULT_FD, content) :]
