"""Contribution bounding, and the exact integers of each cell: the last thing done before noise.

Per person (or person and period, where that is the unit of privacy) at random, with a fresh secret order: first at most
``in_all`` rows, then at most ``max_cells`` cells, then at most ``max_rows`` rows in each of them. What is chosen for one
person does not depend on any other, so that one person more changes at most ``max_cells`` cells, each by at most
``max_rows`` rows, and the sensitivities of :mod:`anonymize.aggregates.plan` hold. All measures, those of a tree included,
are made of the same chosen rows. Nothing may be merged or filtered afterwards (TRAPS.md 20).

Rows are looked at again only in cells that exceed a limit; large tables are worked through in parts of the persons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import pandas as pd

from anonymize.aggregates import leaves
from anonymize.aggregates.rows import Shaped
from anonymize.errors import PrivacyNotMet
from anonymize.tables.base import Frame, TableEngine

ROWS_A_PART = 2_000_000  # rows that are bounded at once: some 200 MB, and quicker than more, since caches hold most of it
MOST_PARTS = 50  # each takes some 10 MB while they are written
_COUNTS = ("persons", "rows_before", "rows_after", "person_cells_before", "person_cells_after")


@dataclass(frozen=True)
class Bounded:
    """What units of privacy ("persons") contribute: one row a (person, cell) with its rows ``n`` and sums ``u0…`` (int64), within bounds.

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
    leaves: dict[str, pd.DataFrame] = field(default_factory=dict)  # (cell, leaf) → rows, of each tree


def bound(engine: TableEngine, shaped: Shaped, *, max_cells: int, max_rows: int, in_all: int | None = None) -> Bounded:
    """(person, cell) → rows and sums, bounded. ``max_rows`` times the largest amount must stay below 2^62."""
    if in_all is not None:
        few, rows = _choose_rows(engine, shaped, shaped.unit, in_all)
        done = bound(engine, replace(shaped, frame=few), max_cells=max_cells, max_rows=max_rows)
        if few is not shaped.frame:
            engine.forget(few)
        return replace(done, rows_before=rows)
    if shaped.leaves:
        return _with_leaves(engine, shaped, max_cells, max_rows)
    by_cell = engine.persist(_per_person_and_cell(engine, shaped.frame, shaped, max_rows))
    before = _totals(engine, by_cell, shaped.unit)
    chosen = by_cell if before.most_cells <= max_cells else _bound_cells(engine, by_cell, shaped, max_cells)
    bounded = chosen if before.most_rows <= max_rows else _bound_rows(engine, shaped, chosen, max_rows)
    rows_after, pairs_after = (before.rows, before.pairs) if bounded is by_cell else _rows_and_pairs(engine, bounded)
    for spent in (by_cell, chosen):
        if spent is not bounded:
            engine.forget(spent)
    return Bounded(
        frame=bounded,
        groups=shaped.groups,
        amounts=shaped.amounts,
        persons=before.persons,
        rows_before=before.rows,
        rows_after=rows_after,
        person_cells_before=before.pairs,
        person_cells_after=pairs_after,
    )


def _with_leaves(engine: TableEngine, shaped: Shaped, max_cells: int, max_rows: int) -> Bounded:
    """The rows of each cell are chosen first, once: they are counted in the trees of those cells that are chosen then."""
    pair = (*shaped.unit, *shaped.groups)
    few, rows = _choose_rows(engine, shaped, pair, max_rows)
    done = bound(engine, replace(shaped, frame=few, leaves=()), max_cells=max_cells, max_rows=max_rows)
    counted = leaves.count(engine, leaves.chosen(few, done.frame, pair), shaped.groups, shaped.leaves)
    if few is not shaped.frame:
        engine.forget(few)
    return replace(done, rows_before=rows, leaves=counted)


