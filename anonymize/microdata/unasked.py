"""Ladders of quasi-identifiers for which the recipe gives none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

import narwhals as nw
import pandas as pd

from anonymize.columns import hierarchy_counts
from anonymize.recipe import DateHierarchy, Hierarchy, IntervalHierarchy, KAnonymity
from anonymize.tables.base import Frame, TableEngine

ROUND_WIDTHS = tuple(Decimal(f"{digit}e{power}") for power in range(10) for digit in (1, 5))  # 1, 5, 10 … 5·10⁹


def counted(
    quasi_identifiers: Mapping[str, Hierarchy | None], stage: KAnonymity, text: Collection[str]
) -> dict[str, Hierarchy | None]:
    """Text without a hierarchy gets one from counts; a fixed scheme is left alone, since counts look at the data, and so is
    one beside a population, of whose other values the data know nothing. ``text``: the columns that hold text.
    """
    if stage.method == "fixed" or stage.population_models:
        return dict(quasi_identifiers)
    return {
        column: hierarchy_counts.unasked(stage.k) if hierarchy is None and column in text else hierarchy
        for column, hierarchy in quasi_identifiers.items()
    }


def with_ladders(
    engine: TableEngine, frame: Frame, quasi_identifiers: Mapping[str, Hierarchy | None], stage: KAnonymity
) -> dict[str, Hierarchy | None]:
    """Text gets ladders from counts (:func:`counted`); local recoding splits ordered columns without a hierarchy into
    intervals of round numbers or calendar periods.
    """
    schema = frame.collect_schema()
    given = counted(quasi_identifiers, stage, [column for column in quasi_identifiers if schema[column] == nw.String()])
    if stage.method != "local_recoding":
        return given
    for column in [column for column, hierarchy in given.items() if hierarchy is None]:
        if schema[column].is_numeric():
            given[column] = _round_intervals(engine, frame, column, whole=schema[column].is_integer())
        elif schema[column] == nw.Date():
            given[column] = DateHierarchy(dates=("month", "quarter", "year"))
        elif isinstance(schema[column], nw.Datetime):
            given[column] = DateHierarchy(dates=("day", "month", "quarter", "year"))
    return given


def _round_intervals(engine: TableEngine, frame: Frame, column: str, *, whole: bool) -> IntervalHierarchy | None:
    """Widths 1, 5, 10, 50 … from 0; the data only say after which power of ten wider ones would change nothing."""
    largest = nw.col(column).cast(nw.Float64()).abs()
    found = engine.collect(frame.select(largest.max().alias(column)))[column].iloc[0]
    reach = 1e15 if pd.isna(found) or not float(found) < 1e15 else float(found)
    widths = [width for width in ROUND_WIDTHS if width / 10 <= reach][1 if whole else 0 :]
    return IntervalHierarchy(intervals=tuple(widths)) if widths else None
