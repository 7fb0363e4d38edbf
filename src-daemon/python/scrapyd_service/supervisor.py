"""The process above a spider: claims the run, forks the spider, waits for it, leaves nothing of it behind, writes the end.

It never imports Scrapy or anything of the project, and needs nothing of the daemon once it runs: every message to the
daemon is only a hint, the truth is in the files (`records.py`). Order of a start, and why:

1. The FIFO ``alive`` is opened for reading and writing. As long as supervisor or spider hold it, a reader gets no end.
2. The record is created exclusively, with the claim. Whoever loses goes away: an attempt runs once, however often it was
   started.
3. Fork. The child waits at the gate before it touches anything of the project.
4. The start is on the disk. Only then the gate opens: a claim without a start never ran.
"""

import os
import signal
import time

from scrapyd_service import output, processes
from scrapyd_service.records import ALIVE, OUTPUT, ClaimLost, RunRecord, milliseconds

ENDED = 0
CLAIM_LOST = 75
NOT_STARTED = 70
NOT_FOR_THE_SUPERVISOR = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
OUTPUT_CHECK_SECONDS = 1
REMAINS_SECONDS = 10


class Seat:
    """What the spider's process holds of its run."""

    def __init__(self, folder, job, alive, gate):
        self.folder = folder
        self.job = job
        self._alive = alive
        self._gate = gate
        # A process that the spider forks is not the spider. (One that it executes loses the descriptor by itself.)
        os.register_at_fork(after_in_child=self._let_go)

    def enter(self):
        """Returns once the start is on record; never, if the supervisor died before that."""
        opened = os.read(self._gate, 1)
        os.close(self._gate)
        if not opened:
            os._exit(NOT_STARTED)

    def hint(self):
        """Tells whoever follows the run that a record has changed. Nobody listening, or not fast enough: no matter."""
        if self._alive is not None:
            try:
                os.write(self._alive, b"s")
            except OSError:
                pass

    def _let_go(self):
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None


class Supervisor:
    """Supervises runs in this process, one after the other.

    `over` is called at the end of each, before anybody can know of it. Without it this process is for one run, and ends
    with it.
    """

    def __init__(self, mode, over=None):
        self._mode = mode
        self._over = over
        self._is_subreaper = False

    def supervise(self, folder, job, report, leave):
        """Starts the run in `folder`. Returns twice: in the spider's process with its seat, and in this one, when the run
        is over, with what became of it (`ENDED`, `CLAIM_LOST`, `NOT_STARTED`).

        `report` sends one message (a dict) to the daemon and may be called after the daemon is gone; `leave` closes, in
        the spider's process, what only the supervisor needs.
        """
        try:
            alive = _open_alive(folder)
        except OSError as error:
            return _not_prepared(folder, report, error)
        try:
            record = RunRecord(folder, {"attempt": job["attempt"], "pid": os.getpid(), "token": job["token"]})
        except ClaimLost:
            self._leave_run(alive)
            report({"lost": True})
            return CLAIM_LOST
        except OSError as error:
            self._leave_run(alive)
            return _not_prepared(folder, report, error)
        try:
            gate, gatekeeper, pid, started_at = _fork_at_gate()
        except OSError as error:
            # The claim is given back first: whoever is asked to start the run in another way has to get it.
            record.drop()
            record.close()
            self._leave_run(alive)
            return _not_prepared(folder, report, error)
        if pid == 0:
            _become_group_leader(0)
            _reset_signals()
            os.close(gatekeeper)
            record.close()
            leave()
            return Seat(folder, job, alive, gate)

        os.close(gate)
        try:
            return self._watch_over(folder, job, report, pid, started_at, alive, gatekeeper, record)
        finally:
            record.close()
            self._leave_run(alive)

    def _leave_run(self, alive):
        """Whoever reads the end of the FIFO finds nothing left that belongs to the run."""
        if self._over is not None:
            self._over()
            os.close(alive)

    def _watch_over(self, folder, job, report, pid, started_at, alive, gatekeeper, record):
        _become_group_leader(pid)
        if not self._is_subreaper:
            # Not before the fork: the spider of a cold start need not wait for it.
            self._is_subreaper = processes.become_subreaper()
        start = {
            "token": job["token"],
            "pid": pid,
            "pidStart": processes.start_ticks(pid),
            "supervisorPid": os.getpid(),
            "supervisorStart": processes.start_ticks(os.getpid()),
            "startedAt": started_at,
            "bootId": job["bootId"],
            "mode": self._mode,
            "modeNote": job["modeNote"],
        }
        try:
            record.write_start(start)
        except OSError as error:
            os.close(gatekeeper)
            os.waitpid(pid, 0)
            record.drop()
            report({"problem": f"the start could not be recorded in {folder}: {error}"})
            return NOT_STARTED
        try:
            os.write(gatekeeper, b"g")
        except OSError:
            # Killed while it waited there: it ended as any spider that is killed.
            pass
        os.close(gatekeeper)
        report({"start": start})
        try:
            os.write(alive, b"r")
        except OSError:
            pass

        account = _Account(pid)
        _keep_output_short(f"{folder}/{OUTPUT}", job["outputLimit"])
        account.wait_for_spider()
        ended_at = milliseconds()
        _end_remains(account)
        signal.setitimer(signal.ITIMER_REAL, 0)
        output.keep_short(f"{folder}/{OUTPUT}", job["outputLimit"])
        end = {
            "token": job["token"],
            "startedAt": started_at,
            "endedAt": ended_at,
            "cpuSeconds": round(account.cpu_seconds, 3),
            "maxRssBytes": account.max_rss_bytes,
        }
        _write_end(record, {**end, **_cause(account.status)})
        return ENDED


