"""Micro-aggregation, slow and obvious: every way to cut the distinct values into groups is tried, in fractions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias

Row: TypeAlias = tuple[int, int | None]
"""(person, value)"""


def cuts(values: list[int]) -> Iterator[list[list[int]]]:
    """All ways to cut a list into groups of neighbours."""
    if not values:
        yield []
    for first in range(1, len(values) + 1):
        for rest in cuts(values[first:]):
            yield [values[:first], *rest]


def holders(rows: list[Row], values: list[int] | list[None]) -> set[int]:
    return {person for person, value in rows if value in values}


def mean(rows: list[Row], group: list[int]) -> Fraction:
    """Every person counts once for each value that they have."""
    pairs = {(person, value) for person, value in rows if value in group}
    return Fraction(sum(value for _, value in pairs), len(pairs))


def cost(rows: list[Row], groups: list[list[int]]) -> Fraction:
    """Sum of squared distances to the groups' means."""
    pairs = {(person, value) for person, value in rows if value is not None}
    return sum(((value - mean(rows, group)) ** 2 for group in groups for _, value in pairs if value in group), Fraction(0))


def least_cost(rows: list[Row], group: int) -> Fraction | None:
    """``None``: no cut has ``group`` distinct persons in every group."""
    values = sorted({value for _, value in rows if value is not None})
    allowed = [cut for cut in cuts(values) if all(len(holders(rows, part)) >= group for part in cut)]
    return min((cost(rows, cut) for cut in allowed), default=None)
