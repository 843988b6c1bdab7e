"""The interval of a sum of noisy cells covers the true sum, also where small cells were raised to zero."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from catalog.publishing.query import QueryError, RecordsQuery, ReleaseColumn, SchemaError, noise, records
from catalog.publishing.query.noise import interval
from catalog.publishing.query.schema import ReleaseSchema
from tests.publishing.query.conftest import SECRET, write_release

_HALF = {"laplace": math.log(20), "gaussian": 1.959964}  # 95 % half-width at scale 1


def _coverage(kind, truth, draws=400, non_negative=True):
    """Share of draws in which the interval of the sum holds the true sum. truth: (cells,)"""
    rng = np.random.default_rng(20260101)
    half, hits = _HALF[kind], 0
    for _ in range(draws):
        drawn = rng.laplace(size=truth.size) if kind == "laplace" else rng.normal(size=truth.size)
        value, low, high = truth + drawn, truth + drawn - half, truth + drawn + half
        if non_negative:
            value, low, high = (np.maximum(end, 0) for end in (value, low, high))
        touches = (low == 0) & (value - low <= high - value)
        ends = interval(*(np.array([x], float) for x in (value.sum(), (high - value).max(), truth.size, touches.sum())))
        hits += bool(ends[0][0] <= truth.sum() <= ends[1][0])
    return hits / draws


_TRUTHS = {
    "one cell": np.full(1, 50.0),
    "two cells": np.full(2, 50.0),
    "a hundred large cells": np.full(100, 50.0),
    "a thousand empty cells": np.zeros(1_000),
    "ten empty cells": np.zeros(10),
    "cells of one and two": np.tile([1.0, 2.0], 500),
    "empty and large cells": np.tile([0.0, 0.0, 0.0, 40.0], 250),
}


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
@pytest.mark.parametrize("cells", list(_TRUTHS))
def test_the_interval_of_a_sum_holds_the_true_sum_in_95_of_100_draws(kind, cells):
    assert _coverage(kind, _TRUTHS[cells]) >= 0.92  # 400 draws of 95 %: three standard errors are 3.3 points


@pytest.mark.parametrize("kind", ["laplace", "gaussian"])
def test_the_interval_covers_where_nothing_was_raised(kind):
    assert _coverage(kind, np.zeros(100), non_negative=False) >= 0.92


def test_the_simulation_sees_an_interval_that_forgets_the_bias_of_raised_cells(monkeypatch):
    monkeypatch.setattr(noise, "RAISED_BIAS", 0.0)
    assert _coverage("gaussian", _TRUTHS["a thousand empty cells"]) < 0.5


def test_the_interval_is_not_wider_than_the_sum_of_the_intervals():
    lower, upper = interval(np.array([1000.0]), np.array([3.0]), np.array([100.0]), np.array([0.0]))
    assert (lower[0], upper[0]) == (970.0, 1030.0)  # 3·√100, not 3·100


# --- in an answer ---------------------------------------------------------------------------------------------------

_COLUMNS = (
    ReleaseColumn("gu", "text"),
    ReleaseColumn("people", "integer", True, "people_lower", "people_upper"),
    ReleaseColumn("people_lower", "integer"),
    ReleaseColumn("people_upper", "integer"),
    ReleaseColumn("spend", "decimal", True, "spend_lower", "spend_upper"),
    ReleaseColumn("spend_lower", "decimal"),
    ReleaseColumn("spend_upper", "decimal"),
)


@pytest.fixture
def noisy(tmp_path):
    def money(*texts):
        return pa.array([None if t is None else Decimal(t) for t in texts], pa.decimal128(12, 2))

    table = pa.table(
        {
            "gu": ["a", "a", "b", "c"],
            "people": [100, 200, 0, None],
            "people_lower": [97, 196, 0, None],
            "people_upper": [103, 204, 3, None],
            "spend": money("10.00", "20.00", "5.00", None),
            "spend_lower": money("9.00", "19.00", "4.00", None),
            "spend_upper": money("11.00", "21.00", "6.00", None),
        }
    )
    return write_release(tmp_path / "noisy.parquet", table, _COLUMNS)


def _ask(release, **question):
    return records(release, RecordsQuery(**question), secret=SECRET)


def test_a_sum_of_noisy_cells_comes_with_its_interval_rounded_outwards(noisy):
    page = _ask(noisy, select="gu, sum(people) as total, sum(spend) as money", group_by="gu")
    assert page.rows[0] == {
        "gu": "a",
        "total": 300,
        "total_lower": 294,  # 300 - 4·√2 = 294.3
        "total_upper": 306,
        "money": "30.00",
        "money_lower": "28.58",  # 30 - √2
        "money_upper": "31.42",
    }
    assert page.rows[1]["total_lower"] == 0
    assert page.rows[2] == dict.fromkeys(page.rows[2]) | {"gu": "c"}
    assert "root of the sum of squares" in page.meta["error_note"]
    names = [column["name"] for column in page.meta["columns"]]
    assert names == list(page.rows[0])


def test_an_average_of_noisy_cells_has_an_interval_too(noisy):
    row = _ask(noisy, select="avg(people) as middle", where="gu = 'a'").rows[0]
    assert row["middle"] == 150.0
    assert row["middle_lower"] == pytest.approx(150 - 4 * math.sqrt(2) / 2)


def test_a_filter_on_the_noisy_value_is_said_to_bias_the_sum(noisy):
    assert "biases the sum" in _ask(noisy, select="sum(people)", where="people > 10").meta["error_note"]
    assert "biases the sum" not in _ask(noisy, select="sum(people)", where="gu = 'a'").meta["error_note"]


def test_plain_rows_and_exact_columns_carry_no_note(noisy):
    assert "error_note" not in _ask(noisy).meta
    assert "error_note" not in _ask(noisy, group_by="gu").meta
    assert "smallest" in _ask(noisy, select="min(people)").meta["error_note"]


def test_a_name_that_an_interval_needs_cannot_be_taken(noisy):
    with pytest.raises(QueryError) as caught:
        _ask(noisy, select="sum(people) as t, max(spend) as t_lower")
    assert caught.value.code == "duplicate_name"


@pytest.mark.parametrize(
    "columns",
    [
        (),
        (ReleaseColumn("a", "text"), ReleaseColumn("a", "text")),
        (ReleaseColumn("FILE_ROW_NUMBER", "integer"),),
        (ReleaseColumn("a", "integer", True, "gone", "gone"),),
        (ReleaseColumn("a", "integer", True, "t", "t"), ReleaseColumn("t", "text")),
    ],
)
def test_a_schema_that_cannot_be_served_is_refused(columns):
    with pytest.raises(SchemaError):
        ReleaseSchema(columns)


def test_a_column_that_cannot_be_served_is_refused():
    for wrong in (
        {"name": "", "type": "text"},
        {"name": "a", "type": "blob"},
        {"name": "a", "type": "integer", "lower": "b"},
    ):
        with pytest.raises(SchemaError):
            ReleaseColumn(**wrong)