def bounded_cells(
    engine: TableEngine, shaped: Shaped, *, max_cells: int, max_rows: int, in_all: int | None = None
) -> tuple[pd.DataFrame, Bounded]:
    """The exact cells, and the counts of the bounding, a part of the persons at a time; with the rows that are nobody's.

    A person lies in one part only, so that cells and counts of the parts add up; memory stays that of one part. (The
    ``frame`` of what is returned is that of the last part.)
    """
    parts = min(max(1, -(-shaped.rows_in // ROWS_A_PART)), MOST_PARTS)
    cells: list[pd.DataFrame] = []
    total: Bounded | None = None
    for frame in engine.in_parts(shaped.frame, "p", parts) if parts > 1 else (shaped.frame,):
        mine = replace(shaped, frame=frame)
        bounded = bound(engine, mine, max_cells=max_cells, max_rows=max_rows, in_all=in_all)
        cells.append(aggregate(engine, bounded))
        engine.forget(bounded.frame)
        total = bounded if total is None else _added(total, bounded)
    if total is None:
        raise PrivacyNotMet("nothing was bounded, so nothing may be counted")
    if shaped.nobodys is not None:
        cells.append(_of_nobody(engine, shaped, shaped.nobodys))
        nobodys = leaves.count(engine, shaped.nobodys, shaped.groups, shaped.leaves)
        total = replace(total, leaves=leaves.together([total.leaves, nobodys]))
    return _merged(cells, shaped), total


def _of_nobody(engine: TableEngine, shaped: Shaped, rows: Frame) -> pd.DataFrame:
    """All of them count, and no person among them. Sums in 128 bits would be needed only beyond what the stage allows."""
    sums = (nw.col(amount).sum() for amount in shaped.amounts)
    cells = engine.widened(rows, shaped.amounts).group_by(*shaped.groups).agg(nw.len().alias("rows"), *sums)
    none = nw.lit(0).alias("persons")
    counted = cells.with_columns(none).select(*shaped.groups, nw.col("persons", "rows", *shaped.amounts).cast(nw.Int64()))
    return engine.collect(counted)


def _added(one: Bounded, other: Bounded) -> Bounded:
    counts = {name: getattr(one, name) + getattr(other, name) for name in _COUNTS}
    return replace(other, leaves=leaves.together([one.leaves, other.leaves]), **counts)


def _merged(cells: list[pd.DataFrame], shaped: Shaped) -> pd.DataFrame:
    if len(cells) == 1:
        return cells[0]
    together = pd.concat(cells, ignore_index=True).groupby(list(shaped.groups), sort=True, as_index=False).sum()
    return together.astype(dict.fromkeys(("persons", "rows", *shaped.amounts), "int64[pyarrow]"))


def aggregate(engine: TableEngine, bounded: Bounded) -> pd.DataFrame:
    """Cell → ``persons``, ``rows`` and sums ``u0…``, exact int64, sorted by group: only for the eyes of the noise."""
    sums = (nw.col(amount).sum() for amount in bounded.amounts)
    cells = engine.widened(bounded.frame, bounded.amounts).group_by(*bounded.groups).agg(
        nw.len().alias("persons"), nw.col("n").sum().alias("rows"), *sums
    )
    integers = cells.with_columns(nw.col("persons", "rows", *bounded.amounts).cast(nw.Int64()))
    return engine.collect(integers).sort_values(list(bounded.groups), ignore_index=True)


def _per_person_and_cell(engine: TableEngine, frame: Frame, shaped: Shaped, max_rows: int) -> Frame:
    """Sums only where the rows are within bounds: elsewhere they are not used, and could leave the integers."""
    sums = (nw.col(amount).sum() for amount in shaped.amounts)
    cells = engine.widened(frame, shaped.amounts).group_by(*shaped.unit, *shaped.groups).agg(nw.len().alias("n"), *sums)
    within = nw.col("n") <= max_rows
    return cells.select(
        *shaped.unit,
        *shaped.groups,
        nw.col("n").cast(nw.Int64()),
        *(nw.when(within).then(nw.col(u)).otherwise(nw.lit(0)).cast(nw.Int64()).alias(u) for u in shaped.amounts),
    )


def _bound_rows(engine: TableEngine, shaped: Shaped, by_cell: Frame, max_rows: int) -> Frame:
    """At most so many rows in each of the cells that are left."""
    cell = [*shaped.unit, *shaped.groups]
    few = nw.col("n") <= max_rows
    numbered = _numbered(engine, shaped.frame, by_cell.filter(~few).select(*cell))
    ordered = engine.with_scattered_order(numbered, "order", ["row"])
    chosen = engine.smallest_of_each(ordered, "order", max_rows, cell)
    again = _per_person_and_cell(engine, chosen.select(*cell, *shaped.amounts), shaped, max_rows)
    kept = engine.persist(nw.concat([by_cell.filter(few), again]))
    engine.forget(numbered)
    return kept


def _choose_rows(engine: TableEngine, shaped: Shaped, of: Sequence[str], most: int) -> tuple[Frame, int]:
    """At most so many rows of each person, or of each person's cell, whose columns are ``of``; and how many there were."""
    key = list(of)
    each = engine.persist(shaped.frame.group_by(*key).agg(nw.len().alias("n")))
    found = engine.collect(each.select(nw.col("n").sum().alias("rows"), nw.col("n").max().alias("most"))).iloc[0]
    rows = _integer(found["rows"])
    if _integer(found["most"]) <= most:
        engine.forget(each)
        return shaped.frame, rows
    columns = shaped.frame.collect_schema().names()
    few = nw.col("n") <= most
    numbered = _numbered(engine, shaped.frame, each.filter(~few).select(*key))
    ordered = engine.with_scattered_order(numbered, "order", ["row"])
    chosen = engine.smallest_of_each(ordered, "order", most, key)
    others = shaped.frame.join(each.filter(few).select(*key), on=key, how="semi")
    kept = engine.persist(nw.concat([others.select(*columns), chosen.select(*columns)]))
    for spent in (each, numbered):
        engine.forget(spent)
    return kept, rows


def _numbered(engine: TableEngine, rows: Frame, those: Frame) -> Frame:
    """The rows that lie in ``those``, with a number each, which is given once."""
    return engine.with_row_number(rows.join(those, on=those.collect_schema().names(), how="semi"), "row")


def _bound_cells(engine: TableEngine, by_cell: Frame, shaped: Shaped, max_cells: int) -> Frame:
    columns = by_cell.collect_schema().names()
    ordered = engine.with_scattered_order(by_cell, "order", [*shaped.unit, *shaped.groups])
    return engine.persist(engine.smallest_of_each(ordered, "order", max_cells, shaped.unit).select(*columns))


@dataclass(frozen=True)
class _Totals:
    persons: int
    rows: int
    pairs: int  # of a person and a cell
    most_cells: int  # of one person
    most_rows: int  # in one pair


def _totals(engine: TableEngine, by_cell: Frame, unit: tuple[str, ...]) -> _Totals:
    each = by_cell.group_by(*unit).agg(nw.len().alias("cells"), nw.col("n").sum().alias("rows"), nw.col("n").max().alias("most"))
    found = engine.collect(
        each.select(
            nw.len().alias("persons"),
            nw.col("rows").sum(),
            nw.col("cells").sum().alias("pairs"),
            nw.col("cells").max().alias("most_cells"),
            nw.col("most").max().alias("most_rows"),
        )
    )
    return _Totals(**{str(name): _integer(total) for name, total in found.iloc[0].items()})


def _rows_and_pairs(engine: TableEngine, by_cell: Frame) -> tuple[int, int]:
    found = engine.collect(by_cell.select(nw.col("n").sum().alias("rows"), nw.len().alias("pairs"))).iloc[0]
    return _integer(found["rows"]), _integer(found["pairs"])


def _integer(total: Any) -> int:
    """Of no rows at all, a sum or a maximum is null."""
    return 0 if pd.isna(total) else int(total)
