"""Quantiles of a DP table: what is counted, what it costs, what is refused; and whether a neighbour can be seen in its trees."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from anonymize.aggregates import bounding, leaves, noise, trees
from anonymize.aggregates import stage as staging
from anonymize.aggregates.noise import of_scale
from anonymize.aggregates.plan import plan
from anonymize.errors import RecipeError
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.aggregates.worlds import dp_stage, exact, release, table_of
from tests.anonymize.oracles.violation import violated

MEDIAN = {"name": "typical", "kind": "median", "column": "amount", "lower": 0, "upper": 3}
LARGE = MEDIAN | {"name": "large", "kind": "quantile", "quantile": "0.9"}
PEOPLE = {"name": "people", "kind": "persons"}
VISITS = {"name": "visits", "kind": "rows"}


def _row(who, amount, place="a"):
    return {"who": who, "place": place, "amount": None if amount is None else Decimal(amount)}


@pytest.fixture(params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


# --- what is counted ---------------------------------------------------------------------------------------------


@pytest.fixture
def quiet(monkeypatch):
    """No noise: what is left is exact, which only a test may see."""
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: values.copy())
    monkeypatch.setattr(noise, "add_truncated", lambda values, drawn, reach: values.copy())


@pytest.mark.parametrize("cells", ["public", "private"])
def test_the_quantile_of_the_rows_comes_out_in_its_own_unit(engine, quiet, cells):
    grid = {"lower": "-1", "upper": "4", "unit": "0.5"}
    amounts = ["-7", "0.2", "1.3", "1.3", "2.26", "9", None]
    stage = dp_stage(measures=[MEDIAN | grid, LARGE | grid], max_rows_per_cell=9, cells=cells, epsilon="30")
    released = release(engine, table_of([_row(f"p{i}", a) for i, a in enumerate(amounts * 30)]), stage)
    first = pa.Table.from_pandas(released.table).to_pylist()[0]
    # clamped, and in half units: -1, 0, 1.5, 1.5, 2.5, 4
    assert (first["typical"], first["large"]) == (Decimal("1.5"), Decimal("4.0"))
    assert first["typical_lower"] <= first["typical"] <= first["typical_upper"]
    described = {column["name"]: column for column in released.columns}
    assert described["large"]["type"] == "decimal"
    assert described["large"]["kind"] == "quantile"


def test_trees_are_counted_from_the_very_rows_that_the_other_measures_are(engine):
    """A person of many rows and cells: which are chosen differs from run to run, and is the same for all measures."""
    rows = table_of([_row(f"p{i % 5}", i % 4, "abc"[i % 3]) for i in range(120)])
    stage = dp_stage(measures=[VISITS, MEDIAN], max_cells_per_person=2, max_rows_per_cell=3, max_rows_per_person=5)
    planned = plan(stage)
    dims = staging.dimensions(stage, {"place": "text", "amount": "decimal", "who": "text"})
    shaped = staging.shape(engine, engine.from_pandas(rows), stage=stage, dimensions=dims, unit=("who",), ladders={})
    cells, bounded = bounding.bounded_cells(engine, shaped, max_cells=planned.max_cells, max_rows=planned.max_rows, in_all=planned.max_rows_in_all)
    found = staging.exact_cells(cells, stage, planned, dims, bounded.leaves)
    visits, nodes = found.values["visits", "rows"], found.values["typical", "nodes"]
    assert nodes.sum(axis=1).tolist() == (visits * planned.measures[1].tree.levels).tolist()
    assert bounded.rows_before == 120
    assert 0 < bounded.rows_after == visits.sum() <= 25


def test_parts_of_the_persons_and_rows_of_nobody_are_added_up(engine, monkeypatch):
    monkeypatch.setattr(bounding, "ROWS_A_PART", 10)
    rows = table_of([_row(f"p{i}", i % 4, "ab"[i % 2]) for i in range(40)] + [_row(None, 3, "c")] * 2)
    stage = dp_stage(measures=[MEDIAN])
    dims = staging.dimensions(stage, {"place": "text", "amount": "decimal", "who": "text"})
    shaped = staging.shape(engine, engine.from_pandas(rows), stage=stage, dimensions=dims, unit=("who",), ladders={}, nobodys=True)
    cells, bounded = bounding.bounded_cells(engine, shaped, max_cells=1, max_rows=1)
    counted = leaves.dense(cells, bounded.leaves["l0"], ["g0"], 4)
    assert counted.tolist() == [[10, 0, 10, 0], [0, 10, 0, 10], [0, 0, 0, 2]]


# --- what it costs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
@pytest.mark.parametrize("in_all", [None, 5])
def test_a_row_counts_once_in_each_level(kind, in_all):
    wide = MEDIAN | {"upper": 400}
    stage = dp_stage(measures=[wide], noise=kind, max_cells_per_person=7, max_rows_per_cell=3, max_rows_per_person=in_all)
    (quantity,) = plan(stage).measures
    levels = quantity.tree.levels
    assert levels > 1
    rows = 7 * 3 if in_all is None else 5
    assert quantity.sensitivity == levels * rows
    if kind == "laplace":
        assert quantity.sensitivity * quantity.noise.rate <= 1
    assert quantity.sensitivity_squared == 3 * levels * rows
    part = plan(stage).loss().parts[0]
    if in_all is None:
        assert (part.shift, part.count) == (3, 7 * levels)
    assert part.concentrated >= 0


def test_the_samplers_delta_is_that_of_as_many_draws_as_rows_can_touch():
    stage = dp_stage(measures=[MEDIAN], max_cells_per_person=7, max_rows_per_cell=3)
    (quantity,) = plan(stage).measures
    scale = quantity.sensitivity / quantity.epsilon
    assert quantity.delta == 7 * 3 * quantity.tree.levels * noise.draw_delta(scale, 3 / scale)


def test_quantiles_on_one_grid_are_paid_for_once_with_the_largest_weight():
    stage = dp_stage(measures=[MEDIAN, PEOPLE, LARGE | {"weight": "3"}, LARGE | {"name": "other", "upper": 4}], epsilon="1")
    shares = {(m.name, m.kind): m.epsilon for m in plan(stage).measures}
    assert shares == {("typical", "nodes"): Fraction(3, 5), ("people", "persons"): Fraction(1, 5), ("other", "nodes"): Fraction(1, 5)}


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"quantile": "0"}, "at least 0.000001"),
        ({"quantile": "1"}, "at most 0.999999"),
        ({"quantile": None}, "says which one"),
        ({"kind": "median"}, "says which one"),
        ({"kind": "sum"}, "says which one"),
        ({"column": None}, "bounds are never taken from the data"),
        ({"upper": 5000}, "raise unit"),
        ({"upper": "3.5"}, "whole multiples"),
    ],
)
def test_quantiles_that_cannot_be_are_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        dp_stage(measures=[LARGE | changes])


def test_more_counts_than_can_be_drawn_are_refused_before_any_is(engine):
    charged = []
    wide = MEDIAN | {"upper": 4096}
    places = [str(i) for i in range(2_500)]
    for cells in ("public", "private"):
        stage = dp_stage(group_by=[{"column": "place", "values": places}], measures=[wide], cells=cells)
        rows = table_of([_row(f"p{i}", 1, place) for i, place in enumerate(places)])
        with pytest.raises(RecipeError, match="raise unit"):
            release(engine, rows, stage, before_noise=charged.append)
    assert charged == []


# --- a neighbour -------------------------------------------------------------------------------------------------

COPIES = 6_000
ONE_CELL = dp_stage(group_by=[{"column": "place", "values": ["a"]}], measures=[MEDIAN], max_rows_per_cell=3)
OTHERS = [_row(f"p{i}", i % 4) for i in range(12)]
ONE_LEAF = [_row("x", 3)] * 8
ALL_LEAVES = [_row("x", amount) for amount in (1, 2, 3)]


@pytest.fixture
def two_levels(monkeypatch):
    """A small tree that is one: four leaves below two nodes."""
    monkeypatch.setattr(trees, "best_tree", lambda leaves, *, squared: trees.Tree(leaves, 2))


def _likelihood(stage, extra):
    """In both worlds, of many releases: the part of the log-likelihood ratio that tells of the person, in thousandths."""
    worlds = [exact(table_of(rows), stage).values["typical", "nodes"] for rows in (OTHERS + extra, OTHERS)]
    direction = np.sign(worlds[0] - worlds[1]) * (worlds[0] != worlds[1])
    found = []
    for nodes in worlds:
        copied = staging.ExactCells({"place": pa.array(["a"] * COPIES)}, {("typical", "nodes"): np.repeat(nodes, COPIES, axis=0)}, 1)
        drawn = staging.draw(copied, staging.plan(stage))[1]["typical", "nodes"]
        closer = np.abs(drawn - worlds[1]) - np.abs(drawn - worlds[0])  # what Laplace noise tells: how much nearer to which
        found.append((closer * np.abs(direction)).sum(axis=1))
    return found


def _accused(stage, extra):
    return violated(*_likelihood(stage, extra), epsilon=float(stage.epsilon), delta=float(stage.delta))


@pytest.mark.draws
@pytest.mark.parametrize("extra", [ONE_LEAF, ALL_LEAVES], ids=["in one leaf", "in several"])
@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_the_tree_is_innocent(two_levels, extra, kind):
    """Accused by chance once in 10^10 runs (tests/anonymize/oracles/violation.py)."""
    assert not _accused(ONE_CELL.model_copy(update={"noise": kind}), extra)


def test_levels_left_out_of_the_sensitivity_are_found(two_levels, monkeypatch):
    right = staging.plan

    def wrong(stage):
        planned = right(stage)
        small = tuple(replace(m, noise=of_scale(1 / m.noise.rate / m.tree.levels, m.noise.sampler)) for m in planned.measures)
        return replace(planned, measures=small)

    monkeypatch.setattr(staging, "plan", wrong)
    assert _accused(ONE_CELL, ONE_LEAF)


def test_rows_that_are_not_bounded_are_found(two_levels, monkeypatch):
    monkeypatch.setattr(bounding, "_choose_rows", lambda engine, shaped, key, most: (shaped.frame, 0))
    assert _accused(ONE_CELL, ONE_LEAF)


def test_noise_on_those_nodes_only_that_hold_rows_is_found(two_levels, monkeypatch):
    right = noise.add_noise
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: np.where(values == 0, 0, right(values, drawn)))
    few = [_row(f"p{i}", 0) for i in range(12)]
    monkeypatch.setitem(globals(), "OTHERS", few)
    assert _accused(ONE_CELL, ONE_LEAF)


def test_a_count_that_only_leaves_get_noise_for_is_found(two_levels, monkeypatch):
    right = noise.add_noise

    def leaves_only(values, drawn):
        wide = values.reshape(-1, 6)
        return np.concatenate([wide[:, :2], right(wide[:, 2:].ravel(), drawn).reshape(-1, 4)], axis=1).ravel()

    monkeypatch.setattr(noise, "add_noise", leaves_only)
    assert _accused(ONE_CELL, ONE_LEAF)


# --- what is foretold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_larger_cells_and_more_budget_are_foretold_shorter_intervals(engine, kind):
    wide = MEDIAN | {"upper": 100}
    rows = table_of([_row(f"{place}{i}", 20 + i % 60, place) for place, n in (("a", 5000), ("b", 400)) for i in range(n)])
    foretold = []
    for epsilon in ("1", "4"):
        stage = dp_stage(measures=[wide], noise=kind, epsilon=epsilon)
        (measure,) = release(engine, rows, stage).report_internal["forecast"]["measures"]
        foretold.append([figures["half_width"] for figures in measure["classes"][2:]])
    assert foretold[0][0] > foretold[0][1] > 0  # hundreds of people, thousands
    assert foretold[0][0] > foretold[1][0]
