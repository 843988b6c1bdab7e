"""Tables of the largest: who stays, in which order, and intervals that are honest although the largest were looked for."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from anonymize.aggregates import noise, output, top
from anonymize.aggregates.noise import of_scale
from anonymize.aggregates.plan import plan
from anonymize.tables import DuckEngine
from tests.anonymize.aggregates.test_trees import draws
from tests.anonymize.aggregates.worlds import dp_stage, release, table_of

PEOPLE = {"name": "people", "kind": "persons"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 50}
TOP = {"dimension": "place", "measure": "people", "limit": 2}


@pytest.fixture
def engine():
    with DuckEngine(threads=1) as made:
        yield made


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: values.copy())
    monkeypatch.setattr(noise, "add_truncated", lambda values, drawn, reach: values.copy())


def _world(counts):
    rows = [{"who": f"{place}{band}{i}", "place": place, "amount": Decimal(band)} for (place, band), n in counts.items() for i in range(n)]
    return table_of(rows)


COUNTS = {("a", 1): 50, ("b", 1): 60, ("c", 1): 50, ("a", 20): 9, ("b", 20): 8, ("c", 20): 90}
GROUPS = [{"column": "place", "values": ["a", "b", "c"]}, {"column": "amount", "bins": ["10"]}]


def test_the_largest_of_each_group_stay_from_large_to_small_and_equal_ones_in_the_order_of_the_table(engine, quiet):
    released = release(engine, _world(COUNTS), dp_stage(group_by=GROUPS, measures=[PEOPLE, SPEND], top=TOP))
    shown = released.table[["place", "amount", "rank", "people"]].to_numpy().tolist()
    assert shown == [["b", "<10", 1, 60], ["a", "<10", 2, 50], ["c", "≥10", 1, 90], ["a", "≥10", 2, 9]]
    assert list(released.table.columns)[:4] == ["place", "amount", "rank", "people"]
    assert [column["name"] for column in released.columns] == list(released.table.columns)
    assert {"name": "rank", "type": "integer", "role": "rank", "measure": "people"} in released.columns
    assert released.report_public["cells_published"] == 4
    assert any("2 largest by people" in note for note in released.report_public["notes"])


def test_only_the_measure_that_chose_has_wider_intervals(engine, quiet):
    plain = dp_stage(group_by=GROUPS, measures=[PEOPLE, SPEND], max_cells_per_person=2)
    wide = release(engine, _world(COUNTS), plain.model_copy(update={"top": dp_stage(top=TOP).top}))
    row = wide.table.iloc[0]
    quantities = {q.name: q for q in plan(plain).measures}
    assert row["people_upper"] - row["people"] == quantities["people"].noise.within(0.05 / 3) > quantities["people"].half_width
    assert row["spend_upper"] - row["spend"] == quantities["spend"].half_width
    described = {column["name"]: column for column in wide.columns}
    assert "half_width" not in described["people"]
    assert "half_width" in described["spend"]


def test_private_cells_choose_among_those_that_appear(engine, quiet):
    stage = dp_stage(group_by=[{"column": "amount", "bins": ["10"]}, {"column": "place"}], cells="private", epsilon="3", top=TOP)
    table = release(engine, _world(COUNTS), stage).table
    assert table[["amount", "place", "rank"]].to_numpy().tolist() == [["<10", "b", 1], ["<10", "a", 2], ["≥10", "c", 1], ["≥10", "a", 2]]
    assert (table["people_lower"] <= table["people"]).all()


def test_a_table_of_one_dimension_or_of_nothing_has_its_largest_too(engine, quiet):
    one = dp_stage(top=TOP | {"limit": 1})
    assert release(engine, _world(COUNTS), one).table["place"].tolist() == ["c"]
    none = dp_stage(group_by=[{"column": "place"}], cells="private", top=TOP)
    table = release(engine, table_of([]), none).table
    assert len(table) == 0
    assert "rank" in table.columns


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dimension": "people"}, "no column that is grouped by"),
        ({"measure": "other"}, "no measure of persons"),
        ({"measure": "typical"}, "no measure of persons"),
        ({"limit": 0}, "greater than or equal to 1"),
    ],
)
def test_a_top_of_nothing_is_refused(changes, said):
    mean = {"name": "typical", "kind": "mean", "column": "amount", "lower": 0, "upper": 9}
    with pytest.raises(ValidationError, match=said):
        dp_stage(measures=[PEOPLE, mean], top=TOP | changes)


def test_a_column_called_rank_cannot_stand_beside_the_ranks():
    with pytest.raises(ValidationError, match="same name"):
        dp_stage(measures=[PEOPLE | {"name": "Rank"}], top=TOP | {"measure": "Rank"})


def _published(counts, copies, stage, seed):
    """Tables of the largest of ``copies`` releases, side by side as if copies were groups: (copy, place, lower, upper)."""
    planned = plan(stage)
    (quantity,) = planned.measures
    places = [f"p{i}" for i in range(len(counts))]
    noisy = np.tile(counts, copies) + draws(np.random.default_rng(seed), quantity.noise, (copies * len(counts),))
    groups = {"copy": pa.array(np.repeat(np.arange(copies), len(counts))), "place": pa.array(places * copies)}
    return output.table(groups, {quantity.key: noisy}, stage, planned)


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_all_intervals_of_a_group_hold_at_once_though_its_largest_were_chosen(kind, monkeypatch):
    """Twenty places with equally many people: the largest is only the luckiest. 4,000 tables, 95 % less five standard errors."""
    counts = np.full(20, 100)
    stage = dp_stage(top=TOP | {"limit": 3}, noise=kind, epsilon="0.2")

    def together(table):
        held = (table["people_lower"] <= 100) & (table["people_upper"] >= 100)
        return held.groupby(np.arange(len(table)) // 3).all().mean()

    assert together(_published(counts, 4000, stage, 11)) > 0.932
    # planted: intervals as if nothing had been chosen
    monkeypatch.setattr(top, "errors", lambda combination: np.full(len(combination), 0.05))
    assert together(_published(counts, 4000, stage, 11)) < 0.932


def test_half_widths_at_any_error_are_those_of_the_distribution():
    found = of_scale(Fraction(10), "opendp")
    drawn = np.abs(draws(np.random.default_rng(3), found, (200_000,)))
    for error in (0.05, 0.01):
        assert abs((drawn > found.within(error)).mean() - error) < error / 5


def test_totals_and_a_top_are_refused_together():
    with pytest.raises(ValidationError, match="totals or top"):
        dp_stage(top=TOP, totals=[{"place": "all"}])


def test_a_measure_may_have_the_name_of_the_count_that_chooses_private_cells(engine, quiet):
    """A place of few with many rows: by rows it is the largest, by persons the smallest."""
    rows = [{"who": f"{place}{i}", "place": place} for place, many in {"a": 40, "b": 30, "c": 20}.items() for i in range(many)]
    rows += [row for row in rows if row["place"] == "c"] * 4
    stage = dp_stage(
        group_by=[{"column": "place"}], cells="private", delta="0.001", epsilon="32", max_rows_per_cell=5, allow_large_delta=True,
        measures=[{"name": "selection", "kind": "rows"}], top={"dimension": "place", "measure": "selection", "limit": 2},
    )  # fmt: skip
    shown = release(engine, table_of(rows), stage).table[["place", "rank", "selection"]].to_numpy().tolist()
    assert shown == [["c", 1, 100], ["a", 2, 40]]
