"""What project code prints: how it is written, and how the file it goes to is kept from filling the disk."""

import os
import sys

NOTICE = b"[the beginning of this output was dropped: it grew over %d bytes]\n"


def keep_short(path, limit):
    """Cuts the file to its last half-limit once it is over the limit.

    Writers have it open for appending, so they go on at the new end. What they write between the read and the cut is
    lost; that is the price of needing neither a pipe (a dead reader would break the spider's print) nor a lock.
    """
    try:
        size = os.stat(path).st_size
        if size <= limit:
            return
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
    except OSError:
        return
    try:
        tail = os.pread(fd, limit // 2, size - limit // 2)
        tail = tail[tail.find(b"\n") + 1 :]
        os.ftruncate(fd, 0)
        os.write(fd, NOTICE % limit + tail)
    except OSError:
        # A full disk: the file is short now, which is what was wanted.
        pass
    finally:
        os.close(fd)


def make_output_safe():
    """What project code prints goes out as UTF-8 whatever the locale, line by line, and never as an error."""
    encoding = None if os.environ.get("PYTHONIOENCODING") else "utf-8"
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.reconfigure(encoding=encoding, errors="backslashreplace", line_buffering=True)
        except (AttributeError, ValueError, OSError):
            pass
