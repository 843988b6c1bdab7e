"""What a map of a release shows: one number a place, with its interval, and the class that it falls into.

Over the other columns, persons are averaged where one of them is a time (how many are there at a time), everything else
is added up. A mean or a variance is shown where each place has one cell, and not otherwise: they do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq

from catalog.publishing.series import PREFERENCE, Point, added, finest, is_time, totals_of

CLASSES: Final = 5
UNRELIABLE: Final = 0.5  # half the interval, as a share of the value, where the release has no mark of its own
SHARP: Final = 100  # where most numbers are below it, they are shown with a digit after the point
NOT_ADDITIVE: Final = ("mean", "variance", "quantile", "median")


@dataclass(frozen=True, slots=True)
class Class:
    """Places with values from ``lowest`` to ``highest``: real values of places, so classes have gaps between them."""

    lowest: float
    highest: float
    places: int


@dataclass(frozen=True, slots=True)
class Shown:
    """``over``: the columns that were averaged or added up to get one number a place; ``how``: mean, sum or nothing.

    ``classes`` rise; ``class_of`` gives the place of each point among them, ``unreliable`` whether half its interval is
    more than the share ``above`` of the value. ``digits``: after the point.
    """

    dimension: str
    layer: str
    measure: str
    points: tuple[Point, ...]
    class_of: tuple[int, ...]
    unreliable: tuple[bool, ...]
    classes: tuple[Class, ...]
    above: float = UNRELIABLE
    how: str = ""
    over: tuple[dict[str, Any], ...] = ()
    persons: bool = False
    digits: int = 0

    @property
    def noisy(self) -> bool:
        return any(point.lower is not None for point in self.points)


def shown_of(path: Path, columns: Sequence[dict[str, Any]]) -> Shown | None:
    """What to show of a published table of aggregates; None when none of its columns speaks of places with outlines."""
    place = next((c for c in columns if c.get("layer")), None)
    others = [c for c in columns if c.get("role") in ("group", "dimension") and c is not place]
    measure = _measure(columns, bool(others))
    if place is None or measure is None:
        return None
    if others and any(c.get("role") == "rank" for c in columns):
        return None  # what was not among the largest would be missing from every sum
    ends = [c["name"] for role in ("lower", "upper") for c in columns if c.get("role") == role and c.get("measure") == measure["name"]]
    whole = pq.read_table(path)
    table = finest(whole, columns)
    if not table.num_rows:
        return None
    points = added(totals_of(whole, place, columns) or table, place["name"], measure["name"], ends if len(ends) == 2 else [])
    persons = measure.get("kind") == "persons"
    times = [c for c in others if is_time(table, c)] if persons else []
    if times:
        moments = table.group_by([c["name"] for c in times]).aggregate([]).num_rows
        points = [_divided(point, moments) for point in points]
    above = next((float(c["above"]) for c in columns if c.get("role") == "unreliable" and c.get("measure") == measure["name"]), UNRELIABLE)
    class_of, classes = classed([point.value for point in points])
    return Shown(
        dimension=place.get("title") or place["name"], layer=place["layer"], measure=measure["name"], points=tuple(points),
        class_of=class_of, unreliable=tuple(is_unreliable(point, above) for point in points), classes=classes, above=above, over=tuple(times or others),
        how="mean" if times else "sum" if others else "", persons=persons, digits=_digits([point.value for point in points]),
    )  # fmt: skip


def _measure(columns: Sequence[dict[str, Any]], folded: bool) -> dict[str, Any] | None:
    """Persons first, since a map asks where they are; among the others, what adds up best."""
    usable = [c for c in columns if c.get("role") == "measure" and not (folded and c.get("kind") in NOT_ADDITIVE)]
    return min(usable, key=lambda c: (c.get("kind") != "persons", PREFERENCE.get(c.get("kind", ""), 3)), default=None)


def _divided(point: Point, by: int) -> Point:
    ends = [None if end is None else end / by for end in (point.lower, point.upper)]
    return replace(point, value=point.value / by, lower=ends[0], upper=ends[1])


def _digits(values: Sequence[float]) -> int:
    """The same for all, so that they can be compared."""
    return int(sorted(map(abs, values))[len(values) // 2] < SHARP and any(value != round(value) for value in values))


def is_unreliable(point: Point, above: float = UNRELIABLE) -> bool:
    """Whether half the width of the interval is more than the share ``above`` of the value."""
    if point.lower is None or point.upper is None:
        return False
    return (point.upper - point.lower) / 2 > above * abs(point.value)


def classed(values: Sequence[float]) -> tuple[tuple[int, ...], tuple[Class, ...]]:
    """Quantile classes, at most five: which each value is in, and the classes that have any, with their real bounds."""
    array = np.asarray(values, dtype=np.float64)
    edges = np.unique(np.quantile(array, np.arange(1, CLASSES) / CLASSES))
    raw = np.searchsorted(edges, array, side="left")
    kept, class_of = np.unique(raw, return_inverse=True)
    classes = tuple(Class(float(some.min()), float(some.max()), len(some)) for some in (array[raw == number] for number in kept))
    return tuple(int(number) for number in class_of), classes
