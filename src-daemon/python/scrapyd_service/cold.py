"""`crawl FOLDER`: one run in a fresh interpreter. The fork comes before Scrapy is imported, so the supervisor stays small."""

import json
import os
import sys

from scrapyd_service.processes import close_descriptors_above
from scrapyd_service.records import JOB
from scrapyd_service.supervisor import Seat, Supervisor

REPORT_FD = 3


def crawl(folder):
    close_descriptors_above(REPORT_FD)
    with open(f"{folder}/{JOB}", encoding="utf-8") as file:
        job = json.load(file)
    channel = _Channel()
    seat = Supervisor("cold").supervise(folder, job, channel.send, channel.close)
    if not isinstance(seat, Seat):
        # The supervisor, at the end of the run. Nothing is left to be taken apart.
        os._exit(seat)
    from scrapyd_service.spider import run

    return run(seat)


class _Channel:
    """The pipe to the daemon that started this process. Used once; a daemon that is gone is no error."""

    def __init__(self):
        try:
            os.set_inheritable(REPORT_FD, False)
            self._fd = REPORT_FD
        except OSError:
            self._fd = None

    def send(self, message):
        if self._fd is None:
            if "problem" in message:
                sys.stderr.write(message["problem"] + "\n")
            return
        try:
            os.write(self._fd, json.dumps(message).encode() + b"\n")
        except OSError:
            pass
        self.close()

    def close(self):
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