def _fork_at_gate():
    """Both ends of the gate, the spider's pid (0 in its own process) and when it was forked. Throws OSError."""
    gate, gatekeeper = os.pipe()
    for number in NOT_FOR_THE_SUPERVISOR:
        signal.signal(number, signal.SIG_IGN)
    started_at = milliseconds()
    try:
        return gate, gatekeeper, os.fork(), started_at
    except OSError:
        os.close(gate)
        os.close(gatekeeper)
        raise


def _not_prepared(folder, report, error):
    report({"problem": f"the run could not be prepared in {folder}: {error}"})
    return NOT_STARTED


class _Account:
    """Reaps what ends below the supervisor, and adds up what it used."""

    def __init__(self, spider):
        self._spider = spider
        self.status = None
        self.cpu_seconds = 0.0
        self.max_rss_bytes = None

    def wait_for_spider(self):
        while self.status is None:
            self._add(*os.wait4(-1, 0))

    def reap(self):
        """Takes what has ended; False once there is no child left."""
        try:
            while True:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
                if pid == 0:
                    return True
                self._add(pid, status, usage)
        except ChildProcessError:
            return False

    def _add(self, pid, status, usage):
        self.cpu_seconds += usage.ru_utime + usage.ru_stime
        if pid == self._spider:
            self.status = status
            # Kilobytes, except on macOS.
            self.max_rss_bytes = usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)


def _end_remains(account):
    """Kills what the spider left behind: browsers, drivers, helpers, in whatever group or session they are."""
    pause = 0.002
    deadline = time.monotonic() + REMAINS_SECONDS
    while account.reap() and time.monotonic() < deadline:
        for pid in processes.descendants(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        time.sleep(pause)
        pause = min(pause * 2, 0.1)


def _cause(status):
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"SIG{number}"
        return {"exitCode": None, "signal": name}
    return {"exitCode": os.WEXITSTATUS(status), "signal": None}


def _write_end(record, end):
    for attempt in range(10):
        try:
            return record.write_end(end)
        except OSError:
            time.sleep(0.1 * attempt)


def _keep_output_short(path, limit):
    def check(*_):
        output.keep_short(path, limit)

    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, OUTPUT_CHECK_SECONDS, OUTPUT_CHECK_SECONDS)


def _open_alive(folder):
    path = f"{folder}/{ALIVE}"
    try:
        os.mkfifo(path, 0o600)
    except FileExistsError:
        pass
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _become_group_leader(pid):
    """Done on both sides of the fork, so that neither can be too late; the other side's call may fail."""
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass


def _reset_signals():
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
