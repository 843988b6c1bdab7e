"""Micro-aggregation: groups of persons, the best of all groupings, exact means, and a file that is counted again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import pipeline, recipe
from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.microdata import microaggregation, sorted_groups
from anonymize.microdata.microaggregation import microaggregate
from anonymize.microdata.recheck_carried import recheck_carried
from anonymize.microdata.sorted_groups import Holders, optimal, scaled
from anonymize.recipe import Microaggregate
from anonymize.tables.base import TableEngine
from anonymize.tables.duck import DuckEngine
from anonymize.tables.pandas_engine import PandasEngine
from tests.anonymize.oracles import microaggregation as oracle


@pytest.fixture(params=["duck", "pandas"])
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as tables:
        yield tables


def averaged(engine: TableEngine, rows: list[tuple[Any, Any]], group: int, kind: pa.DataType, *, key: str | None = "who") -> tuple[list[Any], dict[str, Any]]:
    """The column after, in the order of the rows, and the report's line."""
    table = pa.table({"row": range(len(rows)), "who": [who for who, _ in rows], "x": pa.array([x for _, x in rows], kind)})
    frame = engine.from_pandas(table.to_pandas(types_mapper=pd.ArrowDtype))
    made = microaggregate(engine, frame, [Microaggregate(column="x", group=group)], key)
    found = engine.collect(made.frame.sort("row"))
    assert list(found.columns) == ["row", "who", "x"]
    assert pa.array(found["x"]).type == kind
    return pa.array(found["x"]).to_pylist(), made.report[0]


def singles(values: list[Any]) -> list[tuple[int, Any]]:
    return list(enumerate(values))


# --- the grouping ----------------------------------------------------------------------------------------------------


def test_sorted_values_become_the_means_of_their_groups(engine: TableEngine) -> None:
    found, line = averaged(engine, singles([100, 1, 3, 2, 102, 101]), 3, pa.int64())
    assert found == [101, 2, 2, 2, 101, 101]
    assert (line["groups"], line["smallest"]) == (2, 3)


def test_fixed_groups_of_three_would_be_worse_than_the_best(engine: TableEngine) -> None:
    """Hansen & Mukherjee's point: groups take up to 2g - 1 persons where a gap asks for it."""
    assert averaged(engine, singles([1, 2, 3, 4, 100, 101, 102]), 3, pa.int64())[0] == [2, 2, 2, 2, 101, 101, 101]


def test_equal_values_stay_together(engine: TableEngine) -> None:
    assert averaged(engine, singles([5, 5, 5, 5, 6, 9]), 2, pa.int64())[0] == [5, 5, 5, 5, 8, 8]


def test_a_persons_rows_count_once_and_so_does_the_person(engine: TableEngine) -> None:
    rows = [(1, 10), (1, 10), (1, 10), (2, 20), (3, 90), (4, 100)]
    found, line = averaged(engine, rows, 2, pa.int64())
    assert found == [15, 15, 15, 15, 95, 95]
    assert line["smallest"] == 2
    assert averaged(engine, rows, 2, pa.int64(), key=None)[0] == [12, 12, 12, 12, 95, 95]


def test_a_person_with_several_values_is_one_person_in_a_group(engine: TableEngine) -> None:
    rows = [(1, 1), (1, 2), (1, 3), (2, 4), (3, 50), (4, 51)]
    assert averaged(engine, rows, 2, pa.int64())[0] == [2, 2, 2, 2, 50, 50]


ROWS = st.lists(st.tuples(st.integers(0, 6), st.none() | st.integers(-20, 20)), min_size=1, max_size=9)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=ROWS, group=st.integers(2, 3), kind=st.sampled_from([DuckEngine, PandasEngine]))
def test_the_grouping_is_the_best_of_all_groupings_of_distinct_persons(rows: list[oracle.Row], group: int, kind: Any) -> None:
    best = oracle.least_cost(rows, group)
    present = any(value is not None for _, value in rows)
    if (present and best is None) or 0 < len(oracle.holders(rows, [None])) < group:
        with kind() as tables, pytest.raises(PrivacyNotMet):
            averaged(tables, rows, group, MILLIONTHS)
        return
    with kind() as tables:
        found, line = averaged(tables, rows, group, MILLIONTHS)
    groups = _groups(rows, found)  # in millionths no two groups have one mean
    assert [len(groups), line["smallest"]] == [line["groups"], min((len(oracle.holders(rows, part)) for part in groups), default=0)]
    assert line["smallest"] >= group or not groups
    assert oracle.cost(rows, groups) == (best or 0)
    of_value = {value: round(oracle.mean(rows, part) * 10**6) for part in groups for value in part}
    assert [None if after is None else int(after * 10**6) for after in found] == [of_value.get(before) for _, before in rows]


