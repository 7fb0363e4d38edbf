"""Scrapy's stats as JSON that any reader can take: odd values become text, and there is an end to it."""

import json
import math
from datetime import date, datetime, timedelta, timezone

MAX_KEYS = 2000
MAX_TEXT = 500
MAX_BYTES = 64 * 1024
MAX_DEPTH = 4
SAFE_INTEGER = 2**53 - 1


def json_safe(stats):
    """A dict of JSON values made from `stats`, at most `MAX_BYTES` long when written."""
    safe = {}
    size = 2
    for key, value in _items(stats):
        name = _text(key)
        plain = _plain(value, MAX_DEPTH)
        size += len(json.dumps(name)) + len(json.dumps(plain)) + 4
        if size > MAX_BYTES or len(safe) >= MAX_KEYS:
            break
        safe[name] = plain
    return safe


def _items(stats):
    # Scrapy's own counters first: they tell the outcome, and a spider may have thousands of its own. Text keys before
    # others, as keys of different types have no order.
    def rank(item):
        key = item[0]
        if not isinstance(key, str):
            return (2, "")
        return (0 if key.startswith(OWN) else 1, key)

    return sorted(dict(stats).items(), key=rank)


OWN = ("downloader/", "response_received_count", "item_", "log_count/", "finish_", "start_time", "elapsed_", "scheduler/")


def _plain(value, depth):
    try:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return int(value) if abs(value) <= SAFE_INTEGER else _text(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, str):
            return value[:MAX_TEXT]
        if isinstance(value, datetime):
            aware = value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)
            return aware.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if depth > 0 and isinstance(value, dict):
            return {_text(key): _plain(entry, depth - 1) for key, entry in list(value.items())[:MAX_KEYS]}
        if depth > 0 and isinstance(value, (list, tuple, set, frozenset)):
            return [_plain(entry, depth - 1) for entry in list(value)[:MAX_KEYS]]
        return _text(value)
    except Exception:
        return _nameless(value)


def _text(value):
    try:
        return str(value)[:MAX_TEXT]
    except Exception:
        return _nameless(value)


def _nameless(value):
    return f"<{type(value).__name__}>"
