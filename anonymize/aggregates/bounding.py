"""Contribution bounding, and the exact integers of each cell: the last thing done before noise.

Per person at random, with a fresh secret order: first at most ``max_rows`` rows in each cell, then at most
``max_cells`` cells. What is chosen for one person does not depend on any other, so that one person more changes at most
``max_cells`` cells, each by at most ``max_rows`` rows, and the sensitivities of :mod:`anonymize.aggregates.plan` hold.
Nothing may be merged or filtered afterwards (TRAPS.md 20).

Only persons and cells that exceed a limit are ever sorted: the rest goes through one hash aggregation.
"""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw
import pandas as pd

from anonymize.aggregates.rows import Shaped
from anonymize.tables.base import Frame, TableEngine


@dataclass(frozen=True)
class Bounded:
    """What persons contribute: one row a (person, cell) with its rows ``n`` and sums ``u0…`` (int64), within bounds.

    The counts are exact: internal.
    """

    frame: Frame
    groups: tuple[str, ...]
    amounts: tuple[str, ...]
    persons: int
    rows_before: int
    rows_after: int
    person_cells_before: int
    person_cells_after: int


def bound(engine: TableEngine, shaped: Shaped, *, max_cells: int, max_rows: int) -> Bounded:
    """(person, cell) → rows and sums, bounded. ``max_rows`` times the largest amount must stay below 2^62."""
    by_cell = engine.persist(_per_person_and_cell(shaped.frame, shaped, max_rows))
    rows_before, person_cells = _totals(engine, by_cell)
    by_cell = _bound_rows(engine, shaped, by_cell, max_rows)
    persons = engine.persist(by_cell.group_by("p").agg(nw.len().alias("cells")))
    bounded = _bound_cells(engine, by_cell, persons, shaped.groups, max_cells)
    rows_after, cells_after = _totals(engine, bounded)
    return Bounded(
        frame=bounded,
        groups=shaped.groups,
        amounts=shaped.amounts,
        persons=engine.rows(persons),
        rows_before=rows_before,
        rows_after=rows_after,
        person_cells_before=person_cells,
        person_cells_after=cells_after,
    )


def aggregate(engine: TableEngine, bounded: Bounded) -> pd.DataFrame:
    """Cell → ``persons``, ``rows`` and sums ``u0…``, exact int64, sorted by group: only for the eyes of the noise."""
    sums = (nw.col(amount).sum() for amount in bounded.amounts)
    cells = bounded.frame.group_by(*bounded.groups).agg(
        nw.len().alias("persons"), nw.col("n").sum().alias("rows"), *sums
    )
    integers = cells.with_columns(nw.col("persons", "rows", *bounded.amounts).cast(nw.Int64()))
    return engine.collect(integers).sort_values(list(bounded.groups), ignore_index=True)


def _per_person_and_cell(frame: Frame, shaped: Shaped, max_rows: int) -> Frame:
    """Sums only where the rows are within bounds: elsewhere they are not used, and could leave the integers."""
    sums = (nw.col(amount).sum() for amount in shaped.amounts)
    cells = frame.group_by("p", *shaped.groups).agg(nw.len().alias("n"), *sums)
    within = nw.col("n") <= max_rows
    return cells.select(
        "p",
        *shaped.groups,
        nw.col("n").cast(nw.Int64()),
        *(nw.when(within).then(nw.col(u)).otherwise(nw.lit(0)).cast(nw.Int64()).alias(u) for u in shaped.amounts),
    )


def _bound_rows(engine: TableEngine, shaped: Shaped, by_cell: Frame, max_rows: int) -> Frame:
    cell = ["p", *shaped.groups]
    full = by_cell.filter(nw.col("n") > max_rows).select(*cell)
    if not engine.rows(full):
        return by_cell
    numbered = engine.with_row_number(shaped.frame.join(full, on=cell, how="semi"), "row")
    ordered = engine.persist(engine.with_random_order(numbered, "order", ["row"]))
    chosen = ordered.filter(nw.col("order").rank("ordinal").over(*cell) <= max_rows)
    again = _per_person_and_cell(chosen.select(*cell, *shaped.amounts), shaped, max_rows)
    return engine.persist(nw.concat([by_cell.filter(nw.col("n") <= max_rows), again]))


def _bound_cells(
    engine: TableEngine, by_cell: Frame, persons: Frame, groups: tuple[str, ...], max_cells: int
) -> Frame:
    busy = persons.filter(nw.col("cells") > max_cells).select("p")
    if not engine.rows(busy):
        return by_cell
    theirs = engine.with_random_order(by_cell.join(busy, on="p", how="semi"), "order", ["p", *groups])
    columns = by_cell.collect_schema().names()
    ordered = engine.persist(theirs)
    chosen = ordered.filter(nw.col("order").rank("ordinal").over("p") <= max_cells).select(*columns)
    others = by_cell.join(busy, on="p", how="anti").select(*columns)
    return engine.persist(nw.concat([others, chosen]))


def _totals(engine: TableEngine, by_cell: Frame) -> tuple[int, int]:
    """Rows, and (person, cell) pairs."""
    totals = engine.collect(by_cell.select(nw.col("n").sum().alias("rows"), nw.len().alias("pairs"))).iloc[0]
    return (0 if pd.isna(totals["rows"]) else int(totals["rows"])), int(totals["pairs"])
