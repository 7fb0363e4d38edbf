"""The files of a run's folder. Whatever survives a crash of anything is in them; the daemon reads what is written here."""

import json
import os
import time

JOB = "job.json"
CLAIM = "claim"
ALIVE = "alive"
START = "start.json"
SPIDER = "spider.json"
EXIT = "exit.json"
OUTPUT = "output"


def milliseconds():
    return int(time.time() * 1000)


def write_record(folder, name, record, durable=False):
    """Writes a whole record or none: readers see the old one until the new one is complete."""
    temporary = f"{folder}/.{name}.{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _write_all(fd, json.dumps(record).encode())
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(temporary, f"{folder}/{name}")
    if durable:
        _sync_folder(folder)


class ReservedRecord:
    """A record whose disk space is taken when the run starts, so that its end can be written on a full disk."""

    SIZE = 1024

    def __init__(self, folder, name):
        self._path = f"{folder}/{name}"
        self._temporary = f"{folder}/.{name}.reserved"
        fd = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write_all(fd, b" " * self.SIZE)
        finally:
            os.close(fd)

    def write(self, record):
        content = json.dumps(record).encode()
        # Blanks after a JSON value are no part of it: the file keeps its size, and with it its blocks.
        fd = os.open(self._temporary, os.O_WRONLY)
        try:
            _write_all(fd, content.ljust(self.SIZE))
        finally:
            os.close(fd)
        os.rename(self._temporary, self._path)


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
