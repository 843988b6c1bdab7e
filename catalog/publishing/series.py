"""What a release shows at a glance: one series of numbers, chosen from its columns, with its interval where it is noisy.

A table of aggregates gives a measure over time, or over the categories of one dimension; rows about people or things
give how many there are of each value of one column. The picture and the table under it are made of the same points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from anonymize.aggregates.bins import labels
from catalog.publishing.query.noise import interval
from catalog.publishing.query.schema import NOT_ADDED

MOST_CATEGORIES: Final = 30
MOST_TIMES: Final = 400
COUNTED_TYPES: Final = ("text", "boolean", "integer", "date")
TIME_TYPES: Final = ("date", "timestamp", "timestamptz")
CYCLES: Final = ("hour_of_day", "day_of_week")
DIMENSION_ROLES: Final = ("group", "dimension")
WHOLE: Final = "all"  # the level of a dimension that a total does not tell apart
_DATE_TEXT: Final = re.compile(r"\d{4}(-\d{2}){0,2}")
PREFERENCE: Final = {"sum": 0, "rows": 1, "persons": 2}  # which measure adds up best over the other dimensions
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """One number. ``lower`` and ``upper`` are the ends of its 95 % interval, None where it is exact."""

    label: str
    value: float
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """``kind``: time, cycle or category; ``cycle``: its bucket. ``summed``: whether cells were added up to get here. ``left_out``: categories not shown."""

    kind: str
    dimension: str
    measure: str
    points: tuple[Point, ...]
    cycle: str = ""
    summed: bool = False
    persons: bool = False
    left_out: int = 0

    @property
    def noisy(self) -> bool:
        return any(point.lower is not None for point in self.points)


def series_of(path: Path, columns: Sequence[dict[str, Any]], guarantee: str) -> Series | None:
    """The series to show of a published file; None when nothing of it makes a picture."""
    found = _of_table(path, columns) if guarantee == "differential_privacy" else _of_rows(path, columns)
    return found if found is not None and len(found.points) >= 2 else None


# --- a table of aggregates ---------------------------------------------------------------------------------------


def _of_table(path: Path, columns: Sequence[dict[str, Any]]) -> Series | None:
    dimensions = [c for c in columns if c.get("role") in DIMENSION_ROLES]
    measures = [c for c in columns if c.get("role") == "measure"]
    if not dimensions or not measures:
        return None
    summed = len(dimensions) > 1
    if summed and any(c.get("role") == "rank" for c in columns):
        return None  # what was not among the largest would be missing from every sum
    if summed:
        measures = [c for c in measures if c.get("kind") not in NOT_ADDED]  # these do not add up over cells
    if not measures:
        return None
    measure = min(measures, key=lambda c: PREFERENCE.get(c.get("kind", ""), 3)) if summed else measures[0]
    names = {c["name"] for c in columns}
    ends = [f"{measure['name']}_{end}" for end in ("lower", "upper")]
    ends = ends if set(ends) <= names else []
    levels = [c["name"] for c in columns if c.get("role") == "level"]
    whole = pq.read_table(path, columns=[*(d["name"] for d in dimensions), *levels, measure["name"], *ends])
    table = finest(whole, columns)
    dimension = _best(table, dimensions)
    if dimension is None or not table.num_rows:
        return None
    if summed and (totals := totals_of(whole, dimension, columns)) is not None:
        table, summed = totals, False
    points = added(table, dimension["name"], measure["name"], ends)
    return _shaped(points, dimension, measure["name"], summed=summed, persons=measure.get("kind") == "persons" or "persons" in measure["name"])


def finest(table: pa.Table, columns: Sequence[dict[str, Any]]) -> pa.Table:
    """The rows that are no totals."""
    return _at(table, {c["name"]: c["finest"] for c in columns if c.get("role") == "level"})


def _at(table: pa.Table, levels: Mapping[str, str]) -> pa.Table:
    """The rows that are as coarse as told; a table with totals holds the same people several times."""
    for name, level in levels.items():
        table = table.filter(pc.equal(table[name], level))
    return table


def totals_of(table: pa.Table, dimension: dict[str, Any], columns: Sequence[dict[str, Any]]) -> pa.Table | None:
    """The published totals of one dimension over all others, where there are any: more exact than sums of cells."""
    levels = {c["dimension"]: c for c in columns if c.get("role") == "level"}
    others = [c["name"] for c in columns if c.get("role") in DIMENSION_ROLES and c["name"] != dimension["name"]]
    if not others or not all(name in levels for name in others):
        return None
    rows = _at(table, {c["name"]: WHOLE if name in others else c["finest"] for name, c in levels.items()})
    return rows if rows.num_rows else None


def _best(table: pa.Table, dimensions: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Time first; among categories, the one with the fewest values, but more than one."""
    sizes = {d["name"]: pc.count_distinct(table[d["name"]]).as_py() for d in dimensions}
    usable = [d for d in dimensions if sizes[d["name"]] > 1]
    times = [d for d in usable if is_time(table, d) and sizes[d["name"]] <= MOST_TIMES]
    if times:
        return times[0]
    return min(usable, key=lambda d: sizes[d["name"]], default=None)


