"""Bounds on a public grid for persons with one value each, without noise: by trying every step, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

GRID = sorted(digit * 10**power for digit in (1, 2, 5) for power in range(19))


def limit(values: Sequence[int], share: Fraction) -> int:
    """The smallest step that covers the share of the counts."""
    return next(step for step in GRID if sum(value <= step for value in values) >= share * len(values))


def bounds(values: Sequence[int], share: Fraction) -> tuple[int, int]:
    """Around zero, of whole units: beyond each at most half of what the share leaves over."""
    rest = (1 - share) / 2 * len(values)
    upper = next(step for step in [0, *GRID] if sum(value > step for value in values) <= rest)
    lower = next(-step for step in [0, *GRID] if sum(value < -step for value in values) <= rest)
    return (lower, upper) if lower < upper else (0, 1)
