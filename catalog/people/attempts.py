"""Counting in windows of time, in Django's default cache: requests, and attempts to guess a password."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from django.conf import settings
from django.core.cache import cache

PERIODS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def rate(scope: str) -> tuple[int, int]:
    """(requests, seconds) from the setting, say ``600/min``. Raises ``ValueError`` for a rate that cannot be read."""
    rates: dict[str, str] = dict(settings.REST_FRAMEWORK)["DEFAULT_THROTTLE_RATES"]  # type: ignore[assignment]
    count, _, period = rates[scope].partition("/")
    if not (int(count) > 0 and period[:1] in PERIODS):
        raise ValueError(f"The rate {scope} is written like 600/min.")
    return int(count), PERIODS[period[0]]


def count(scope: str, ident: str, *, now: float, seconds: int) -> int:
    """Count one more of ``ident`` in the window that holds ``now``; how many that makes.

    Addresses and names stay out of the cache's keys.
    """
    digest = hashlib.sha256(ident.encode("utf-8", "replace")).hexdigest()[:32]
    key = f"window:{scope}:{digest}:{int(now // seconds)}"
    cache.add(key, 0, timeout=2 * seconds)
    try:
        return cache.incr(key)
    except ValueError:  # the cache dropped it between the two lines
        cache.set(key, 1, timeout=2 * seconds)
        return 1


def count_attempt(name: str) -> bool:
    """Count an attempt to log in under ``name``, from wherever; False when there were too many."""
    limit, seconds = rate("login")
    return count("login-name", name, now=time.time(), seconds=seconds) <= limit
