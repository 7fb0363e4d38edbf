"""Imports into a warm process what its jobs were seen to import, and nothing that a fork would break.

A module is tried in a child first. One that starts a thread, opens a descriptor, installs a reactor or changes anything
else that belongs to the process as a whole is left to the jobs, and so is everything that needs it.
"""

import os
import signal
import socket
import sys
import threading
from importlib import import_module

REACTOR = "twisted.internet.reactor"
TRIAL_SECONDS = 120


class NotInWarmProcess(Exception):
    """Raised for a guarded import. Not an ImportError: those are swallowed, and change what the importer does."""


class Guard:
    """Refuses imports that are the jobs' own, and remembers who asked: somebody may swallow even this refusal."""

    def __init__(self):
        self.names = {REACTOR}
        self._has_refused = False
        self._refused = set()

    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            self._has_refused = True
            self._refused.update(_being_imported())
            raise NotInWarmProcess(f"{name} is left to the jobs")
        return None

    def forget_refused(self):
        """Takes the modules that met a refusal out again, as they live on without what they asked for, and so would all
        that import them later. True when there was a refusal since the last call."""
        has_refused, self._has_refused = self._has_refused, False
        refused, self._refused = self._refused, set()
        for name in refused:
            sys.modules.pop(name, None)
        return has_refused

    def install(self):
        sys.meta_path.insert(0, self)

    def remove(self):
        if self in sys.meta_path:
            sys.meta_path.remove(self)


def _being_imported():
    return [name for name, module in list(sys.modules.items()) if _is_initializing(module)]


def _is_initializing(module):
    # Past any `__getattr__`: some modules import others when they are asked for something.
    try:
        members = object.__getattribute__(module, "__dict__")
    except AttributeError:
        return False
    return getattr(members.get("__spec__"), "_initializing", False) is True


def process_state():
    """What an import may change beyond the modules themselves. Two equal states: the import may be shared."""
    import asyncio
    import locale
    import logging
    import time

    return {
        "threads": _threads_that_stay(),
        "descriptors": sorted(os.listdir("/dev/fd")),
        "reactor": REACTOR in sys.modules,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": list(sys.path),
        "finders": [id(finder) for finder in sys.meta_path] + [id(hook) for hook in sys.path_hooks],
        "signals": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "log": (list(logging.root.handlers), logging.root.level, logging.getLoggerClass()),
        "streams": (id(sys.stdout), id(sys.stderr), id(sys.excepthook), id(sys.displayhook)),
        "limits": (sys.getrecursionlimit(), socket.getdefaulttimeout(), locale.setlocale(locale.LC_ALL)),
        # What gevent, eventlet and their kind put in place of the originals.
        "patches": (id(socket.socket), id(threading.Thread), id(time.sleep), id(__import__), id(asyncio.new_event_loop)),
        "loop": id(getattr(asyncio.events, "_event_loop_policy", None)),
    }


def _threads_that_stay():
    """How many threads a fork would lose. Those of OpenBLAS (numpy) end by themselves before a fork, and come again."""
    threads = _count_threads()
    if threads > 1 and threading.active_count() == 1:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        threads = _count_threads()
    return threads


def _count_threads():
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


def unsafe_reason(state):
    """Why a process in this state must not fork jobs; None when it may."""
    if state["threads"] > 1:
        return "an import of the interpreter or of Scrapy has started a thread"
    if state["reactor"]:
        return "an import of the interpreter or of Scrapy has installed a Twisted reactor"
    return None


class Trial:
    """A child that imports `names` in order, up to the first that changes the process (or ends it)."""

    def __init__(self, names, guard, leave):
        """`leave` closes, in the child, what is the warm process's alone."""
        self.names = names
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _try(names, guard, writer, leave)
        os.close(writer)
        self.fd = reader
        self._answer = b""

    def read(self):
        """Reads on; True once the answer is complete."""
        chunk = os.read(self.fd, 65536)
        self._answer += chunk
        if chunk:
            return False
        os.close(self.fd)
        return True

    @property
    def result(self):
        """The names that may be imported, and the one that may not (None: all were tried)."""
        marks = self._answer.decode()
        good = [name for name, mark in zip(self.names, marks) if mark == GOOD]
        tried = len(marks)
        return good, self.names[tried] if tried < len(self.names) else None


GOOD = "+"
FAILED = "-"


def _try(names, guard, writer, leave):
    try:
        leave()
        signal.set_wakeup_fd(-1)
        signal.alarm(TRIAL_SECONDS)
        state = process_state()
        for name in names:
            works = import_quietly(name)
            works = not guard.forget_refused() and works
            if process_state() != state:
                break
            os.write(writer, (GOOD if works else FAILED).encode())
    finally:
        os._exit(0)


def import_quietly(name):
    try:
        import_module(name)
        return True
    except BaseException:
        # Whatever it is, the job that wants the module will see it.
        return False


def components_of_scrapy():
    """The modules that Scrapy's default settings name: most of them are part of every crawl."""
    from scrapy.settings import default_settings

    found = []
    for value in vars(default_settings).values():
        if isinstance(value, str):
            values = [value]
        elif isinstance(value, dict):
            values = [entry for pair in value.items() for entry in pair if isinstance(entry, str)]
        else:
            continue
        for path in values:
            if path.startswith("scrapy.") and path.rpartition(".")[0] not in found:
                found.append(path.rpartition(".")[0])
    return found
