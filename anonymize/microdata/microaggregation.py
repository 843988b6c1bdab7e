"""Micro-aggregation: the values of a numeric column in sorted groups of persons, each replaced by its group's mean.

Only the distinct values and who has them come here; the means go back to the rows as a join. A mean counts every person
once for each value that they have, is computed exactly, and is rounded half even to the column's own scale (floats: to
the nearest). Null is a value of its own: it stays null, and must be carried by as many persons as any group.
Domingo-Ferrer & Mateo-Sanz, "Practical data-oriented microaggregation for statistical disclosure control", TKDE 2002.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa

from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.microdata.classes import combinations
from anonymize.microdata.encode import Names, one_zero
from anonymize.microdata.sorted_groups import Holders, optimal, scaled, spread
from anonymize.recipe import Microaggregate
from anonymize.tables.base import Frame, TableEngine, distinct


@dataclass(frozen=True)
class Averaged:
    """Rows with the columns micro-aggregated, and a line for the report a column."""

    frame: Frame
    report: list[dict[str, Any]]


def microaggregate(engine: TableEngine, frame: Frame, asked: Sequence[Microaggregate], person_key: str | None) -> Averaged:
    """Every value of the columns is afterwards carried by rows of at least ``group`` distinct persons (rows without a key).

    The grouping has the least sum of squares of all. The same rows give the same result, whatever their order. A report
    line has ``column``, ``group``, how many ``groups``, persons of the ``smallest``, and ``loss`` (SSE / SST, in [0, 1]).
    Raises :class:`RecipeError` for a column that is not numeric, :class:`InputError` for numbers that are not finite,
    :class:`PrivacyNotMet` where fewer persons than ``group`` have a value, or have null.
    """
    report = []
    for one in asked:
        frame, line = _column(engine, frame, one, person_key)
        report.append(line)
    return Averaged(engine.persist(frame) if asked else frame, report)


def _column(engine: TableEngine, frame: Frame, asked: Microaggregate, person_key: str | None) -> tuple[Frame, dict[str, Any]]:
    column, schema = asked.column, frame.collect_schema()
    if column not in schema or not schema[column].is_numeric():
        raise RecipeError(f"column {column!r} cannot be micro-aggregated: it must be a column of numbers")
    names = Names(schema.names())
    frame = one_zero(frame, [column])
    value, number, mean = names.of("value"), names.of("number"), names.of("mean")
    present = distinct(frame.select(nw.col(column).alias(value)).filter(~nw.col(value).is_null()))
    keys = engine.with_row_number(present, number)
    listed = engine.collect(keys)
    kind = pa.array(listed[value]).type
    found = sorted(zip(pa.array(listed[value]).to_pylist(), listed[number].to_list(), strict=True), key=lambda pair: _in_order(column, pair[0]))
    values = [value for value, _ in found]
    holders = _holders(engine, frame, keys, asked, person_key, names, [int(number) for _, number in found])
    line, means = _grouped(asked, values, holders, kind)
    table = pd.DataFrame({number: pd.array([number for _, number in found], dtype="int64[pyarrow]"), mean: _arrow(means, kind)})
    back = keys.join(engine.from_pandas(table), on=number, how="inner").drop(number)
    joined = frame.join(back, left_on=column, right_on=value, how="left")
    return joined.select(*(nw.col(mean if name == column else name).alias(name) for name in schema.names())), line


def _in_order(column: str, value: Any) -> Any:
    if not Decimal(value).is_finite():
        raise InputError(f"column {column!r} holds numbers that are not finite (NaN or infinity): clean them first")
    return value


def _holders(
    engine: TableEngine, frame: Frame, keys: Frame, asked: Microaggregate, person_key: str | None, names: Names, numbers: Sequence[int]
) -> Holders:
    """Who has each of the values that ``numbers`` name, in order. Refuses a null that stands out."""
    column, null = asked.column, 0  # row numbers begin at 1
    code, value, number = names.of("code"), names.of("value"), names.of("number")
    coded = frame.join(keys, left_on=column, right_on=value, how="left").with_columns(nw.col(number).fill_null(null).alias(code))
    table = combinations(engine, coded, [column], person_key, names)
    place = {number: i for i, number in enumerate(numbers)}
    at = np.array([place.get(int(found), -1) for found in table.codes[:, 0]], dtype=np.int64)  # (combination,) its value's place; null: -1
    settled = np.zeros(len(numbers), dtype=np.int64)
    settled[at[at >= 0]] = table.settled[at >= 0]
    visited = at[table.visit_combination]
    without = int(table.settled[at < 0].sum()) + int((visited < 0).sum())
    if 0 < without < asked.group:
        raise PrivacyNotMet(
            f"column {column!r}: fewer than {asked.group} persons have no value, so that the empty cells single them out; leave such rows out"
        )
    return Holders(settled, visited[visited >= 0], table.visitor[visited >= 0])


def _grouped(asked: Microaggregate, values: Sequence[Any], holders: Holders, kind: pa.DataType) -> tuple[dict[str, Any], list[Any]]:
    """The report's line, and the mean that takes each value's place."""
    exact = [_exact(value, kind) for value in values]
    if not values:
        return {"column": asked.column, "group": asked.group, "groups": 0, "smallest": 0, "loss": 0.0}, []
    try:
        ends = optimal(scaled(exact), holders, asked.group)
    except PrivacyNotMet as error:
        raise PrivacyNotMet(f"column {asked.column!r}: {error.message}") from None
    persons = holders.persons.tolist()
    means = [_mean(exact[a:b], persons[a:b], kind) for a, b in pairwise([0, *ends.tolist()])]
    line = {
        "column": asked.column,
        "group": asked.group,
        "groups": len(ends),
        "smallest": int(holders.distinct(ends).min()),
        "loss": spread(scaled(exact), holders.persons, ends),
    }
    return line, [mean for mean, size in zip(means, np.diff(ends, prepend=0), strict=True) for _ in range(size)]


def _exact(value: Any, kind: pa.DataType) -> int | float:
    """A decimal as a whole number of its smallest unit; others as they are."""
    return int(Fraction(value) * 10**kind.scale) if isinstance(value, Decimal) else value


def _mean(values: Sequence[int | float], persons: Sequence[int], kind: pa.DataType) -> Any:
    """Exact, then rounded once: half even to the column's scale, or to the nearest float."""
    ratios = [value.as_integer_ratio() for value in values]
    unit = max(below for _, below in ratios)  # each a power of two, so the largest is a multiple of all
    total = sum(above * (unit // below) * count for (above, below), count in zip(ratios, persons, strict=True))
    if pa.types.is_floating(kind):
        return total / (unit * sum(persons))
    whole = round(Fraction(total, sum(persons)))
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -kind.scale)) if pa.types.is_decimal(kind) else whole


def _arrow(means: Sequence[Any], kind: pa.DataType) -> pd.Series[Any]:
    column: pd.Series[Any] = pa.array(means, kind).to_pandas(types_mapper=pd.ArrowDtype)
    return column
