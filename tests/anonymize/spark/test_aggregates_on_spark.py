"""Differentially private tables, bounded and counted on Spark."""

from __future__ import annotations

from anonymize.aggregates import bounding
from tests.anonymize.aggregates.test_dp_bounding import (  # noqa: F401 - asked of this folder's engine
    _shaped,
    test_every_pair_of_cells_is_kept_as_often_as_any_other,
    test_every_pair_of_rows_is_kept_as_often_as_any_other,
    test_no_rows_make_no_cells,
    test_the_choice_is_made_once_and_stays,
)
from tests.anonymize.oracles import dp_table as oracle


def test_a_table_worked_through_in_two_parts_gives_the_same_cells(engine, monkeypatch):
    rows = [oracle.Row(f"p{i}", ("x", i % 3), (i,)) for i in range(60)] * 2
    monkeypatch.setattr(bounding, "ROWS_A_PART", 60)
    cells, counts = bounding.bounded_cells(engine, _shaped(engine, rows), max_cells=4, max_rows=2)
    assert {(r.g0, r.g1): (r.persons, r.rows, r.u0) for r in cells.itertuples(index=False)} == oracle.aggregate(rows)
    assert (counts.persons, counts.rows_before, counts.rows_after, counts.person_cells_after) == (60, 120, 120, 60)
