"""Looks over a crawler's shoulder: writes down its stats now and then, and why it finished."""

import json
import sys
import time

from scrapyd_service.records import SpiderRecords, milliseconds
from scrapyd_service.stats import json_safe

SNAPSHOT_SECONDS = 2.0
# A snapshot of very many stats takes time that belongs to the spider: at most this share of it.
MAX_SHARE = 0.02


class CrawlWatch:
    """Everything in here keeps its troubles to itself: a spider never fails because it is watched."""

    def __init__(self, seat, teacher):
        self._seat = seat
        self._records = SpiderRecords(seat.folder)
        self._teacher = teacher
        self._crawler = None
        self._timer = None
        self._finish_reason = None
        self._last = None

    def attach(self, crawler):
        """Follows the first crawler of the process, from before its crawl starts (its stats may not exist yet)."""
        if self._crawler is not None:
            return
        from scrapy import signals

        self._crawler = crawler
        crawler.signals.connect(self._spider_opened, signals.spider_opened)
        crawler.signals.connect(self._spider_closed, signals.spider_closed)

    def finish(self):
        """The last record, once the crawl is over; also of a crawl that failed before its spider was opened."""
        self._stop_timer()
        self._write(ended=True)
        self._teach()

    def _spider_opened(self):
        try:
            self._schedule(SNAPSHOT_SECONDS)
        except Exception:
            pass
        self._teach()

    def _teach(self):
        if self._teacher is not None:
            self._teacher.tell(getattr(self._crawler, "settings", None))

    def _spider_closed(self, reason):
        self._finish_reason = reason if isinstance(reason, str) else str(reason)
        self._stop_timer()
        self._write(ended=False)

    def _snapshot(self):
        self._timer = None
        began = time.monotonic()
        self._write(ended=False)
        try:
            self._schedule(max(SNAPSHOT_SECONDS, (time.monotonic() - began) / MAX_SHARE))
        except Exception:
            pass

    def _schedule(self, seconds):
        # A thread would be simpler, but a spider may fork.
        if "twisted.internet.reactor" in sys.modules:
            from twisted.internet import reactor

            self._timer = reactor.callLater(seconds, self._snapshot)
        else:
            import asyncio

            self._timer = asyncio.get_running_loop().call_later(seconds, self._snapshot)

    def _stop_timer(self):
        timer, self._timer = self._timer, None
        if timer is not None:
            try:
                timer.cancel()
            except Exception:
                pass

    def _write(self, ended):
        try:
            stats = self._stats()
            content = json.dumps([stats, self._finish_reason, ended])
            if content == self._last:
                return
            self._records.add(
                {
                    "token": self._seat.job["token"],
                    "at": milliseconds(),
                    "finishReason": self._finish_reason,
                    "stats": stats,
                    "ended": ended,
                }
            )
            self._last = content
            self._seat.hint()
        except Exception:
            pass

    def _stats(self):
        # None before the crawl has started, in newer versions.
        collector = getattr(self._crawler, "stats", None)
        return json_safe(collector.get_stats()) if collector is not None else {}
