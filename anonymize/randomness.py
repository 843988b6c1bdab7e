"""The one module that draws randomness, always from the operating system's generator.

A seed would make noise removable and bounding predictable (TRAPS.md 10), so no function here takes one and no recipe
can name one. Tests alone may replace ``_source``, the single place that all bytes come from (but for those of OpenDP,
which asks the operating system itself). Nothing is buffered between calls: a forked worker shares no state with its
parent.
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
    return _System()


class _System(random.SystemRandom):
    """As in the standard library, but for where its bytes come from: the one source above."""

    def random(self) -> float:
        """One of the 2^53 multiples of 2^-53 in [0, 1)."""
        return (int.from_bytes(_source(7)) >> 3) * 2.0**-53

    def getrandbits(self, k: int) -> int:
        """``k`` unpredictable bits as a number; ``k`` at least 0."""
        if k < 0:
            raise ValueError("the number of bits cannot be negative")
        size = (k + 7) // 8
        return int.from_bytes(_source(size)) >> (size * 8 - k)

    def randbytes(self, n: int) -> bytes:
        """``n`` unpredictable bytes."""
        return _source(n)
