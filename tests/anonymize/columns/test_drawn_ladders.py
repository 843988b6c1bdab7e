"""Ladders drawn from the data: quantiles whose bounds are nobody's value, and counts whose ``other`` names nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import pipeline, recipe
from anonymize.assess import assess
from anonymize.columns import hierarchy_numbers
from anonymize.columns.hierarchies import Ladder, build
from anonymize.columns.hierarchy_counts import unasked
from anonymize.errors import RecipeError
from anonymize.microdata import encode
from anonymize.microdata.lattice import code
from anonymize.recipe import CountsHierarchy, Hierarchy, QuantileHierarchy
from anonymize.tables.base import TableEngine
from anonymize.tables.duck import DuckEngine
from anonymize.tables.pandas_engine import PandasEngine
from tests.anonymize.oracles import ladders as oracle

QUICK = settings(max_examples=80, deadline=None, derandomize=True)


@pytest.fixture(params=["duck", "pandas"])
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as tables:
        yield tables


def quantiles(held: dict[Any, int], unit: str, *parts: int) -> Ladder:
    return build("x", QuantileHierarchy(quantiles=parts, unit=unit), [*held, None], None, [*held.values(), 9])


def counts(held: dict[Any, int], *thresholds: int) -> Ladder:
    return build("x", CountsHierarchy(counts=thresholds), [None, *held], None, [9, *held.values()])


def levels_nest(ladder: Ladder, values: list[Any]) -> None:
    for level in range(ladder.top):
        fine, coarse = ladder.labels(level, values), ladder.labels(level + 1, values)
        assert len(set(zip(fine, coarse, strict=True))) == len(set(fine))


# --- quantiles -----------------------------------------------------------------------------------------------------


def test_quantiles_hold_about_equally_many_persons_and_are_open_at_both_ends() -> None:
    held = dict.fromkeys(range(1003, 9003, 100), 1)  # 80 persons
    ladder = quantiles(held, "100", 8, 4, 2)
    assert ladder.labels(3, [1003, 8903]) == ["< 5000", "≥ 5000"]
    assert sorted(Counter(ladder.labels(2, held)).values()) == [20, 20, 20, 20]
    assert list(dict.fromkeys(ladder.labels(2, held))) == ["< 3000", "[3000, 5000)", "[5000, 7000)", "≥ 7000"]
    assert Counter(ladder.labels(1, held)).most_common(1)[0][1] == 10


def test_persons_are_counted_and_equal_values_stay_together() -> None:
    """Six of ten persons have one value: there are fewer parts than asked for."""
    ladder = quantiles({1: 1, 2: 1, 10: 6, 21: 1, 22: 1}, "5", 4, 2)
    assert ladder.labels(1, [1, 2, 10, 21, 22]) == ["< 5", "< 5", "[5, 15)", "≥ 15", "≥ 15"]
    levels_nest(ladder, [1, 2, 10, 21, 22, None])


def test_a_bound_is_the_roundest_number_between_two_values_and_says_least_of_them() -> None:
    ladder = quantiles({Decimal("3010.17"): 5, Decimal("3055.03"): 5}, "0.01", 2)
    assert ladder.labels(1, [Decimal("3010.17"), Decimal("3055.03")]) == ["< 3020", "≥ 3020"]


def test_null_is_no_part_of_any_quantile() -> None:
    ladder = quantiles({1: 5, 11: 5}, "5", 2)
    assert [ladder.labels(level, [None]) for level in range(ladder.levels)] == [[None], [None], ["*"]]
    assert ladder.domain == 2


def test_with_one_value_alone_there_is_nothing_to_cut() -> None:
    assert quantiles({7: 100}, "5", 4, 2).levels == 2
    assert quantiles({}, "5", 4, 2).levels == 2


def test_no_bound_can_be_put_where_one_or_two_persons_stand() -> None:
    held = {20: 3, 25: 2, 30: 1}
    with pytest.raises(RecipeError, match="choose another unit"):
        quantiles(held, "5", 2)
    assert quantiles({**held, 25: 3}, "5", 2).labels(1, [20, 25]) == ["< 25", "≥ 25"]
    assert quantiles(held, "2.5", 2).labels(1, [20, 25]) == ["< 22.5", "≥ 22.5"]


def test_text_has_no_quantiles() -> None:
    with pytest.raises(RecipeError, match="'x': quantiles need a column of numbers"):
        quantiles({"a": 3}, "5", 2)


def bounds_of(ladder: Ladder, level: int, values: list[int]) -> list[Decimal]:
    """The bounds that the labels of a level name, each once."""
    labels = [label for label in ladder.labels(level, sorted(values)) if label is not None]
    found = {Decimal(end) for label in labels for end in label.strip("<≥[) ").split(", ")}
    return sorted(found)


def check_bounds(ladder: Ladder, held: dict[int, int], unit: int, parts: tuple[int, ...]) -> None:
    """No bound tells a value, each part ends as near to its share of persons as any whole unit could make it."""
    everybody = sum(held.values())
    levels = [bounds_of(ladder, level, list(held)) for level in range(1, ladder.top)]
    for bounds in levels:
        assert all(bound % unit == 0 for bound in bounds)
        assert not any(0 < held.get(int(bound), 0) < oracle.FEW for bound in bounds), "a bound is the value of one or two persons"
    for n in parts:
        best = [oracle.nearest(held, unit, j, n) for j in range(1, n)]
        reached = [
            [min(abs(n * oracle.below(held, bound) - j * everybody) for bound in bounds) for j in range(1, n)] for bounds in levels if len(bounds) < n
        ]  # fmt: skip
        assert best in reached, "parts are further from equal than they could be"


HELD = st.dictionaries(st.integers(-60, 60), st.integers(1, 6), min_size=2, max_size=25)


@QUICK
@given(held=HELD, unit=st.sampled_from([1, 3, 5, 10]), parts=st.sampled_from([(8, 4, 2), (6, 3), (4, 2), (2,), (9, 3)]))
def test_quantiles_agree_with_trying_every_whole_unit(held: dict[int, int], unit: int, parts: tuple[int, ...]) -> None:
    if not oracle.allowed(held, unit):
        with pytest.raises(RecipeError, match="choose another unit"):
            quantiles(held, str(unit), *parts)
        return
    ladder = quantiles(held, str(unit), *parts)
    levels_nest(ladder, [*held, None])
    check_bounds(ladder, held, unit, parts)
    for level in range(1, ladder.top):
        for value, label in zip(held, ladder.labels(level, held), strict=True):
            ends = [Decimal(end) for end in str(label).strip("<≥[) ").split(", ")]
            inside = value < ends[0] if str(label)[0] == "<" else value >= ends[0] if str(label)[0] == "≥" else ends[0] <= value < ends[1]
            assert inside


def test_a_bound_that_is_a_value_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    held = dict.fromkeys(range(0, 80, 10), 1)
    check_bounds(quantiles(held, "3", 4, 2), held, 3, (4, 2))
    monkeypatch.setattr(hierarchy_numbers, "CROWD", 1)
    with pytest.raises(AssertionError, match="value of one or two persons"):
        check_bounds(quantiles(held, "10", 2), held, 10, (2,))


# --- counts --------------------------------------------------------------------------------------------------------


def test_rare_values_become_other_and_ever_more_of_them() -> None:
    held = {"bus": 300, "tram": 90, "ferry": 20, "canoe": 19, "zeppelin": 1}
    ladder = counts(held, 20, 100)
    assert ladder.labels(1, [*held, None]) == ["bus", "tram", "ferry", "other", "other", None]
    assert ladder.labels(2, held) == ["bus", "other", "other", "other", "other"]
    assert ladder.leaves_per_label(2) == {"bus": 1, "other": 4}


def test_other_never_stands_for_one_value_alone() -> None:
    """Who knows all values but one would know what ``other`` is."""
    assert counts({"a": 50, "b": 30, "c": 1}, 20).labels(1, "abc") == ["a", "other", "other"]


def test_a_level_that_changes_nothing_or_keeps_nothing_is_left_out() -> None:
    held = {"a": 50, "b": 40, "c": 2, "d": 1}
    assert counts(held, 3, 10, 1000).levels == 3
    assert counts({"a": 1, "b": 1}, 5).levels == 2
    assert counts({"a": 9, "b": 9}, 5).levels == 2


def test_a_loss_of_other_counts_the_values_that_it_may_stand_for() -> None:
    held = {"a": 50, "b": 40, "c": 2, "d": 1, "e": 1}
    values = [*held, None]
    coded = code(counts(held, 20), values)
    assert coded.penalties[1][coded.groups[1]].tolist() == [0, 0, 0.5, 0.5, 0.5, 0]


def test_a_value_that_is_called_other_does_no_harm() -> None:
    ladder = counts({"other": 50, "b": 40, "c": 2, "d": 1}, 20, 45)
    assert ladder.labels(1, ["other", "b", "c"]) == ["other", "b", "other"]
    levels_nest(ladder, ["other", "b", "c", "d"])


@QUICK
@given(
    held=st.dictionaries(st.text("abcdefgh", min_size=1, max_size=2), st.integers(1, 40), min_size=1, max_size=12),
    thresholds=st.lists(st.integers(2, 50), min_size=1, max_size=4, unique=True).map(sorted),
)
def test_counts_agree_with_counting_every_value(held: dict[str, int], thresholds: list[int]) -> None:
    ladder = counts(held, *thresholds)
    expected = [oracle.kept(held, threshold) for threshold in thresholds]
    useful = [keep for i, keep in enumerate(expected) if keep and len(keep) < len(held) and keep not in expected[:i]]
    assert ladder.levels == 2 + len(useful)
    for level, keep in enumerate(useful, 1):
        assert ladder.labels(level, held) == [value if value in keep else "other" for value in held]
        assert ladder.leaves_per_label(level)["other"] >= 2
        assert sum(ladder.leaves_per_label(level).values()) == len(held)
    levels_nest(ladder, [*held, None])


def test_a_value_of_a_table_to_compare_with_draws_nothing() -> None:
    held = {"a": 50, "b": 40}
    ladder = counts({**held, "unseen": 0}, 20)
    assert ladder.levels == counts(held, 20).levels == 2
    assert counts({**held, "c": 2, "d": 1, "unseen": 0}, 20).labels(1, ["unseen"]) == ["other"]
    assert quantiles({1: 5, 11: 5, 400: 0}, "5", 2).labels(1, [400]) == ["≥ 5"]


# --- persons, not rows ---------------------------------------------------------------------------------------------

EVENTS = pa.table({"who": [1] * 30 + [2, 3, 4, 5, 6, 7], "x": [1] * 30 + [2, 3, 11, 12, 13, 14], "t": ["m"] * 30 + ["n", "n", "o", "o", "p", "p"]})


@pytest.mark.parametrize(
    ("column", "hierarchy", "by_person", "by_row"),
    [
        ("x", QuantileHierarchy(quantiles=(2,), unit="5"), ["< 5", "< 5", "< 5", "≥ 5", "≥ 5", "≥ 5", "≥ 5"], None),
        ("t", CountsHierarchy(counts=(2,)), ["other", "other", "o", "p"], ["m", "n", "o", "p"]),
    ],
)
def test_ladders_are_drawn_from_persons_and_not_from_their_rows(
    engine: TableEngine, column: str, hierarchy: Hierarchy, by_person: list[str], by_row: list[str] | None
) -> None:
    frame = engine.from_pandas(EVENTS.to_pandas(types_mapper=pd.ArrowDtype))
    names = encode.Names(EVENTS.column_names)
    for key, expected in (("who", by_person), (None, by_row or by_person)):
        (values,) = encode.leaves(engine, frame, [column], names).values
        found = encode.dictionary(engine, frame, values, hierarchy, None, names, key)
        level = min(1, found.ladder.top - 1)
        assert sorted(found.ladder.labels(level, sorted(found.values)), key=str) == sorted(expected, key=str)


# --- in a recipe ---------------------------------------------------------------------------------------------------

DOCUMENT: dict[str, Any] = {
    "recipe": 1, "title": "Jobs", "person_key": "who",
    "columns": {"who": {"role": "person_key"}, "job": {"role": "quasi_identifier"}, "pay": {"role": "sensitive"}},
    "stages": [{"stage": "k_anonymity", "k": 3}],
}  # fmt: skip
JOBS = pa.table({"who": range(40), "job": ["clerk"] * 20 + ["cook"] * 16 + ["poet", "poet", "diver", "spy"], "pay": [7 * i % 40 for i in range(40)]})


def run(folder: Path, document: dict[str, Any], table: pa.Table = JOBS) -> pipeline.RunResult:
    pq.write_table(table, folder / "typed.parquet")
    return pipeline.run(recipe.parse(document), folder / "typed.parquet", folder / "out")


@pytest.mark.parametrize("method", ["full_domain", "local_recoding"])
def test_text_that_nobody_gave_a_ladder_keeps_what_many_have(method: str, tmp_path: Path) -> None:
    document = {**DOCUMENT, "stages": [{"stage": "k_anonymity", "k": 3, "method": method}]}
    made = run(tmp_path, document)
    assert Counter(pq.read_table(made.artefact)["job"].to_pylist()) == {"clerk": 20, "cook": 16, "other": 4}
    found = assess(recipe.parse(document), tmp_path / "typed.parquet", made.artefact, targets=20, queries=20)
    assert found["utility"]["granularity"] == pytest.approx(made.report["public"]["granularity"], abs=1e-8)


def test_a_fixed_scheme_gets_no_ladder_from_the_data(tmp_path: Path) -> None:
    made = run(tmp_path, {**DOCUMENT, "stages": [{"stage": "k_anonymity", "k": 3, "method": "fixed", "levels": {"job": 1}}]})
    assert set(pq.read_table(made.artefact)["job"].to_pylist()) == {"*"}


def test_the_steps_of_an_unasked_ladder_follow_from_k_alone() -> None:
    assert unasked(5).counts == (5, 50, 500)


def test_quantiles_run_from_a_recipe_to_a_file_that_can_be_assessed(tmp_path: Path) -> None:
    columns = {**DOCUMENT["columns"], "pay": {"role": "quasi_identifier", "hierarchy": {"quantiles": [8, 4, 2], "unit": "0.5"}}, "job": {"role": "plain"}}
    document = {**DOCUMENT, "columns": columns}
    made = run(tmp_path, document)
    sizes = Counter(pq.read_table(made.artefact)["pay"].to_pylist())
    assert sorted(sizes.values()) == [5] * 8
    assert {"< 4.5", "[4.5, 9.5)", "≥ 34.5"} <= set(sizes)
    found = assess(recipe.parse(document), tmp_path / "typed.parquet", made.artefact, targets=20, queries=20)
    assert found["utility"]["granularity"] == pytest.approx(made.report["public"]["granularity"], abs=1e-8)


@pytest.mark.parametrize("hierarchy", [{"quantiles": [4, 2], "unit": "5"}, {"counts": [20]}])
def test_what_is_drawn_from_the_data_has_no_place_in_a_fixed_scheme_or_under_noise(hierarchy: dict[str, Any]) -> None:
    columns = {**DOCUMENT["columns"], "job": {"role": "quasi_identifier", "hierarchy": hierarchy}}
    with pytest.raises(RecipeError, match="drawn from them"):
        recipe.parse({**DOCUMENT, "columns": columns, "stages": [{"stage": "k_anonymity", "k": 3, "method": "fixed", "levels": {"job": 1}}]})
    table = {
        "stage": "dp_table", "group_by": [{"column": "job", "level": 1}], "measures": [{"name": "n", "kind": "persons"}],
        "epsilon": "1", "delta": "1e-6", "max_cells_per_person": 1, "cells": "private",
    }  # fmt: skip
    with pytest.raises(RecipeError, match="undo the noise"):
        recipe.parse({**DOCUMENT, "columns": columns, "stages": [table]})
    with pytest.raises(RecipeError, match="must not be counted here"):
        build("job", recipe.parse({**DOCUMENT, "columns": columns}).columns["job"].hierarchy, [1, 2], None)


@pytest.mark.parametrize(
    "hierarchy",
    [
        {"quantiles": [8, 3], "unit": "5"}, {"quantiles": [4, 4], "unit": "5"}, {"quantiles": [2, 4], "unit": "5"}, {"quantiles": [1], "unit": "5"},
        {"quantiles": [], "unit": "5"}, {"quantiles": [4]}, {"quantiles": [4], "unit": "0"}, {"quantiles": [4], "unit": "-1"},
        {"quantiles": [4], "unit": "nan"}, {"quantiles": [True], "unit": "5"}, {"counts": []}, {"counts": [1]}, {"counts": [20, 20]},
        {"counts": [20, 5]}, {"counts": ["20"]},
    ],
)  # fmt: skip
def test_a_ladder_that_would_not_nest_or_name_its_unit_is_refused(hierarchy: dict[str, Any]) -> None:
    columns = {**DOCUMENT["columns"], "job": {"role": "quasi_identifier", "hierarchy": hierarchy}}
    with pytest.raises(RecipeError) as caught:
        recipe.parse({**DOCUMENT, "columns": columns})
    assert all((problem.pointer or "").startswith("/columns/job/hierarchy") for problem in caught.value.problems)
