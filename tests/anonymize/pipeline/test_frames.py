"""The library as a pandas user calls it."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import anonymize
from anonymize import recipe
from anonymize.errors import InputError, PrivacyNotMet, RecipeError
from anonymize.tables.pandas_engine import PandasEngine

RECIPE = {
    "recipe": 1, "title": "Survey",
    "columns": {
        "age": {"role": "quasi_identifier", "hierarchy": {"intervals": [10, 20, 40]}},
        "area": {"role": "quasi_identifier", "hierarchy": {"prefix": [1]}},
        "answer": {"role": "plain"},
    },
    "stages": [{"stage": "k_anonymity", "k": 4, "max_suppressed": "0.1"}],
}  # fmt: skip


@pytest.fixture
def frame():
    draw = np.random.default_rng(3)
    areas = pd.Categorical([f"{side}{n}" for side, n in zip(draw.choice(["N", "S"], 200), draw.integers(0, 3, 200), strict=True)])
    return pd.DataFrame({"age": draw.integers(20, 70, 200).astype("int32"), "area": areas, "answer": draw.random(200) < 0.5, "name": "x"})


def test_a_frame_in_a_frame_out_and_the_report_beside_it(frame):
    before = frame.copy(deep=True)
    made = anonymize.run_frame(RECIPE, frame)
    assert list(made.frame.columns) == ["age", "area", "answer"]  # what the recipe does not name stays behind
    assert made.frame.groupby(["age", "area"]).size().min() >= 4
    assert len(made.frame) >= 180
    assert made.report["guarantee"]["measured_k"] >= 4
    assert list(made.frame.index) == list(range(len(made.frame)))
    pd.testing.assert_frame_equal(frame, before)


def test_the_recipe_may_be_a_dict_a_text_or_parsed_and_the_engine_pandas(frame):
    said = [anonymize.run_frame(asked, frame, engine=engine).report["public"] for asked, engine in (
        (RECIPE, None), (json.dumps(RECIPE), PandasEngine()), (recipe.parse(RECIPE), None),
    )]  # fmt: skip
    assert said[0]["granularity"] == said[1]["granularity"] == said[2]["granularity"]
    assert said[0]["classes"] == said[1]["classes"]


def test_what_cannot_be_had_gives_no_frame(frame):
    with pytest.raises(PrivacyNotMet):
        anonymize.run_frame({**RECIPE, "stages": [{"stage": "k_anonymity", "k": 500}]}, frame)
    with pytest.raises(RecipeError):
        anonymize.run_frame({"recipe": 1}, frame)
    with pytest.raises(RecipeError, match="no column"):
        anonymize.run_frame(RECIPE, frame.drop(columns="age"))


def test_the_types_of_pandas_become_those_of_an_upload(tmp_path):
    frame = pd.DataFrame({
        "small": pd.array([1, None], dtype="Int8"), "part": np.array([0.5, np.nan], dtype="float32"), "word": ["a", None],
        "kind": pd.Categorical(["x", "y"]), "when": pd.to_datetime(["2026-01-01 10:00", None]), "day": [dt.date(2026, 1, 1), None],
        "money": [Decimal("1.50"), None], "yes": [True, False], "nothing": [None, None],
    })  # fmt: skip
    table = pq.read_table(anonymize.write_frame(frame, tmp_path / "f.parquet"))
    kinds = ["int64", "double", "string", "string", "timestamp[us]", "date32[day]", "decimal128(3, 2)", "bool", "string"]
    assert [str(field.type) for field in table.schema] == kinds
    assert table.num_rows == 2
    assert [table.column(name).null_count for name in table.column_names] == [1, 1, 1, 0, 1, 1, 1, 0, 2]


@pytest.mark.parametrize(
    "values", [["Kim Minji", 7], [["Kim"], ["Lee"]], [pd.Timedelta("1D")] * 2, [2**64, 1], [1j, 2j], [{"Kim": 1}, {}]]
)
def test_a_column_of_other_things_is_refused_by_name_and_without_a_value(tmp_path, values):
    with pytest.raises(InputError, match="'odd'") as refused:
        anonymize.write_frame(pd.DataFrame({"odd": pd.Series(values, dtype=object)}), tmp_path / "f.parquet")
    assert "Kim" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("names", [["a", "A"], ["a", "a"], [0, 1], ["a", ""]])
def test_names_that_could_be_taken_for_each_other_or_are_no_text_are_refused(tmp_path, names):
    with pytest.raises(InputError):
        anonymize.write_frame(pd.DataFrame([[1, 2]], columns=names), tmp_path / "f.parquet")


def test_importing_the_library_loads_no_table_engine_and_no_platform():
    done = subprocess.run(
        [sys.executable, "-c", "import anonymize, sys; print([m for m in ('django', 'duckdb', 'pandas') if m in sys.modules])"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError):
        anonymize.nothing_of_the_kind  # noqa: B018


@pytest.mark.parametrize("values", [pd.Series([1, 2**63], dtype="uint64"), pd.Series([1, 2**70], dtype=object)], ids=["of 64 bits", "of more"])
def test_whole_numbers_that_are_too_long_are_called_that(values):
    with pytest.raises(InputError, match="of 2\\^63 or more") as refused:
        anonymize.run_frame(RECIPE, pd.DataFrame({"age": values, "area": "N1", "answer": True}))
    assert "9223372036854775808" not in str(refused.value.as_dict())
