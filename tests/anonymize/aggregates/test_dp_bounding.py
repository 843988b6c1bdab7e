"""Bounding and exact aggregation, against the slow oracle and by their own promises."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymize import randomness
from anonymize.aggregates import bounding
from anonymize.aggregates.bounding import Bounded, aggregate, bound
from anonymize.aggregates.rows import Shaped
from anonymize.errors import AnonymizeError
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.oracles import dp_table as oracle
from tests.chances import as_often, chance_of_passing


@pytest.fixture(scope="module", params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


@pytest.fixture(scope="module")
def duck():
    with DuckEngine() as made:
        yield made


def _shaped(engine, rows: list[oracle.Row]) -> Shaped:
    columns = {
        "p": pa.array([row.person for row in rows], pa.string()),
        "g0": pa.array([row.cell[0] for row in rows], pa.string()),
        "g1": pa.array([row.cell[1] for row in rows], pa.int64()),
        "u0": pa.array([row.units[0] for row in rows], pa.int64()),
    }
    frame = engine.from_pandas(pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype))
    return Shaped(frame, ("p",), ("g0", "g1"), ("u0",), len(rows), 0, (0,))


def _bounded(engine, rows: list[oracle.Row], max_cells: int, max_rows: int) -> Bounded:
    return bound(engine, _shaped(engine, rows), max_cells=max_cells, max_rows=max_rows)


def _cells(engine, bounded: Bounded) -> oracle.Cells:
    found = aggregate(engine, bounded)
    return {(r.g0, r.g1): (r.persons, r.rows, r.u0) for r in found.itertuples(index=False)}


def _contributions(engine, bounded: Bounded) -> dict[tuple[str, str, int], tuple[int, int]]:
    found = engine.collect(bounded.frame)
    return {(r.p, r.g0, r.g1): (r.n, r.u0) for r in found.itertuples(index=False)}


worlds = st.lists(
    st.builds(
        oracle.Row,
        person=st.sampled_from(["ann", "bo", "chi", "dee"]),
        cell=st.tuples(st.sampled_from(["x", "y"]), st.integers(1, 3)),
        units=st.tuples(st.integers(-50, 100)),
    ),
    max_size=40,
)
in_small = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@in_small
@given(rows=worlds)
def test_where_no_limit_binds_the_cells_are_the_oracles(engine, rows):
    assert _cells(engine, _bounded(engine, rows, 6, 40)) == oracle.aggregate(rows)


@in_small
@given(rows=worlds, max_cells=st.integers(1, 4), max_rows=st.integers(1, 4))
def test_each_person_keeps_as_much_as_allowed_and_only_what_was_there(engine, rows, max_cells, max_rows):
    bounded = _bounded(engine, rows, max_cells, max_rows)
    kept = _contributions(engine, bounded)
    expected = oracle.aggregate(
        oracle.bound(rows, max_cells=max_cells, max_rows=max_rows, chance=random.Random(0))
    )
    assert sum(n for n, _ in kept.values()) == bounded.rows_after
    assert len(kept) == bounded.person_cells_after == sum(persons for persons, *_ in expected.values())
    for (person, *cell), (n, units) in kept.items():
        theirs = [row.units[0] for row in rows if row.person == person and row.cell == tuple(cell)]
        assert n == min(max_rows, len(theirs))
        assert units in {sum(some) for some in combinations(theirs, n)}
    for person, cells in Counter(person for person, *_ in kept).items():
        assert cells == min(max_cells, len({row.cell for row in rows if row.person == person}))


@settings(max_examples=30, deadline=None)
@given(rows=worlds, max_cells=st.integers(1, 4))
def test_one_person_more_moves_the_cells_by_no_more_than_the_plan_says(duck, rows, max_cells):
    """The same secret order in both worlds; the rows of a cell do not bind, so that orders can be the same."""
    with pytest.MonkeyPatch.context() as fixed:
        fixed.setattr(randomness, "_source", lambda n: b"s" * n)
        world = _cells(duck, _bounded(duck, rows, max_cells, 40))
        without = _cells(duck, _bounded(duck, [row for row in rows if row.person != "ann"], max_cells, 40))
    persons, n, units = oracle.distance(world, without) or (0, 0, 0)
    assert persons <= max_cells
    assert n <= max_cells * 40
    assert units <= max_cells * 40 * 100


@pytest.mark.draws
def test_every_pair_of_cells_is_kept_as_often_as_any_other(engine):
    people = 2_000
    rows = [oracle.Row(f"p{i}", ("x", cell), (0,)) for i in range(people) for cell in range(4)]
    kept = engine.collect(_bounded(engine, rows, 2, 1).frame)
    pairs = Counter(tuple(sorted(cells)) for cells in kept.groupby("p")["g1"].agg(list))
    assert _even(pairs, people, 6)


@pytest.mark.draws
def test_every_pair_of_rows_is_kept_as_often_as_any_other(engine):
    people = 2_000
    rows = [oracle.Row(f"p{i}", ("x", 1), (10**k,)) for i in range(people) for k in range(4)]
    assert _even(Counter(engine.collect(_bounded(engine, rows, 1, 2).frame)["u0"]), people, 6)


def test_the_first_rows_of_a_person_would_not_pass_as_random():
    assert not _even(Counter({(0, 1): 2_000}), 2_000, 6)
    twice_as_often = [2 / 7, *[1 / 7] * 5]
    assert chance_of_passing([1 / 6] * 6, twice_as_often, 2_000) < 1e-6


def _even(seen: Counter, draws: int, kinds: int) -> bool:
    """As even as chance leaves it, but for 10^-10."""
    return len(seen) <= kinds and as_often([*seen.values(), *[0] * (kinds - len(seen))], [1 / kinds] * kinds, draws)


@pytest.mark.draws
def test_persons_are_chosen_for_independently_of_each_other(duck):
    """Were one order of cells used for all, everyone would keep the same cells. One of four missing: 4·0.75^200, below 10^-24."""
    rows = [oracle.Row(f"p{i}", ("x", cell), (0,)) for i in range(200) for cell in range(4)]
    kept = duck.collect(_bounded(duck, rows, 1, 1).frame)
    assert len(set(kept["g1"])) == 4


@pytest.mark.draws
def test_a_second_bounding_chooses_anew(duck):
    """200 choices among four, twice the same by chance: 4^-200."""
    rows = [oracle.Row(f"p{i}", ("x", cell), (0,)) for i in range(200) for cell in range(4)]
    first, second = (_contributions(duck, _bounded(duck, rows, 1, 1)).keys() for _ in range(2))
    assert first != second


def test_the_choice_is_made_once_and_stays(engine):
    rows = [oracle.Row(f"p{i}", ("x", cell), (cell,)) for i in range(200) for cell in range(4)] * 2
    bounded = _bounded(engine, rows, 1, 1)
    assert _contributions(engine, bounded) == _contributions(engine, bounded)


@pytest.fixture(params=["duck", "duck on disk", "pandas"])
def parted(request, tmp_path):
    kinds = {"duck": DuckEngine, "duck on disk": lambda: DuckEngine(temp_directory=tmp_path), "pandas": PandasEngine}
    with kinds[request.param]() as made:
        yield made


def test_a_table_worked_through_in_parts_gives_the_same_cells(parted, monkeypatch):
    engine = parted
    rows = [oracle.Row(f"p{i}", ("x", i % 3), (i,)) for i in range(60)] * 2
    monkeypatch.setattr(bounding, "ROWS_A_PART", 17)
    cells, counts = bounding.bounded_cells(engine, _shaped(engine, rows), max_cells=4, max_rows=2)
    assert {(r.g0, r.g1): (r.persons, r.rows, r.u0) for r in cells.itertuples(index=False)} == oracle.aggregate(rows)
    assert (counts.persons, counts.rows_before, counts.rows_after, counts.person_cells_after) == (60, 120, 120, 60)


def test_parts_grow_where_they_would_be_too_many(duck, monkeypatch):
    asked = []
    monkeypatch.setattr(bounding, "ROWS_A_PART", 1)
    monkeypatch.setattr(bounding, "MOST_PARTS", 3)
    in_parts = DuckEngine.in_parts
    monkeypatch.setattr(DuckEngine, "in_parts", lambda engine, frame, column, parts: asked.append(parts) or in_parts(engine, frame, column, parts))
    rows = [oracle.Row(f"p{i}", ("x", i % 3), (i,)) for i in range(20)]
    cells, _ = bounding.bounded_cells(duck, _shaped(duck, rows), max_cells=4, max_rows=2)
    assert asked == [3]
    assert int(cells["persons"].sum()) == 20


def test_a_person_in_two_parts_would_be_counted_twice(duck, monkeypatch):
    """Plants the fault: parts of rows in place of parts of persons."""
    rows = [oracle.Row(f"p{i}", ("x", 1), (i,)) for i in range(60)] * 2
    monkeypatch.setattr(bounding, "ROWS_A_PART", 17)
    right = DuckEngine.part
    monkeypatch.setattr(DuckEngine, "part", lambda engine, frame, column, part, parts: right(engine, engine.with_row_number(frame, "r"), "r", part, parts).drop("r"))
    cells, _ = bounding.bounded_cells(duck, _shaped(duck, rows), max_cells=4, max_rows=2)
    assert int(cells["persons"].sum()) > 60


def test_sums_of_rows_that_are_not_kept_cannot_overflow(engine):
    rows = [oracle.Row("ann", ("x", 1), (2**61,))] * 9
    assert _cells(engine, _bounded(engine, rows, 1, 1)) == {("x", 1): (1, 1, 2**61)}


def test_a_cell_whose_sum_does_not_fit_is_an_error_and_no_wrapped_number(engine):
    rows = [oracle.Row(f"p{i}", ("x", 1), (2**61,)) for i in range(4)]
    bounded = _bounded(engine, rows, 1, 1)
    with pytest.raises((AnonymizeError, pa.ArrowException)):
        _cells(engine, bounded)


def test_no_rows_make_no_cells(engine):
    bounded = _bounded(engine, [], 2, 2)
    assert _cells(engine, bounded) == {}
    assert bounded.persons == bounded.rows_after == 0
