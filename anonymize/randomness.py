"""The one module that draws randomness, always from the operating system's generator.

A seed would make noise removable and bounding predictable (TRAPS.md 10), so no function here takes one and no recipe
can name one. Tests alone may replace ``_source``, the single place that all bytes come from. Nothing is buffered
between calls: a forked worker shares no state with its parent.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

_source: Callable[[int], bytes] = os.urandom


def secret_bytes(n: int) -> bytes:
    """``n`` unpredictable bytes; ``n`` at least 1."""
    if not n >= 1:
        raise ValueError("ask for at least one byte")
    return _source(n)


def system_random() -> random.Random:
    """A generator without state of its own: every draw asks the operating system."""
    return random.SystemRandom()
