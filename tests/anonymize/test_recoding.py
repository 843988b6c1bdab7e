"""Bottom and top coding and rounding: exact, row by row, on both table engines."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import pipeline, recipe
from anonymize.errors import InputError, RecipeError
from anonymize.recipe import Recode
from anonymize.recoding import recode
from anonymize.tables.base import TableEngine
from anonymize.tables.duck import DuckEngine
from anonymize.tables.pandas_engine import PandasEngine

DECIMAL = pa.decimal128(12, 2)


@pytest.fixture(params=["duck", "pandas"])
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as tables:
        yield tables


def stage(**fields: Any) -> Recode:
    return Recode(stage="recode", column="x", **fields)


def recoded(engine: TableEngine, values: list[Any], kind: pa.DataType, **fields: Any) -> pa.Array:
    table = pa.table({"n": range(len(values)), "x": pa.array(values, kind)})
    frame = engine.from_pandas(table.to_pandas(types_mapper=pd.ArrowDtype))
    found = engine.collect(recode(engine, frame, stage(**fields), "/stages/0").sort("n"))
    assert list(found.columns) == ["n", "x"]
    return pa.array(found["x"])


@pytest.mark.parametrize(
    ("kind", "values", "fields", "result", "becomes"),
    [
        (pa.int64(), [17, 18, 52, 90, 91, None], {"bottom": "18", "top": "90"}, [18, 18, 52, 90, 90, None], pa.int64()),
        (pa.int64(), [0, 2, 3, 7, 8, -2, -3, None], {"round_to": "5"}, [0, 0, 5, 5, 10, 0, -5, None], pa.int64()),
        (pa.int64(), [4, 12, 99], {"top": "95", "round_to": "5"}, [5, 10, 95], pa.int64()),
        (pa.int32(), [5, 15, 25, -5], {"round_to": "10"}, [0, 20, 20, 0], pa.int64()),
        (pa.int64(), [1, 3], {"top": "2.5"}, [Decimal("1"), Decimal("2.5")], pa.decimal128(38, 1)),
        (pa.int64(), [1, 3], {"round_to": "2.5"}, [Decimal("0"), Decimal("2.5")], pa.decimal128(38, 1)),
        (DECIMAL, [Decimal("0.05"), Decimal("0.15"), None], {"round_to": "0.1"}, [Decimal("0"), Decimal("0.2"), None], DECIMAL),
        (DECIMAL, [Decimal("0.05"), Decimal("9.99")], {"bottom": "1", "top": "5"}, [Decimal("1"), Decimal("5")], DECIMAL),
        (DECIMAL, [Decimal("0.05")], {"bottom": "0.125"}, [Decimal("0.125")], pa.decimal128(38, 3)),
        (pa.float64(), [0.1, 0.35, 1e300, None], {"top": "7.3", "round_to": "0.1"}, [0.1, 0.4, 7.3, None], pa.float64()),
        (pa.float64(), [float("inf"), float("-inf"), 3.25], {"bottom": "0", "top": "9"}, [9.0, 0.0, 3.25], pa.float64()),
        (pa.float32(), [0.5, 1.5], {"round_to": "1"}, [0.0, 2.0], pa.float64()),
    ],
)  # fmt: skip
def test_values_are_cut_at_the_ends_and_rounded_half_even(
    engine: TableEngine, kind: pa.DataType, values: list[Any], fields: dict[str, str], result: list[Any], becomes: pa.DataType
) -> None:
    found = recoded(engine, values, kind, **fields)
    assert (found.to_pylist(), found.type) == (result, becomes)


def oracle(value: Decimal | None, bottom: int | None, top: int | None, step: Decimal) -> Decimal | None:
    if value is None:
        return None
    rounded = (value / step).quantize(Decimal(1), ROUND_HALF_EVEN) * step
    rounded = rounded if top is None else min(rounded, top * step)
    return rounded if bottom is None else max(rounded, bottom * step)


CENTS = st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents) / 100)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    values=st.lists(st.none() | CENTS, min_size=1, max_size=20),
    step=st.sampled_from(["0.05", "0.3", "2.5", "7", "100"]),
    bottom=st.none() | st.integers(-9, 0),
    top=st.none() | st.integers(1, 9),
    kind=st.sampled_from(["decimal", "float"]),
    tables=st.sampled_from([DuckEngine, PandasEngine]),
)
def test_recoding_agrees_with_exact_arithmetic(
    values: list[Decimal | None], step: str, bottom: int | None, top: int | None, kind: str, tables: Any
) -> None:
    unit = Decimal(step)
    fields = {"round_to": step} | ({} if bottom is None else {"bottom": str(bottom * unit)}) | ({} if top is None else {"top": str(top * unit)})
    given_as = [None if v is None else float(v) for v in values] if kind == "float" else values
    expected = [oracle(value, bottom, top, unit) for value in values]
    with tables() as engine:
        found = recoded(engine, given_as, pa.float64() if kind == "float" else DECIMAL, **fields).to_pylist()
    assert found == ([None if v is None else float(v) for v in expected] if kind == "float" else expected)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "give bottom, top or round_to"),
        ({"bottom": "5", "top": "5"}, "below top"),
        ({"top": "12", "round_to": "5"}, "whole multiples"),
        ({"round_to": "0"}, "at least 0.001"),
        ({"round_to": "-5"}, "at least 0.001"),
        ({"round_to": "nan"}, "finite"),
        ({"top": "1e13"}, "at most 1000000000000"),
        ({"top": "0.0000001"}, "six decimals"),
        ({"top": 0.5}, "string"),
    ],
)
def test_a_stage_that_says_nothing_sure_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stage(**fields)


def test_text_nan_and_numbers_too_large_to_round_are_refused(engine: TableEngine) -> None:
    with pytest.raises(RecipeError, match="not numeric"):
        recoded(engine, ["7"], pa.string(), top="5")
    with pytest.raises(RecipeError, match="decimal places"):
        recoded(engine, [Decimal(1)], pa.decimal128(38, 10), top="5")
    for large in (float("inf"), -1.1e12):
        with pytest.raises(InputError, match="beyond"):
            recoded(engine, [large], pa.float64(), round_to="5")
    assert recoded(engine, [-1.1e12], pa.float64(), round_to="5", bottom="0").to_pylist() == [0.0]


def test_what_is_not_a_number_is_neither_above_nor_below(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": pa.array([1.0, float("nan")])}), tmp_path / "nan.parquet")
    with DuckEngine(threads=1) as duck, pytest.raises(InputError, match="NaN"):
        recode(duck, duck.scan_parquet(tmp_path / "nan.parquet"), stage(top="5"), "/stages/0")


MICRO: dict[str, Any] = {
    "recipe": 1, "title": "Ages", "person_key": "who",
    "columns": {"who": {"role": "person_key"}, "age": {"role": "quasi_identifier"}, "pay": {"role": "plain"}},
    "stages": [{"stage": "recode", "column": "age", "top": "60", "round_to": "20"}, {"stage": "k_anonymity", "k": 2}],
}  # fmt: skip


def test_recoded_ages_are_what_k_anonymity_sees_and_the_report_says_so(tmp_path: Path) -> None:
    table = pa.table({"who": [1, 2, 3, 4], "age": [59, 97, 22, 25], "pay": [1, 2, 3, 4]})
    pq.write_table(table, tmp_path / "typed.parquet")
    made = pipeline.run(recipe.parse(MICRO), tmp_path / "typed.parquet", tmp_path / "out")
    assert sorted(pq.read_table(made.artefact)["age"].to_pylist()) == [20, 20, 60, 60]
    assert "In age, row by row, values above 60 became 60, values were rounded to multiples of 20." in made.report["public"]["treatment"]


def test_an_amount_can_be_rounded_before_a_dp_table_sums_it() -> None:
    document = {
        "recipe": 1, "title": "x", "person_key": "who", "columns": {"a": {"role": "plain"}},
        "stages": [
            {"stage": "derive", "name": "v", "product": ["a", "a"]},
            {"stage": "recode", "column": "v", "top": "100"},
            {"stage": "dp_table", "group_by": [{"column": "a", "values": ["1"]}], "measures": [{"name": "n", "kind": "persons"}],
             "epsilon": "1", "max_cells_per_person": 1, "cells": "public"},
        ],
    }  # fmt: skip
    recipe.parse(document)
    document["stages"] = [document["stages"][i] for i in (1, 0, 2)]
    with pytest.raises(RecipeError, match="derived only after"):
        recipe.parse(document)


@pytest.mark.parametrize("column", ["who", "name"])
def test_no_identifier_is_recoded(column: str) -> None:
    document = {**MICRO, "columns": {**MICRO["columns"], "name": {"role": "direct_identifier"}}}
    document["stages"] = [{"stage": "recode", "column": column, "top": "60"}, MICRO["stages"][1]]
    with pytest.raises(RecipeError, match="no number to recode"):
        recipe.parse(document)
