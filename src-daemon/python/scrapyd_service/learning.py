"""What a job had to import although its warm process might have done it: told to the warm process, for the next job."""

import json
import os
import site
import sys
import sysconfig

MAX_NAMES = 3000
PACKAGE_FOLDERS = ("site-packages", "dist-packages")


class Teacher:
    """Sits in the spider's process. Tells only what comes with the interpreter or was installed into it: code that is
    being worked on, wherever it lies, is read anew by every job."""

    def __init__(self, channel, known, settings_module):
        self._channel = channel
        self._known = known
        self._own = {settings_module.partition(".")[0]}
        self._last = next(reversed(sys.modules))

    def tell(self, settings=None):
        """Best effort: a job never fails over it."""
        try:
            if settings is not None:
                self._own |= {name.partition(".")[0] for name in settings.getlist("SPIDER_MODULES")}
            names = self._new_names()
            if names:
                self._channel.send(json.dumps(names[:MAX_NAMES]).encode())
        except Exception:
            pass

    def _new_names(self):
        """From the end to where the warm process had got to: merely looking at its modules would copy their memory."""
        found = []
        for name in reversed(sys.modules):
            if name == self._last:
                break
            found.append(name)
        self._last = next(reversed(sys.modules))
        return [name for name in reversed(found) if self._is_new(name, sys.modules.get(name))]

    def _is_new(self, name, module):
        if name in self._known or name.startswith("__") or name.partition(".")[0] in self._own:
            return False
        spec = getattr(module, "__spec__", None)
        # A module that was renamed, replaced or made up cannot be imported by its name elsewhere.
        return spec is not None and spec.name == name and is_installed(spec.origin)


def installed_roots():
    """The folders that packages are installed into; files elsewhere may be edited at any time."""
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib") if paths.get(name)}
    roots |= set(getattr(site, "getsitepackages", list)())
    if site.ENABLE_USER_SITE:
        roots.add(site.getusersitepackages())
    roots |= {path for path in sys.path if path.endswith(PACKAGE_FOLDERS)}
    roots |= {os.path.realpath(root) for root in roots}
    return tuple(sorted(os.path.join(root, "") for root in roots))


_roots = installed_roots()


def is_installed(origin):
    return origin in ("built-in", "frozen") or (isinstance(origin, str) and origin.startswith(_roots))


class Installation:
    """Notices that a package was installed, removed or edited since the warm process imported it."""

    def __init__(self):
        self._folders = self._folder_times()
        self._files = {}
        self._checked = 0.0

    def add_loaded(self):
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and file not in self._files:
                self._files[file] = _mtime(file)

    def has_changed(self, now):
        """Folders are looked at every time; the many files at most every two seconds."""
        if self._folder_times() != self._folders:
            return True
        if now - self._checked < 2.0:
            return False
        self._checked = now
        return any(_mtime(file) != time for file, time in self._files.items())

    def _folder_times(self):
        paths = [path for path in sys.path if path.endswith(PACKAGE_FOLDERS)]
        return [_mtime(path) for path in [os.path.realpath(sys.executable), *paths]]


def _mtime(path):
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
