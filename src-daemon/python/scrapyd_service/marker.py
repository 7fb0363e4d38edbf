"""The token that marks the processes of a run, in a process that got its environment before there was a run."""

import os

VARIABLE = "SCRAPYD_RUN_TOKEN"


class Marker:
    """The place in memory where the system looks when somebody reads /proc/PID/environ. A warm process is started with
    a stand-in for the token; what it forks writes the real one over it."""

    def __init__(self):
        self._room = len(os.environb.get(VARIABLE.encode(), b""))
        self._address = _address_of_value()

    def set(self, token):
        """False where the system has no such place, or no room for the token."""
        os.environ[VARIABLE] = token
        return self._write(token.encode())

    def clear(self):
        """Until the next run it belongs to none."""
        self._write(b"-" * self._room)

    def _write(self, value):
        if self._address is None or len(value) > self._room:
            return False
        import ctypes

        ctypes.memmove(self._address, value.ljust(self._room, b"\0"), self._room)
        return True


def _address_of_value():
    try:
        import ctypes

        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[47]), int(fields[48])
        entry = b"\0" + VARIABLE.encode() + b"="
        block = b"\0" + ctypes.string_at(start, end - start)
        found = block.find(entry)
        return None if found == -1 else start + found + len(entry) - 1
    except (ImportError, OSError, IndexError, ValueError):
        return None