MILLIONTHS = pa.decimal128(18, 6)


def _groups(rows: list[oracle.Row], found: list[Decimal | None]) -> list[list[int]]:
    parts: dict[Decimal, set[int]] = {}
    for (_, before), after in zip(rows, found, strict=True):
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            parts.setdefault(after, set()).add(before)
    return [sorted(part) for part in parts.values()]


@pytest.mark.parametrize("least", [2, 7, 40])
def test_a_loop_and_a_block_of_costs_find_the_same_groups(least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(4)
    values = sorted(set(draw.lognormal(8, 1, 400).round(2).tolist()))
    weights = draw.integers(1, 4, len(values))
    holders = Holders(weights, np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    found = []
    for wide in (1, 10**9):
        monkeypatch.setattr(sorted_groups, "WIDE", wide)
        found.append(optimal(scaled(values), holders, least).tolist())
    assert found[0] == found[1]
    assert int(holders.distinct(np.array(found[0])).min()) >= least


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values", "means"),
    [
        (pa.int64(), [1, 2, 10**18, 10**18 + 1], [2, 2, 10**18, 10**18]),
        (pa.int32(), [-1, -2, 7, 8], [-2, -2, 8, 8]),
        (pa.decimal128(38, 2), [Decimal("0.01"), Decimal("0.02"), Decimal(10) ** 35, Decimal(10) ** 35 + 1],
         [Decimal("0.02"), Decimal("0.02"), Decimal(10**35) + Decimal("0.5"), Decimal(10**35) + Decimal("0.5")]),
        (pa.float64(), [0.1, 0.2, 1e300, 1.2e300], [0.15000000000000002, 0.15000000000000002, 1.1e300, 1.1e300]),
        (pa.float64(), [0.0, -0.0], [0.0, 0.0]),
    ],
)  # fmt: skip
def test_means_are_exact_and_rounded_half_even_to_the_columns_own_scale(engine: TableEngine, kind: pa.DataType, values: list[Any], means: list[Any]) -> None:
    with localcontext(prec=60):
        assert averaged(engine, singles(values), 2, kind)[0] == means


def test_the_order_of_the_rows_does_not_matter(engine: TableEngine) -> None:
    rows = [(i, (i * 7919) % 101) for i in range(60)]
    found, line = averaged(engine, rows, 4, pa.int64())
    again, same = averaged(engine, rows[::-1], 4, pa.int64())
    assert (again[::-1], same) == (found, line)


def test_a_null_stays_null_and_is_a_value_that_persons_carry(engine: TableEngine) -> None:
    assert averaged(engine, singles([1, 2, None, None]), 2, pa.int64())[0] == [2, 2, None, None]
    with pytest.raises(PrivacyNotMet, match="no value"):
        averaged(engine, singles([1, 2, None]), 2, pa.int64())
    with pytest.raises(PrivacyNotMet, match="no value"):
        averaged(engine, [(1, 1), (2, 2), (3, None), (3, None)], 2, pa.int64())
    assert averaged(engine, singles([None, None]), 2, pa.int64())[0] == [None, None]


def test_what_cannot_be_averaged_is_refused(engine: TableEngine) -> None:
    with pytest.raises(PrivacyNotMet, match="more persons than"):
        averaged(engine, [(1, 1), (1, 2), (1, 3)], 2, pa.int64())
    with pytest.raises(RecipeError, match="numbers"):
        averaged(engine, singles(["a", "b"]), 2, pa.string())
    with pytest.raises(InputError, match="not finite"):
        averaged(engine, singles([1.0, float("inf")]), 2, pa.float64())


# --- the stage -------------------------------------------------------------------------------------------------------

STAGE: dict[str, Any] = {"stage": "k_anonymity", "k": 2, "microaggregate": [{"column": "pay", "group": 3}]}
DOCUMENT: dict[str, Any] = {
    "recipe": 1, "title": "Pay", "person_key": "who",
    "columns": {"who": {"role": "person_key"}, "age": {"role": "quasi_identifier"}, "pay": {"role": "sensitive"}},
    "stages": [STAGE],
}  # fmt: skip
PEOPLE = pa.table({
    "who": range(12), "age": [30] * 5 + [40] * 6 + [99], "pay": [10, 11, 13, 50, 52, 12, 53, 54, 51, 90, 91, 95],
})  # fmt: skip


def run(folder: Path, *, table: pa.Table = PEOPLE, **stage: Any) -> pipeline.RunResult:
    pq.write_table(table, folder / "typed.parquet")
    return pipeline.run(recipe.parse({**DOCUMENT, "stages": [{**STAGE, **stage}]}), folder / "typed.parquet", folder / "out")


def test_groups_are_formed_of_the_rows_that_are_published(tmp_path: Path) -> None:
    made = run(tmp_path, max_suppressed="0.1")
    pays = pq.read_table(made.artefact)["pay"].to_pylist()
    assert made.rows == 11
    assert sorted(pays) == [12] * 4 + [52] * 4 + [78] * 3  # without the 95 that was left out
    public = made.report["public"]
    assert public["recheck"]["microaggregation"] == [{"column": "pay", "group": 3, "smallest_value_persons": 3}]
    assert [line["column"] for line in public["microaggregation"]] == ["pay"]
    assert any("mean of its group" in sentence for sentence in public["treatment"])


def test_models_are_judged_on_the_means_that_are_published(tmp_path: Path) -> None:
    """Twelve different amounts would be twelve diverse values; in three groups they are three."""
    three = [{"model": "l_diversity", "column": "pay", "l": 3}]
    made = run(tmp_path, models=three)
    assert len(set(pq.read_table(made.artefact)["pay"].to_pylist())) == 3
    assert made.report["public"]["recheck"]["models"][0]["reached"] >= 3
    with pytest.raises(PrivacyNotMet):
        run(tmp_path, models=[{"model": "l_diversity", "column": "pay", "l": 4}])
    close = run(tmp_path, models=[{"model": "t_closeness", "column": "pay", "t": "0.5", "distance": "ordered"}])
    assert close.report["public"]["recheck"]["models"][0]["reached"] <= 0.5


def test_a_model_of_the_column_and_rows_left_out_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="judged on the means"):
        run(tmp_path, max_suppressed="0.1", models=[{"model": "l_diversity", "column": "pay", "l": 2}])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([{"column": "age", "group": 3}], "role sensitive or plain"),
        ([{"column": "who", "group": 3}], "role sensitive or plain"),
        ([{"column": "none", "group": 3}], "role sensitive or plain"),
        ([{"column": "pay", "group": 1}], "must be at least 2"),
        ([{"column": "pay", "group": 3}, {"column": "pay", "group": 4}], "twice"),
    ],
)
def test_a_recipe_that_averages_the_wrong_column_is_refused(asked: list[dict[str, Any]], said: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=said):
        run(tmp_path, microaggregate=asked)