def is_time(table: pa.Table, dimension: dict[str, Any]) -> bool:
    if dimension.get("type") in TIME_TYPES or dimension.get("bucket") in CYCLES:
        return True
    column = table[dimension["name"]]
    first = column[0].as_py() if len(column) else None
    return isinstance(first, str) and "_" in dimension["name"] and _DATE_TEXT.fullmatch(first) is not None


def added(table: pa.Table, dimension: str, measure: str, ends: Sequence[str]) -> list[Point]:
    """The measure added up by the dimension, with the interval of the sum (see query/noise.py)."""
    keys, codes = _coded(table[dimension])
    value = _floats(table[measure])
    totals: _Floats = np.bincount(codes, weights=value, minlength=len(keys)).astype(np.float64)
    if not ends:
        return [Point(key, float(total)) for key, total in zip(keys, totals, strict=True)]
    low, high = (_floats(table[end]) for end in ends)
    half = np.zeros(len(keys))
    np.maximum.at(half, codes, high - value)
    cells = np.bincount(codes, minlength=len(keys)).astype(np.float64)
    touches = ((low == 0) & (value - low <= high - value)).astype(np.float64)
    raised = np.where(cells > 1, np.bincount(codes, weights=touches, minlength=len(keys)), 0.0)
    lower, upper = interval(totals, half, cells, raised)
    alone = cells == 1
    lower[alone] = np.bincount(codes, weights=low, minlength=len(keys))[alone]
    return [Point(*row) for row in zip(keys, totals.tolist(), lower.tolist(), upper.tolist(), strict=True)]


def _coded(column: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int64]]:
    encoded = pc.dictionary_encode(column.combine_chunks(), null_encoding="encode")
    labels = [_label(value) for value in encoded.dictionary.to_pylist()]
    return labels, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _label(value: Any) -> str:
    return "–" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _floats(column: pa.ChunkedArray) -> _Floats:
    found: _Floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.nan_to_num(found)


# --- rows --------------------------------------------------------------------------------------------------------


def _of_rows(path: Path, columns: Sequence[dict[str, Any]]) -> Series | None:
    """How many rows there are of each value of the first column that has a handful of values."""
    order = {"quasi_identifier": 0, "place": 1, "plain": 2}
    candidates = [c for c in columns if c.get("role") in order and c.get("type") in COUNTED_TYPES]
    for column in sorted(candidates, key=lambda c: order[c["role"]])[:12]:
        counted = pq.read_table(path, columns=[column["name"]])[column["name"]].value_counts()
        if 2 <= len(counted) <= MOST_CATEGORIES:
            pairs = sorted(((_label(e["values"]), e["counts"]) for e in counted.to_pylist()), key=lambda pair: natural(pair[0]))
            return Series("category", column.get("title") or column["name"], "rows", tuple(Point(label, n) for label, n in pairs))
    return None


# --- shape -------------------------------------------------------------------------------------------------------


def natural(label: str) -> tuple[Any, ...]:
    """Sorts ``[5, 10)`` before ``[10, 15)`` and ``*`` last."""
    parts = re.split(r"(-?\d+(?:\.\d+)?)", label)
    return (label == "*", [(0, float(p), "") if i % 2 else (1, 0.0, p) for i, p in enumerate(parts) if p])


def _shaped(points: list[Point], dimension: dict[str, Any], measure: str, *, summed: bool, persons: bool) -> Series:
    title, bucket = dimension.get("title") or dimension["name"], dimension.get("bucket", "")
    if bucket in CYCLES:
        ordered = sorted(points, key=lambda p: natural(p.label))
        return Series("cycle", title, measure, tuple(ordered), cycle=bucket, summed=summed, persons=persons)
    if all(re.match(r"\d{4}(-\d{2}|$)", point.label) for point in points):
        return Series("time", title, measure, tuple(sorted(points, key=lambda p: p.label)), cycle=bucket, summed=summed, persons=persons)
    if dimension.get("bins") and len(points) <= MOST_CATEGORIES:
        place = {label: i for i, label in enumerate(labels([Decimal(edge) for edge in dimension["bins"]]))}
        return Series("category", title, measure, tuple(sorted(points, key=lambda p: place[p.label])), summed=summed, persons=persons)
    largest = sorted(points, key=lambda p: -p.value)
    left_out = max(0, len(points) - MOST_CATEGORIES)
    return Series("category", title, measure, tuple(largest[:MOST_CATEGORIES]), summed=summed, persons=persons, left_out=left_out)
