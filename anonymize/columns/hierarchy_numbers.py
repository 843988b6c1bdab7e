"""Intervals of numbers: of widths that the recipe gives, or with about equally many persons in each.

All arithmetic is exact. A bound is never an arbitrary value of the table (TRAPS: interval end points that are a
person's value): widths are counted from an origin, quantiles cut at round numbers, and what lies outside is open.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext
from itertools import accumulate, pairwise
from typing import Any

from anonymize.columns.hierarchy_values import Misfit, Step, number, plain
from anonymize.errors import RecipeError

PRECISION = 100  # digits: no quotient of a value and a unit has as many
CROWD = 3
"""A bound that is a value of the table is one of at least so many persons: with two, each would know the other's."""


def interval(width: Decimal, origin: Decimal) -> Step:
    """``[a, b)`` with a = origin + n·width: exact, in decimals, so that no bound is a rounded value of a person."""

    def step(value: Any) -> str:
        with localcontext(prec=PRECISION):
            lower = origin + ((number(value) - origin) / width).to_integral_value(ROUND_FLOOR) * width
            return f"[{plain(lower)}, {plain(lower + width)})"

    return step


# --- quantiles ---------------------------------------------------------------------------------------------------


def quantiles(column: str, parts: Sequence[int], unit: Decimal, values: Sequence[Any], persons: Sequence[int]) -> tuple[Step, ...]:
    """A step for each number of parts: intervals of whole units that hold about equally many persons.

    ``persons[i]``: distinct persons with ``values[i]``. Of n parts, part j ends where the persons below come nearest to
    j/n of all; equal values stay together, so that there are fewer parts where many persons share a value. The cuts of
    a level are among those of every finer one; a level that would say the same as the one below is left out, and where
    all persons have one value there is none.
    Raises :class:`RecipeError` for a column that is not numeric, and when no whole unit can be put between its values.
    """
    held = _held(column, values, persons)
    if len(held.values) < 2:
        return ()
    with localcontext(prec=PRECISION):
        cuts = _cuts(held, unit)
        if not cuts:
            message = f"column {column!r}: no whole {plain(unit)} lies between its values, or only such as one or two persons have"
            raise RecipeError(f"{message}: choose another unit")
        levels = [_bounds(held, unit, cuts, parts[0], every=parts[0] // n) for n in parts]
    return tuple(_within(level) for i, level in enumerate(levels) if i == 0 or level != levels[i - 1])


@dataclass(frozen=True)
class _Held:
    """Distinct ``values`` in order, the ``persons`` who have each, and how many have it or a smaller one (``below``)."""

    values: list[Decimal]
    persons: list[int]
    below: list[int]


def _held(column: str, values: Sequence[Any], persons: Sequence[int]) -> _Held:
    merged: dict[Decimal, int] = {}
    for value, count in zip(values, persons, strict=True):
        try:
            exact = number(value, "quantiles need")
        except Misfit as reason:
            raise RecipeError(f"column {column!r}: {reason}") from None
        if count:  # values that only stand in a table to compare with draw no bound
            merged[exact] = merged.get(exact, 0) + count
    ordered = sorted(merged)
    counts = [merged[value] for value in ordered]
    return _Held(ordered, counts, list(accumulate(counts)))


def _cuts(held: _Held, unit: Decimal) -> list[int]:
    """After which values, by their place, a bound can be put."""
    cells = [(value / unit).to_integral_value(ROUND_FLOOR) for value in held.values]
    return [
        i
        for i, (low, high) in enumerate(pairwise(cells))
        if high > low + 1 or (high == low + 1 and (held.values[i + 1] != high * unit or held.persons[i + 1] >= CROWD))
    ]


def _bounds(held: _Held, unit: Decimal, cuts: Sequence[int], parts: int, every: int) -> list[Decimal]:
    """The bounds of ``parts`` parts, or of every so many of them taken together; rising."""
    chosen = {_nearest(held, cuts, j, parts) for j in range(every, parts, every)}
    return [_between(held, unit, cut) for cut in sorted(chosen)]


def _nearest(held: _Held, cuts: Sequence[int], j: int, parts: int) -> int:
    """The cut that leaves nearest to j/parts of the persons below it; of two as near, the lower."""
    target = j * held.below[-1]
    up = bisect_left(cuts, target, key=lambda cut: parts * held.below[cut])
    return min(cuts[max(up - 1, 0) : up + 1], key=lambda cut: (abs(parts * held.below[cut] - target), cut))


def _between(held: _Held, unit: Decimal, cut: int) -> Decimal:
    """The roundest whole unit above value ``cut`` and below the next, which tells least about the two; else the next itself."""
    low, high = held.values[cut], held.values[cut + 1]
    step = unit.scaleb(max((high - low).adjusted() - unit.adjusted() + 1, 0))
    while step >= unit:
        bound = ((low / step).to_integral_value(ROUND_FLOOR) + 1) * step
        if low < bound < high:
            return bound
        step = step.scaleb(-1)
    return high


def _within(bounds: Sequence[Decimal]) -> Step:
    """``< a``, ``[a, b)``, ``≥ b``."""
    ends = [plain(bound) for bound in bounds]
    labels = [f"< {ends[0]}", *(f"[{low}, {high})" for low, high in pairwise(ends)), f"≥ {ends[-1]}"]
    return lambda value: labels[bisect_right(bounds, number(value, "quantiles need"))]
