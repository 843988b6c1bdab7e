"""Ladders that are drawn from the data, slow and obvious: every whole unit is tried as a bound, every value is counted."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

FEW = 3  # a bound that is a value must be one of at least so many persons


def allowed(held: Mapping[int, int], unit: int) -> list[int]:
    """Whole units above the least value and at most the greatest that are nobody's value, or the value of many."""
    low, high = min(held), max(held)
    units = range((low // unit) * unit, high + 1, unit)
    return [bound for bound in units if low < bound <= high and not 0 < held.get(bound, 0) < FEW]


def below(held: Mapping[int, int], bound: Decimal | int) -> int:
    return sum(persons for value, persons in held.items() if value < bound)


def nearest(held: Mapping[int, int], unit: int, j: int, parts: int) -> int:
    """How far from j/parts of all persons the best bound leaves those below it, times ``parts``."""
    everybody = sum(held.values())
    return min(abs(parts * below(held, bound) - j * everybody) for bound in allowed(held, unit))


def kept(held: Mapping[str, int], threshold: int) -> set[str]:
    """The values that are not ``other``; a single rare value takes the next rarer one along."""
    rare_first = sorted(held, key=lambda value: (held[value], value))
    rare = [value for value in rare_first if held[value] < threshold]
    return set(rare_first[2:] if len(rare) == 1 else rare_first[len(rare) :])
