"""Ladders: for one column, its values at coarser and coarser levels.

Level 0 is the value itself; the last level is ``*``, the same for all. Every level is a function of the one below it
(levels nest), so that a class at a coarse level is a union of classes at any finer one: the search relies on this.
Null is a value of its own: its label is null at every level below the top, and ``*`` at the top.

Labels come from the recipe, from a file or from the calendar, never from the data: an interval is named by origin and
width, not by the smallest value in it.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext
from pathlib import Path
from typing import Any, TypeAlias

import h3  # type: ignore[import-untyped, unused-ignore]
import pandas as pd

from anonymize.columns import hierarchy_files
from anonymize.columns.hierarchy_files import TOP, Paths
from anonymize.errors import InputError, Problem, RecipeError
from anonymize.recipe import (
    DateHierarchy,
    DateLevel,
    FileHierarchy,
    H3Hierarchy,
    Hierarchy,
    IntervalHierarchy,
    PrefixHierarchy,
)

Step: TypeAlias = Callable[[Any], str]
"""From a value that is not null to its label at one level. Raises ``Misfit`` for a value with no place on the ladder."""


class Misfit(ValueError):
    """A value has no place on a ladder. Carries the reason, never the value."""


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
        if not 0 <= level <= self.top:
            raise RecipeError(f"column {self.column!r} has levels 0 to {self.top}: there is no level {level}")
        if level == self.top:
            return [TOP for _ in values]
        return _label_all(self.column, as_text if level == 0 else self.steps[level - 1], values)

    def leaves_per_label(self, level: int) -> dict[str, int]:
        """How many leaves of the domain each label of a level between 0 and the top stands for."""
        return dict(Counter(self.leaf_labels[level - 1]))


def build(
    column_name: str,
    hierarchy: Hierarchy | None,
    values: Sequence[Any],
    folder: Path | None,
) -> Ladder:
    """The ladder of a column whose distinct values are ``values`` (nulls may be among them).

    Checks that every value has a path. Without a hierarchy the ladder is the values and ``*``. Raises
    :class:`RecipeError` for a hierarchy that does not fit, :class:`InputError` for values that are not finite numbers.
    """
    present = [value for value in values if not _is_null(value)]
    _refuse_not_finite(column_name, present)
    if isinstance(hierarchy, FileHierarchy):
        return _from_file(column_name, hierarchy, present, folder)
    steps = _steps(hierarchy)
    leaf_labels = tuple(tuple(_label_values(column_name, step, present)) for step in steps)
    return Ladder(column_name, steps, leaf_labels, len(present))


def leaves(hierarchy: Hierarchy | None, folder: Path | None) -> list[str] | None:
    """The public leaf values of a file hierarchy, in the file's order; ``None`` for every other kind."""
    if isinstance(hierarchy, FileHierarchy):
        return hierarchy_files.read(hierarchy.file, folder).leaves
    return None


def as_text(value: Any) -> str:
    """A value as a label: ISO dates, ``true``/``false``, numbers without exponent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, float):
        return _plain(Decimal(repr(value)))
    return _plain(value) if isinstance(value, Decimal) else str(value)


def _plain(number: Decimal) -> str:
    if not number.is_finite():
        return str(number)
    with localcontext(prec=100):  # a DECIMAL(38) has more digits than the usual context keeps
        return format(number.normalize() + 0, "f")


def _label_values(column: str, step: Step, values: Iterable[Any]) -> list[str]:
    return [label for label in _label_all(column, step, values) if label is not None]


def _label_all(column: str, step: Step, values: Iterable[Any]) -> list[str | None]:
    found: list[str | None] = []
    misfits: list[str] = []
    for value in values:
        try:
            found.append(None if _is_null(value) else step(value))
        except Misfit as reason:
            misfits.append(str(reason))
    if misfits:
        message = f"column {column!r}: {len(misfits)} distinct value(s) have no place in its hierarchy: {misfits[0]}"
        raise RecipeError(message, problems=(Problem("no_place_in_hierarchy", message, column=column),))
    return found


def _is_null(value: Any) -> bool:
    """Null in Python's and in pandas' spellings; NaN is none of them."""
    return value is None or value is pd.NA or value is pd.NaT


def _refuse_not_finite(column: str, values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, (float, Decimal)) and not Decimal(value).is_finite():
            raise InputError(f"column {column!r} holds numbers that are not finite (NaN or infinity): clean them first")


def _steps(hierarchy: Hierarchy | None) -> tuple[Step, ...]:
    match hierarchy:
        case IntervalHierarchy(intervals=widths, origin=origin):
            return tuple(_interval(width, origin) for width in widths)
        case DateHierarchy(dates=levels):
            return tuple(_date(level, by_week="week" in levels[: i + 1]) for i, level in enumerate(levels))
        case PrefixHierarchy(prefix=lengths):
            return tuple(_prefix(length) for length in lengths)
        case H3Hierarchy(h3=resolutions):
            return tuple(_cell(resolution) for resolution in resolutions)
    return ()


# --- numbers -----------------------------------------------------------------------------------------------------


def _interval(width: Decimal, origin: Decimal) -> Step:
    """``[a, b)`` with a = origin + n·width: exact, in decimals, so that no bound is a rounded value of a person."""

    def step(value: Any) -> str:
        with localcontext(prec=100):
            lower = origin + ((_number(value) - origin) / width).to_integral_value(ROUND_FLOOR) * width
            return f"[{_plain(lower)}, {_plain(lower + width)})"

    return step


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise Misfit("intervals need a column of numbers")
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


# --- dates -------------------------------------------------------------------------------------------------------


def _date(level: DateLevel, *, by_week: bool) -> Step:
    """A calendar label. ``by_week``: the date counts as its ISO week's Thursday, so that whole weeks nest."""

    def step(value: Any) -> str:
        day = _day(value)
        return _CALENDAR[level](_thursday(day) if by_week else day)

    return step


