"""The supervisors of a warm process: forked when there is none to spare, used again for one job after the other.

A fork, and what a process then copies of the memory it was forked with, costs more than anything else that a supervisor
does. They still supervise one job at a time, each: what is left of a job's processes comes to them and to no other, and
the death of one harms the record of one job only.
"""

import json
import os
import socket
import sys
import time
import traceback

from scrapyd_service.records import OUTPUT
from scrapyd_service.supervisor import ENDED, Seat, Supervisor

CHUNK = 65536
# Of those with nothing to do: one waits for the next job, others only for a moment.
SPARE_SECONDS = 20.0


class Crew:
    """In the warm process: gives orders to its supervisors and passes on what they report."""

    def __init__(self, send):
        self._send = send
        self._hands = {}
        # Counts what the warm process learns: a supervisor that was forked before is of yesterday.
        self._generation = 0

    def renew(self):
        """What is forked from now on knows more than those that are there; they do no new job."""
        self._generation += 1
        self._dismiss(lambda hand: hand.order is None)

    def descriptors(self):
        return list(self._hands)

    def seconds_to_wait(self, now):
        """How long it takes until `rest` has something to do; None: it has not."""
        idle = self._spare()[1:]
        return max(0.0, idle[0].since + SPARE_SECONDS - now) if idle else None

    def rest(self, now):
        """Dismisses those that had nothing to do for a while, the last one excepted."""
        spare = self._spare()
        kept = spare[:1]
        self._dismiss(lambda hand: hand in spare and hand not in kept and now - hand.since >= SPARE_SECONDS)

    def _spare(self):
        """Those with nothing to do, the one that was used last first: what it needs has been copied."""
        return sorted((hand for hand in self._hands.values() if hand.order is None), key=lambda hand: -hand.since)

    def take(self, order):
        """Finds somebody for the order. None in the warm process; in a newly forked supervisor its end of the connection."""
        for hand in self._spare():
            if hand.give(order):
                return None
            self._forget(hand)
        near, far = socket.socketpair()
        try:
            pid = os.fork()
        except OSError as error:
            near.close()
            far.close()
            self._send({"id": order["id"], "problem": f"the warm process cannot fork: {error}"})
            return None
        if pid == 0:
            near.close()
            self.leave()
            return far
        far.close()
        hand = _Hand(near, self._generation)
        if hand.give(order):
            self._hands[near.fileno()] = hand
        else:
            # Killed as soon as it was there.
            near.close()
            self._send({"id": order["id"], "exited": 0})
        return None

    def leave(self):
        """In what was forked from the warm process: else no supervisor would notice the end of that."""
        for hand in self._hands.values():
            hand.connection.close()

    def hear(self, descriptor):
        """Reads what a supervisor has to say."""
        hand = self._hands[descriptor]
        order = hand.order
        messages = hand.read()
        for message in messages or ():
            if "done" not in message:
                hand.has_reported = True
                self._send({"id": order["id"], **message})
            elif hand.generation == self._generation:
                hand.rest(time.monotonic())
            else:
                self._forget(hand)
        if messages is None:
            self._forget(hand)
            if order is not None and not hand.has_reported:
                self._send({"id": order["id"], "exited": 0})

    def _dismiss(self, is_meant):
        for hand in [hand for hand in self._hands.values() if is_meant(hand)]:
            self._forget(hand)

    def _forget(self, hand):
        """The end of the connection is how a supervisor is told to end, once its job is over."""
        del self._hands[hand.connection.fileno()]
        hand.connection.close()


class _Hand:
    """A supervisor, as the warm process sees it."""

    def __init__(self, connection, generation):
        self.connection = connection
        self.generation = generation
        self.order = None
        self.has_reported = False
        self.since = 0.0
        self._input = b""

    def give(self, order):
        try:
            self.connection.sendall(json.dumps(order).encode() + b"\n")
        except OSError:
            return False
        self.order = order
        self.has_reported = False
        return True

    def rest(self, now):
        self.order = None
        self.since = now

    def read(self):
        """Its messages; None once it is gone."""
        try:
            chunk = self.connection.recv(CHUNK)
        except OSError:
            chunk = b""
        if not chunk:
            return None
        *lines, self._input = (self._input + chunk).split(b"\n")
        return [json.loads(line) for line in lines]


def work(connection, marker):
    """The life of a supervisor: order after order until the connection ends. Returns in the process of a spider, with its
    seat."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    pending = b""

    def over():
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        marker.clear()

    supervisor = Supervisor("warm", over)

    def report(message):
        try:
            connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            # The warm process is gone; the job goes on.
            pass

    def leave():
        os.close(nothing)
        connection.close()

    while True:
        while b"\n" not in pending:
            try:
                chunk = connection.recv(CHUNK)
            except OSError:
                chunk = b""
            if not chunk:
                os._exit(0)
            pending += chunk
        line, _, pending = pending.partition(b"\n")
        order = json.loads(line)
        job, folder = order["job"], order["folder"]
        try:
            _print_to(os.open(f"{folder}/{OUTPUT}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        except OSError as error:
            report({"problem": f"the output of the run cannot be written: {error}"})
            report({"done": True})
            continue
        marker.set(job["token"])
        try:
            end = supervisor.supervise(folder, job, report, leave)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        if isinstance(end, Seat):
            os.environ.update(job["variables"])
            return end
        if end == ENDED and _has_children():
            # Something of the job could not be killed; it is not to be taken for a part of the next one.
            os._exit(0)
        report({"done": True})


def _print_to(descriptor):
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _has_children():
    try:
        os.waitpid(-1, os.WNOHANG)
        return True
    except ChildProcessError:
        return False
