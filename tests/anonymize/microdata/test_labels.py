"""Rows get the labels of their class, whatever their combination looks like, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from anonymize.microdata import encode, labels
from anonymize.microdata.encode import Names, leaves
from anonymize.microdata.stage import anonymise
from anonymize.recipe import KAnonymity
from anonymize.tables import DuckEngine, PandasEngine, TableEngine


@pytest.fixture(params=["duck", "pandas"], scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[TableEngine]:
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


def test_combinations_are_read_with_their_rows_and_null_comes_last(engine: TableEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "_BATCH", 2)
    table = pd.DataFrame({"a": pd.Series(["y", None, "x", "y", None], dtype="string[pyarrow]"), "n": pd.Series([10, 9, 9, 10, None], dtype="int64[pyarrow]")})
    found = leaves(engine, engine.from_pandas(table), ["a", "n"], Names(["a", "n"]))
    a, n = found.values
    assert (a.listed, n.listed) == (["x", "y", None], [10, 9, None])  # in the order of their texts
    seen = {(a.listed[i], n.listed[j]): rows for (i, j), rows in zip(found.codes.tolist(), found.rows.tolist(), strict=True)}
    assert seen == {("y", 10): 2, (None, 9): 1, ("x", 9): 1, (None, None): 1}


def test_a_table_without_rows_has_no_combination(engine: TableEngine) -> None:
    frame = engine.from_pandas(pd.DataFrame({"a": pd.Series([], dtype="string[pyarrow]")}))
    found = leaves(engine, frame, ["a"], Names(["a"]))
    assert (found.codes.shape, len(found.rows), found.values[0].listed) == ((0, 1), 0, [])


def test_classes_that_stay_are_numbered_and_have_a_member_of_theirs() -> None:
    of, kept = np.array([7, 3, 7, 9, 3]), np.array([True, True, True, False, True])
    number, member = labels.numbers(of, kept)
    assert number.tolist() == [0, 1, 0, -1, 1]
    assert of[member].tolist() == [7, 3]


@pytest.mark.parametrize("bits", [62, 4])
def test_rows_find_their_class_also_where_one_number_cannot_tell_combinations_apart(
    engine: TableEngine, bits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "BITS", bits)  # with four, no two columns of six fit into one number
    columns = {f"c{i}": pd.Series([[None, "u", "v"][(row // 3 + i) % 3] for row in range(12)], dtype="string[pyarrow]") for i in range(6)}
    table = pd.DataFrame({**columns, "row": range(12)})
    stage = KAnonymity(stage="k_anonymity", k=3, method="local_recoding")
    made = anonymise(engine, engine.from_pandas(table), stage=stage, quasi_identifiers=dict.fromkeys(columns), person_key=None, folder=None)
    rows = sorted(pa.Table.from_pandas(engine.collect(made.frame), preserve_index=False).to_pylist(), key=lambda row: row["row"])
    assert [row["c1"] for row in rows] == [[None, "u", "v"][(i // 3 + 1) % 3] for i in range(12)]
    assert made.report["granularity"] == 1
