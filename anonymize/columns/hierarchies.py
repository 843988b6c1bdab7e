"""Ladders: for one column, its values at coarser and coarser levels.

Level 0 is the value itself; the last level is ``*``, the same for all. Every level is a function of the one below it
(levels nest), so that a class at a coarse level is a union of classes at any finer one: the search relies on this.
Null is a value of its own: its label is null at every level below the top, and ``*`` at the top.

Labels come from the recipe, from a file or from the calendar, never from the data: an interval is named by origin and
width, not by the smallest value in it. Two kinds are drawn from the data, and say so in the recipe: quantiles and counts.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from anonymize.columns import (
    hierarchy_codes,
    hierarchy_counts,
    hierarchy_dates,
    hierarchy_files,
    hierarchy_numbers,
    hierarchy_paths,
    hierarchy_places,
)
from anonymize.columns.hierarchy_paths import Paths
from anonymize.columns.hierarchy_values import TOP, Misfit, Step, as_text, is_null
from anonymize.errors import InputError, Problem, RecipeError
from anonymize.recipe import (
    DRAWN_FROM_DATA,
    CountsHierarchy,
    DateHierarchy,
    FileHierarchy,
    H3Hierarchy,
    Hierarchy,
    IntervalHierarchy,
    PlaceHierarchy,
    PrefixHierarchy,
    QuantileHierarchy,
)

__all__ = ["Ladder", "as_text", "build", "build_for_type", "domain", "leaves"]

SAMPLES: Final[Mapping[str, Any]] = {
    "integer": 0,
    "decimal": Decimal(0),
    "number": 0.0,
    "text": "8f754e64992d6d8",  # an H3 cell of the finest resolution: a place under every hierarchy of text
    "boolean": True,
    "date": dt.date(2000, 1, 1),
    "timestamp": dt.datetime(2000, 1, 1),
    "timestamptz": dt.datetime(2000, 1, 1, tzinfo=dt.UTC),
}
"""A value of each type of column, to tell whether a hierarchy fits the type."""


@dataclass(frozen=True)
class Ladder:
    """The ladder of one column.

    ``steps`` holds the levels between the values (level 0) and ``*`` (level ``levels - 1``).
    ``domain`` counts the leaves: the values of the file, where the hierarchy is a file, otherwise the distinct values
    that the ladder was built for. ``leaf_labels`` holds their labels, a row a level. Both measure the loss of a label.
    """

    column: str
    steps: tuple[Step, ...]
    leaf_labels: tuple[tuple[str, ...], ...]  # one a level between leaf and top: (level, leaf) → label
    domain: int

    @property
    def levels(self) -> int:
        """Number of levels, level 0 and the top included."""
        return len(self.steps) + 2

    @property
    def top(self) -> int:
        """The level at which every value is ``*``."""
        return self.levels - 1

    def labels(self, level: int, values: Iterable[Any]) -> list[str | None]:
        """The label of each value at a level; level 0 gives the value's own text.

        Raises :class:`RecipeError` for a level that is not there, or when values have no place on the ladder (it says
        how many, not which).
        """
        self._refuse_level(level)
        if level == self.top:
            return [TOP for _ in values]
        return _label_all(self.column, as_text if level == 0 else self.steps[level - 1], values)

    def labels_of_some(self, level: int, values: Iterable[Any]) -> list[str | None]:
        """The same, but null for a value without a place: where one person's value must not decide whether there is a release."""
        self._refuse_level(level)
        if level == self.top:
            return [TOP for _ in values]
        step = as_text if level == 0 else self.steps[level - 1]
        return [_label_or_none(step, value) for value in values]

    def _refuse_level(self, level: int) -> None:
        if not 0 <= level <= self.top:
            raise RecipeError(f"column {self.column!r} has levels 0 to {self.top}: there is no level {level}")

    def leaves_per_label(self, level: int) -> dict[str, int]:
        """How many leaves of the domain each label of a level between 0 and the top stands for."""
        return dict(Counter(self.leaf_labels[level - 1]))


def build(
    column_name: str,
    hierarchy: Hierarchy | None,
    values: Sequence[Any],
    folder: Path | None,
    persons: Sequence[int] | None = None,
) -> Ladder:
    """The ladder of a column whose distinct values are ``values`` (nulls may be among them).

    ``persons``: how many distinct persons have each value, in the same order; needed by hierarchies that are drawn from
    the data (:data:`anonymize.recipe.DRAWN_FROM_DATA`) and by no other. Checks that every value has a path. Without a
    hierarchy the ladder is the values and ``*``. Raises :class:`RecipeError` for a hierarchy that does not fit,
    :class:`InputError` for values that are not finite numbers.
    """
    present = [value for value in values if not is_null(value)]
    _refuse_not_finite(column_name, present)
    paths = _paths(hierarchy, folder)
    if paths is not None:
        return _from_paths(column_name, paths, {type(value) for value in present} or {str}, present)
    if isinstance(hierarchy, DRAWN_FROM_DATA):
        if persons is None:
            raise RecipeError(f"column {column_name!r}: its hierarchy is drawn from the data, which must not be counted here")
        steps = _drawn(column_name, hierarchy, values, persons)
    else:
        steps = _steps(hierarchy)
    leaf_labels = tuple(tuple(_label_values(column_name, step, present)) for step in steps)
    return Ladder(column_name, steps, leaf_labels, len(present))


