"""The files of a run's folder. Whatever survives a crash of anything is in them; the daemon reads what is written here."""

import json
import os
import time

JOB = "job.json"
ALIVE = "alive"
RECORD = "record"
SPIDER = "spider.jsonl"
OUTPUT = "output"


def milliseconds():
    return int(time.time() * 1000)


class ClaimLost(Exception):
    """Somebody else has claimed this run."""


class RunRecord:
    """The supervisor's file. Line by line: the claim, the end (blank until then), the start.

    One file for all three, as a job makes and removes as few files as can be: file systems are slow at that. It is
    created exclusively, and so is the claim. The space for the end is taken at once, so that it can be written on a
    full disk.
    """

    END_SIZE = 1024

    def __init__(self, folder, claim):
        self._folder = folder
        self._path = f"{folder}/{RECORD}"
        try:
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise ClaimLost(folder) from None
        line = _line(claim)
        self._end_at = len(line)
        try:
            _write_all(self._fd, line + b" " * self.END_SIZE + b"\n")
        except OSError:
            self.drop()
            os.close(self._fd)
            raise

    def write_start(self, record):
        """On return the start is on the disk, whatever happens to the machine."""
        _write_all(self._fd, _line(record))
        os.fsync(self._fd)
        _sync_folder(self._folder)

    def write_end(self, record):
        """Readers may see half of it: it counts once the FIFO `alive` has ended, or when it is complete."""
        # Blanks after a JSON value are no part of it.
        content = json.dumps(record).encode().ljust(self.END_SIZE)
        os.pwrite(self._fd, content[: self.END_SIZE], self._end_at)

    def drop(self):
        """Takes the claim back: nothing has run, and the run may be started in another way."""
        try:
            os.unlink(self._path)
        except OSError:
            # Then it stays claimed, and is never started.
            pass

    def close(self):
        os.close(self._fd)


class SpiderRecords:
    """The spider's file: a line for each time it says how it is, the last one counts. It is made anew when it has grown."""

    MAX_SIZE = 256 * 1024

    def __init__(self, folder):
        self._path = f"{folder}/{SPIDER}"
        self._size = 0

    def add(self, record):
        """Whatever became of an earlier line (a full disk): it ends where this one begins."""
        content = b"\n" + _line(record)
        if self._size + len(content) > self.MAX_SIZE:
            self._replace(content)
        else:
            self._write(self._path, os.O_APPEND, content)
        self._size += len(content)

    def _replace(self, content):
        # By rename: readers see the old lines until the new one is complete.
        temporary = f"{self._path}.{os.getpid()}"
        self._write(temporary, os.O_TRUNC, content)
        os.rename(temporary, self._path)
        self._size = 0

    def _write(self, path, how, content):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | how, 0o600)
        try:
            _write_all(fd, content)
        finally:
            os.close(fd)


def _line(record):
    return json.dumps(record).encode() + b"\n"


def _write_all(fd, content):
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