def _day(value: Any) -> dt.date:
    """The date of a value; of a time stamp with a zone, the date on the clock that it was read with (UTC)."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, dt.date):
        return value
    raise Misfit("date levels need a column of dates or time stamps")


def _thursday(day: dt.date) -> dt.date:
    # by ordinals: the last days of the year 9999 lie in a week whose Thursday no date can hold
    return dt.date.fromordinal(min(day.toordinal() + 4 - day.isoweekday(), dt.date.max.toordinal()))


def _week(day: dt.date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


_CALENDAR: dict[DateLevel, Callable[[dt.date], str]] = {
    "day": lambda day: day.isoformat(),
    "week": _week,
    "month": lambda day: f"{day.year:04d}-{day.month:02d}",
    "quarter": lambda day: f"{day.year:04d}-Q{(day.month + 2) // 3}",
    "year": lambda day: f"{day.year:04d}",
}


# --- codes and cells ---------------------------------------------------------------------------------------------


def _prefix(length: int) -> Step:
    def step(value: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise Misfit("prefixes need a column of codes (text or whole numbers)")
        return str(value)[:length]

    return step


def _cell(resolution: int) -> Step:
    def step(value: Any) -> str:
        if not isinstance(value, str) or not h3.is_valid_cell(value):
            raise Misfit("not an H3 cell written as text")
        if h3.get_resolution(value) < resolution:
            raise Misfit(f"an H3 cell coarser than resolution {resolution}")
        return str(h3.cell_to_parent(value, resolution))

    return step


# --- files -------------------------------------------------------------------------------------------------------


def _from_file(column: str, hierarchy: FileHierarchy, present: list[Any], folder: Path | None) -> Ladder:
    paths = hierarchy_files.read(hierarchy.file, folder)
    path_of = _finder(_by_key(column, paths, {type(value) for value in present} or {str}), paths.file)
    _label_values(column, lambda value: ";".join(path_of(value)), present)  # every value has a path
    steps = tuple(_at(level, path_of) for level in range(paths.depth))
    labels = tuple(tuple(path[level] for path in paths.steps.values()) for level in range(paths.depth))
    return Ladder(column, steps, labels, len(paths.steps))


def _by_key(column: str, paths: Paths, kinds: set[type]) -> dict[Hashable, tuple[str, ...]]:
    """The path of each leaf, under what the column's values are looked up by."""
    by_key: dict[Hashable, tuple[str, ...]] = {}
    for leaf, path in paths.steps.items():
        for key in {_leaf_key(leaf, kind) for kind in kinds} - {None}:
            if by_key.setdefault(key, path) is not path:
                raise RecipeError(f"hierarchy file {paths.file}: two leaves of column {column!r} are one number or date")
    return by_key


def _finder(by_key: dict[Hashable, tuple[str, ...]], file: str) -> Callable[[Any], tuple[str, ...]]:
    def path_of(value: Any) -> tuple[str, ...]:
        path = by_key.get(_value_key(value))
        if path is None:
            raise Misfit(f"{file} has no line for them")
        return path

    return path_of


def _at(level: int, path_of: Callable[[Any], tuple[str, ...]]) -> Step:
    return lambda value: path_of(value)[level]


def _value_key(value: Any) -> Hashable:
    """What a value is looked up by: numbers as exact decimals (1.50 is 1.5), everything else as its text."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return _number(value)
    return as_text(value)


def _leaf_key(leaf: str, kind: type) -> Hashable:
    """What a leaf of a file is found by, when the column holds values of a type; ``None``: it cannot be such a value."""
    if issubclass(kind, bool):
        return leaf.lower()
    try:
        if issubclass(kind, (int, float, Decimal)):
            number = Decimal(leaf)
            return number if number.is_finite() else None
        if issubclass(kind, dt.datetime):
            return dt.datetime.fromisoformat(leaf).isoformat()
    except (ValueError, ArithmeticError):
        return None
    return leaf
