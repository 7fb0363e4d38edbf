"""`warm`: a process that has imported Scrapy, and whose supervisors (`crew.py`) fork the spiders that it is asked for.

It never imports anything of the project: modules of the project are read anew by every job, so that changes are seen
and nothing of them freezes. What jobs import beside that it learns from them (`preload.py`). It has no reactor, no event
loop, no threads. The supervisors, and the spiders under them, need it no more once they are forked.

Talks in lines of JSON with the daemon on one socket: `{"id", "folder", "job"}` asks for a job; `ready`, `unsafe`, `stale`,
`exited`, `preloaded` and the reports of supervisors come back. The end of the socket ends this process.
"""

import gc
import json
import os
import random
import select
import signal
import socket
import sys
import time

from scrapyd_service.crew import Crew, work
from scrapyd_service.learning import Installation, Teacher
from scrapyd_service.marker import Marker
from scrapyd_service.preload import (
    Guard,
    Trial,
    components_of_scrapy,
    import_quietly,
    process_state,
    unsafe_reason,
)
from scrapyd_service.processes import close_descriptors_above

CONTROL_FD = 3


def serve():
    close_descriptors_above(CONTROL_FD)
    process = WarmProcess()
    connection = process.serve()
    # From here on, this is a supervisor, and then the spider of one job.
    process.leave()
    seat = work(connection, process.marker)
    teacher = process.become_spider()

    def crawl():
        from scrapyd_service.spider import run

        return run(seat, teacher)

    from scrapyd_service.ending import end_with

    end_with(crawl)


class WarmProcess:
    def __init__(self):
        self._control = socket.socket(fileno=CONTROL_FD)
        self._input = b""
        self._lessons, self._teaching = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        # A lesson that finds no room is left to the next job: a spider never waits for whoever is to read it.
        self._teaching.setblocking(False)
        self._guard = Guard()
        self.marker = Marker()
        self._installation = Installation()
        self._crew = Crew(self._send)
        self._orders = []
        self._waiting = []
        self._seen = set()
        self._trial = None
        self._good = []
        self._randoms = []
        self._alarm, self._ring = os.pipe()
        os.set_blocking(self._alarm, False)
        os.set_blocking(self._ring, False)

    def serve(self):
        """Serves the daemon. Returns in a forked supervisor only, with its connection to this process."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._ring, warn_on_full_buffer=False)
        self._guard.install()
        import scrapyd_service.crawler
        import scrapyd_service.ending  # noqa: F401
        import scrapyd_service.spider  # noqa: F401

        try:
            scrapyd_service.crawler.prepare()
        except Exception:
            # Only a head start.
            pass
        self._guard.forget_refused()
        self._settle()
        self._learn(components_of_scrapy())
        self._send({"ready": True})
        while True:
            self._go_on_preloading()
            ready = self._wait()
            if self._alarm in ready:
                self._reap()
            for descriptor in self._crew.descriptors():
                if descriptor in ready:
                    self._crew.hear(descriptor)
            if self._trial is not None and self._trial.fd in ready and self._trial.read():
                self._end_trial()
            if self._lessons.fileno() in ready:
                self._learn(json.loads(self._lessons.recv(1 << 20)))
            if self._control.fileno() in ready:
                self._read_orders()
            while self._orders:
                connection = self._take(self._orders.pop(0))
                if connection is not None:
                    return connection

    def _wait(self):
        """The descriptors that have something to say."""
        now = time.monotonic()
        self._crew.rest(now)
        # Not select: there may be more of them than it can count to.
        poll = select.poll()
        for descriptor in (self._control.fileno(), self._lessons.fileno(), self._alarm, *self._crew.descriptors()):
            poll.register(descriptor, select.POLLIN)
        if self._trial is not None:
            poll.register(self._trial.fd, select.POLLIN)
        seconds = 0 if self._good else self._crew.seconds_to_wait(now)
        return {descriptor for descriptor, _ in poll.poll(None if seconds is None else seconds * 1000 + 1)}

    def _read_orders(self):
        chunk = self._control.recv(65536)
        if not chunk:
            os._exit(0)
        *lines, self._input = (self._input + chunk).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "preload" in order:
                self._learn(order["preload"])
            else:
                self._orders.append(order)

    def _take(self, order):
        if self._installation.has_changed(time.monotonic()):
            self._send({"id": order["id"], "stale": "packages of the interpreter have changed"})
            return None
        return self._crew.take(order)

    def _reap(self):
        try:
            while os.read(self._alarm, 4096):
                pass
        except BlockingIOError:
            pass
        try:
            while True:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    return
        except ChildProcessError:
            pass

    # Preloading

    def _learn(self, names):
        new = [name for name in names if name not in self._seen]
        self._waiting += new
        self._seen.update(new)
        if new:
            self._crew.renew()

    def _go_on_preloading(self):
        """One step at a time: a job that is asked for does not wait for more than one import."""
        if self._good:
            import_quietly(self._good.pop(0))
            self._guard.forget_refused()
            if not self._good:
                self._settle()
        elif self._trial is None and self._waiting:
            names, self._waiting = self._waiting, []
            self._trial = Trial(names, self._guard, self._leave_to_trial)

    def _end_trial(self):
        trial, self._trial = self._trial, None
        self._good, culprit = trial.result
        if culprit is not None:
            self._guard.names.add(culprit)
            self._waiting = trial.names[trial.names.index(culprit) + 1 :] + self._waiting
        if self._good:
            self._send({"preloaded": self._good})

    def _settle(self):
        """After imports: what they made is old, shared with all children, and not looked at by their garbage collector."""
        reason = unsafe_reason(process_state())
        if reason is not None:
            self._send({"unsafe": reason})
            os._exit(0)
        gc.collect()
        self._randoms += [entry for entry in gc.get_objects() if type(entry) is random.Random]
        gc.freeze()
        self._crew.renew()
        self._installation.add_loaded()

    def _send(self, message):
        try:
            self._control.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            # The daemon is gone, and this process with it.
            os._exit(0)

    # In the child

    def _leave_to_trial(self):
        """A trial may outlive this process: nobody is to take it for this."""
        self._control.close()
        self._lessons.close()
        self._crew.leave()

    def leave(self):
        """Leaves everything of the warm process behind, in what it has forked."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._guard.remove()
        self._control.close()
        self._lessons.close()
        os.close(self._alarm)
        os.close(self._ring)
        if self._trial is not None:
            os.close(self._trial.fd)

    def become_spider(self):
        """What has to differ between the jobs of one warm process."""
        for generator in self._randoms:
            generator.seed()
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()
        return Teacher(self._teaching, self._seen, os.environ["SCRAPY_SETTINGS_MODULE"])