def build_for_type(column_name: str, hierarchy: Hierarchy | None, kind: str, folder: Path | None, values: Iterable[Any] = ()) -> Ladder:
    """The ladder of a column of a type (integer, decimal, number, text, boolean, date, timestamp or timestamptz).

    Whether there is one does not depend on data: use :meth:`Ladder.labels_of_some` for theirs. ``values``: what labels may
    be found by that are not written down; those without a place are passed over.
    Raises :class:`RecipeError` for a hierarchy that does not fit the type, or that is drawn from the data.
    """
    paths = _paths(hierarchy, folder)
    if paths is not None:
        return _from_paths(column_name, paths, {type(SAMPLES[kind])}, ())
    if isinstance(hierarchy, DRAWN_FROM_DATA):
        raise RecipeError(f"column {column_name!r}: its hierarchy is drawn from the data, which must not be counted here")
    steps = _steps(hierarchy)
    for step in steps:
        _label_values(column_name, step, [SAMPLES[kind]])
    kept = [value for value in values if not any(_label_or_none(step, value) is None for step in steps)]
    return Ladder(column_name, steps, tuple(tuple(_label_values(column_name, step, kept)) for step in steps), len(kept))


def leaves(hierarchy: Hierarchy | None, folder: Path | None) -> list[str] | None:
    """The public leaf values of a file hierarchy, in the file's order; ``None`` for every other kind.

    The features of a layer stand in no order that says anything.
    """
    if isinstance(hierarchy, FileHierarchy):
        return hierarchy_files.read(hierarchy.file, folder).leaves
    return None


def domain(column: str, hierarchy: Hierarchy | None, level: int, folder: Path | None) -> tuple[str, ...]:
    """Every label of a level, in the order of the file or layer: public, known before any data.

    Raises :class:`RecipeError` for a hierarchy that lists no values, or has no such level.
    """
    paths = _paths(hierarchy, folder)
    if paths is None:
        raise RecipeError(f"column {column!r} has no hierarchy that lists its values")
    top = paths.depth + 1
    if not 0 <= level <= top:
        raise RecipeError(f"column {column!r} has levels 0 to {top}: there is no level {level}")
    if level == 0:
        return tuple(paths.leaves)
    return (TOP,) if level == top else tuple(dict.fromkeys(paths.labels(level - 1)))


def _paths(hierarchy: Hierarchy | None, folder: Path | None) -> Paths | None:
    match hierarchy:
        case FileHierarchy(file=name):
            return hierarchy_files.read(name, folder)
        case PlaceHierarchy(places=layer):
            return hierarchy_places.read(layer, folder)
    return None


def _from_paths(column: str, paths: Paths, kinds: Set[type], present: Sequence[Any]) -> Ladder:
    path_of = hierarchy_paths.finder(column, paths, kinds)
    _label_values(column, lambda value: ";".join(path_of(value)), present)  # every value has a path
    steps = tuple(hierarchy_paths.at(level, path_of) for level in range(paths.depth))
    return Ladder(column, steps, tuple(paths.labels(level) for level in range(paths.depth)), len(paths.steps))


def _drawn(column: str, hierarchy: Hierarchy | None, values: Sequence[Any], persons: Sequence[int]) -> tuple[Step, ...]:
    held = [(value, count) for value, count in zip(values, persons, strict=True) if not is_null(value)]
    present, counts = [value for value, _ in held], [count for _, count in held]
    match hierarchy:
        case QuantileHierarchy(quantiles=parts, unit=unit):
            return hierarchy_numbers.quantiles(column, parts, unit, present, counts)
        case CountsHierarchy(counts=thresholds):
            return hierarchy_counts.steps(thresholds, present, counts)
    return ()


def _steps(hierarchy: Hierarchy | None) -> tuple[Step, ...]:
    match hierarchy:
        case IntervalHierarchy(intervals=widths, origin=origin):
            return tuple(hierarchy_numbers.interval(width, origin) for width in widths)
        case DateHierarchy(dates=levels):
            return hierarchy_dates.steps(levels)
        case PrefixHierarchy(prefix=lengths):
            return tuple(hierarchy_codes.prefix(length) for length in lengths)
        case H3Hierarchy(h3=resolutions):
            return tuple(hierarchy_codes.cell(resolution) for resolution in resolutions)
    return ()


def _label_values(column: str, step: Step, values: Iterable[Any]) -> list[str]:
    return [label for label in _label_all(column, step, values) if label is not None]


def _label_all(column: str, step: Step, values: Iterable[Any]) -> list[str | None]:
    found: list[str | None] = []
    misfits: list[str] = []
    for value in values:
        try:
            found.append(None if is_null(value) else step(value))
        except Misfit as reason:
            misfits.append(str(reason))
    if misfits:
        message = f"column {column!r}: {len(misfits)} distinct value(s) have no place in its hierarchy: {misfits[0]}"
        raise RecipeError(message, problems=(Problem("no_place_in_hierarchy", message, column=column),))
    return found


def _label_or_none(step: Step, value: Any) -> str | None:
    try:
        return None if is_null(value) or not _is_finite(value) else step(value)
    except Misfit:
        return None


def _is_finite(value: Any) -> bool:
    return not isinstance(value, (float, Decimal)) or Decimal(value).is_finite()


def _refuse_not_finite(column: str, values: Iterable[Any]) -> None:
    for value in values:
        if not _is_finite(value):
            raise InputError(f"column {column!r} holds numbers that are not finite (NaN or infinity): clean them first")
