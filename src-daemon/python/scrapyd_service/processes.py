"""What the operating system knows about processes. Everything here has a worse but working answer outside Linux."""

import os
import sys


def become_subreaper():
    """Orphans below this process come to it instead of to init, whatever session or group they made for themselves."""
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        set_child_subreaper = 36
        return ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0) == 0
    except (ImportError, OSError, AttributeError):
        return False


def close_descriptors_above(last):
    """Closes what was inherited from who knows whom: a pipe held by a spider for hours keeps its reader waiting."""
    for name in os.listdir("/dev/fd"):
        if int(name) > last:
            try:
                os.close(int(name))
            except OSError:
                # The one that the listing itself was made with.
                pass


def start_ticks(pid):
    """When a process started, in clock ticks since the boot; None where that cannot be known."""
    stat = _stat(pid)
    return None if stat is None else int(stat[19])


def descendants(root):
    """Pids of everything below `root`, parents first."""
    children = {}
    for name in _process_names():
        stat = _stat(name)
        if stat is not None:
            children.setdefault(int(stat[1]), []).append(int(name))
    found = []
    waiting = [root]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.append(child)
            waiting.append(child)
    return found


def _process_names():
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def _stat(pid):
    """The fields of /proc/PID/stat from the state on: the name before them may hold blanks and parentheses."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return None
