"""What recipes and tables hold that they should not: a clear error or a stated treatment, never a silent change of the promise."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from anonymize import recipe
from anonymize.aggregates import stage as staging
from anonymize.aggregates.plan import plan
from anonymize.errors import AnonymizeError, RecipeError
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.aggregates.worlds import dp_stage, release, table_of

PEOPLE = {"name": "people", "kind": "persons"}
VISITS = {"name": "visits", "kind": "rows"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 100}


@pytest.fixture(params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(staging.noise, "add_noise", lambda values, drawn: values)


def _document(**changes):
    stage = {
        "stage": "dp_table", "group_by": [{"column": "place", "values": ["a"]}], "measures": [PEOPLE], "epsilon": "1", "delta": "1e-6",
        "max_cells_per_person": 1, "cells": "public",
    }  # fmt: skip
    columns = {"who": {"role": "person_key"}, "place": {"role": "place"}, "amount": {"role": "sensitive"}}
    return {"recipe": 1, "title": "t", "person_key": "who", "columns": columns, "stages": [stage | changes]}


IMPOSSIBLE = ["0", "-1", "nan", "NaN", "inf", "-inf", "Infinity", "1e-400", "1e400", "1e-7", 0.5, True, None, ""]


@pytest.mark.parametrize("epsilon", [*IMPOSSIBLE, "65"])
def test_an_epsilon_that_protects_nothing_or_everything_is_refused(epsilon):
    with pytest.raises(RecipeError) as caught:
        recipe.parse(_document(epsilon=epsilon))
    assert any(problem.pointer == "/stages/0/epsilon" for problem in caught.value.problems)


@pytest.mark.parametrize("delta", [*(bad for bad in IMPOSSIBLE if bad not in ("0", "1e-7")), "0.02", "1"])
def test_a_delta_that_is_none_is_refused(delta):
    with pytest.raises(RecipeError) as caught:
        recipe.parse(_document(delta=delta))
    assert any(problem.pointer == "/stages/0/delta" for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("measure", "said"),
    [
        (SPEND | {"lower": 100, "upper": 0}, "below upper"),
        (SPEND | {"lower": 5, "upper": 5}, "below upper"),
        (SPEND | {"upper": "nan"}, "finite"),
        ({"name": "spend", "kind": "sum", "column": "amount"}, "never taken from the data"),
        (SPEND | {"upper": "0.5", "unit": "1"}, "whole multiples"),
        (SPEND | {"unit": "0"}, "at least"),
        (PEOPLE | {"weight": "0"}, "above 0"),
    ],
)
def test_bounds_that_bound_nothing_are_refused(measure, said):
    with pytest.raises(RecipeError) as caught:
        recipe.parse(_document(measures=[measure]))
    assert any(said in problem.message for problem in caught.value.problems)


@pytest.mark.parametrize("limits", [{"max_cells_per_person": 0}, {"max_cells_per_person": 1.5}, {"max_rows_per_cell": -1}, {"max_rows_per_person": 0}])
def test_limits_that_are_none_are_refused(limits):
    with pytest.raises(RecipeError):
        recipe.parse(_document(**limits))


def test_clamps_of_a_million_times_the_data_are_kept_and_their_noise_is_told(engine):
    """A bound is a promise, not a guess: it is used as it is, and the interval says what it costs."""
    rows = table_of([{"who": f"p{i}", "place": "a", "amount": 10} for i in range(50)])
    released = release(engine, rows, dp_stage(measures=[SPEND | {"upper": 10_000_000}], non_negative=False))
    (measure,) = released.report_public["measures"]
    assert (measure["sensitivity"], measure["half_width"]) == (10_000_000, "29957323")  # ln 20 times the scale
    for value, low, high in released.table[["spend", "spend_lower", "spend_upper"]].itertuples(index=False):
        assert high - value == value - low == 29_957_323


def test_more_cells_a_person_than_there_are_cells_is_the_number_of_cells(engine, quiet):
    rows = table_of([{"who": "ann", "place": place} for place in "abc"])
    released = release(engine, rows, dp_stage(max_cells_per_person=1_000))
    assert released.report_public["max_cells_per_person"] == 3
    assert released.report_public["measures"][0]["sensitivity"] == 3
    assert released.table["people"].tolist() == [1, 1, 1]


def test_private_cells_are_not_counted_for_that(engine):
    rows = table_of([{"who": "ann", "place": place} for place in "abc"])
    private = dp_stage(max_cells_per_person=1_000, cells="private", group_by=[{"column": "place"}])
    assert release(engine, rows, private).report_public["max_cells_per_person"] == 1_000


def test_a_public_domain_of_a_thousand_million_cells_is_refused_before_any_row_is_read(engine):
    hours = {"column": "at", "bucket": "hour", "start": "2000-01-01", "end": "2010-01-01"}
    many = [{"column": "place", "values": [f"v{i}" for i in range(12_000)]}, hours]
    with pytest.raises(RecipeError, match="cells, more than"):
        release(engine, table_of([]), dp_stage(group_by=many))


def test_one_person_with_very_many_rows_counts_as_one(engine, quiet):
    rows = table_of([{"who": "ann", "place": "a", "amount": 10}] * 20_000 + [{"who": "bo", "place": "b", "amount": 10}])
    released = release(engine, rows, dp_stage(measures=[PEOPLE, VISITS, SPEND], max_rows_per_cell=3))
    assert [tuple(row) for row in released.table[["people", "visits", "spend"]].to_numpy().tolist()] == [(1, 3, Decimal(30)), (1, 1, Decimal(10)), (0, 0, 0)]


def test_all_rows_of_one_person_leave_one_person(engine, quiet):
    rows = table_of([{"who": "ann", "place": place, "amount": 1} for place in "abc"] * 5)
    assert release(engine, rows, dp_stage(max_cells_per_person=2)).table["people"].sum() == 2


def test_duplicated_events_are_rows_like_others_within_the_limits(engine, quiet):
    rows = table_of([{"who": "ann", "place": "a", "amount": 4}] * 2)
    counted = release(engine, rows, dp_stage(measures=[PEOPLE, VISITS, SPEND], max_rows_per_cell=5)).table.iloc[0]
    assert (counted["people"], counted["visits"], counted["spend"]) == (1, 2, 8)


def test_times_out_of_range_and_missing_ones_are_left_out_and_counted(engine, quiet):
    moments = [dt.datetime(2024, 1, 1, 5), dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23), None]
    rows = table_of([{"who": f"p{i}", "place": "a", "at": at} for i, at in enumerate(moments)])
    days = dp_stage(group_by=[{"column": "at", "bucket": "day", "start": "2024-01-01", "end": "2024-01-03"}])
    released = release(engine, rows, days)
    assert released.table["people"].tolist() == [1, 0]
    internal = released.report_internal
    assert (internal["rows_without_group"], internal["rows_outside_domain"]) == (1, 2)


def test_amounts_that_are_no_multiple_of_the_unit_are_rounded_half_to_even(engine, quiet):
    rows = table_of([{"who": f"p{i}", "place": "a", "amount": Decimal(amount)} for i, amount in enumerate(["0.50", "1.50", "2.49"])])
    assert release(engine, rows, dp_stage(measures=[SPEND])).table["spend"].tolist()[0] == 0 + 2 + 2


def test_groups_that_nobody_is_in_are_shown_with_noise_where_they_are_public(engine):
    rows = table_of([{"who": f"p{i}", "place": "a"} for i in range(30)])
    drawn = {int(release(engine, rows, dp_stage(epsilon="0.05", non_negative=False)).table["people"][1]) for _ in range(12)}
    assert len(drawn) > 1


def test_a_scale_that_no_sampler_can_draw_is_refused():
    with pytest.raises(AnonymizeError, match=r"(beyond|leave) the integers"):
        plan(dp_stage(epsilon="0.000001", max_cells_per_person=1_000_000, max_rows_per_cell=1_000_000, measures=[SPEND | {"upper": 10_000_000}]))