# --- planted faults --------------------------------------------------------------------------------------------------


def group_too_small(patch: pytest.MonkeyPatch) -> None:
    right = microaggregation.optimal
    patch.setattr(microaggregation, "optimal", lambda values, holders, least: right(values, holders, least - 1))


def rows_for_persons(patch: pytest.MonkeyPatch) -> None:
    right = microaggregation.combinations
    patch.setattr(microaggregation, "combinations", lambda engine, coded, columns, key, names: right(engine, coded, columns, None, names))


@pytest.mark.parametrize("plant", [group_too_small, rows_for_persons], ids=lambda plant: plant.__name__)
def test_a_planted_fault_leaves_no_file(plant: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pairs = [(who, 10 * who) for who in range(6)] + [(6, 900)] * 3 + [(who, 100) for who in (7, 8, 9)] * 2
    table = pa.table({"who": [who for who, _ in pairs], "age": [30] * len(pairs), "pay": [pay for _, pay in pairs]})
    run(tmp_path, table=table)
    plant(monkeypatch)
    with pytest.raises(PrivacyNotMet, match="re-check: a value of column 'pay'"):
        run(tmp_path, table=table)
    assert not (tmp_path / "out" / "data.parquet").exists()


def test_the_recheck_counts_persons_of_every_value_null_included(tmp_path: Path) -> None:
    pq.write_table(pa.table({"pay": [1, 1, 1, None, None, None]}), tmp_path / "data.parquet")
    pq.write_table(pa.table({"who": [1, 2, 3, 4, 5, 5]}), tmp_path / "persons.parquet")
    paths = tmp_path / "data.parquet", tmp_path / "persons.parquet"
    assert recheck_carried(*paths, {"pay": 2})[0]["smallest_value_persons"] == 2
    with pytest.raises(PrivacyNotMet, match="carried by 2"):
        recheck_carried(*paths, {"pay": 3})
    assert recheck_carried(paths[0], None, {"pay": 3})[0]["smallest_value_persons"] == 3
    with pytest.raises(PrivacyNotMet, match="lacks"):
        recheck_carried(*paths, {"other": 2})
