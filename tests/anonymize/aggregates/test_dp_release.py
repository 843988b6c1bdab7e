"""The whole stage: what comes out, what is refused, and when the budget is charged."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from anonymize.aggregates import noise
from anonymize.columns.hierarchies import build
from anonymize.errors import AnonymizeError, BudgetRefused, InputError, PrivacyNotMet, RecipeError
from anonymize.recipe import IntervalHierarchy, loads
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.aggregates.worlds import TYPES, dp_stage, release, table_of
from tests.chances import at_least
from tests.needs import REAL_DATA

PEOPLE = {"name": "people", "kind": "persons"}
VISITS = {"name": "visits", "kind": "rows"}
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 5, "unit": "0.25"}


@pytest.fixture(params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


@pytest.fixture
def duck():
    with DuckEngine() as made:
        yield made


@pytest.fixture
def quiet(monkeypatch):
    """No noise: what is left is the exact table, which only a test may see. Notes what noise was asked for."""
    asked = []
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: asked.append(drawn) or values.copy())
    monkeypatch.setattr(noise, "add_truncated", lambda values, drawn, reach: asked.append(drawn) or values.copy())
    return asked


def _row(who, place="a", amount="1.00", at=None):
    return {"who": who, "place": place, "amount": None if amount is None else Decimal(amount), "at": at}


TWO = table_of([_row("ann", "a"), _row("ann", "b"), _row("bo", "a"), _row("bo", "a", "7.00")])


def _records(released):
    return pa.Table.from_pandas(released.table, preserve_index=False).to_pylist()


def _values(released, *names):
    return [tuple(record[name] for name in names) for record in _records(released)]


# --- what comes out ----------------------------------------------------------------------------------------------


def test_public_cells_are_all_combinations_zeros_included_in_order(engine, quiet):
    stage = dp_stage(measures=[PEOPLE, VISITS, SPEND], max_cells_per_person=3, max_rows_per_cell=2)
    released = release(engine, TWO, stage)
    expected = [("a", 2, 3, Decimal("7.00")), ("b", 1, 1, Decimal("1.00")), ("c", 0, 0, Decimal("0.00"))]
    assert _values(released, "place", "people", "visits", "spend") == expected


def test_every_value_has_an_interval_around_it_and_counts_stay_at_zero_or_above(engine, quiet):
    stage = dp_stage(measures=[PEOPLE, SPEND], max_cells_per_person=3)
    for record, half in zip(_records(release(engine, TWO, stage)), [18] * 3, strict=True):
        assert record["people_lower"] == max(0, record["people"] - half)
        assert record["people_upper"] == record["people"] + half
        assert record["spend_lower"] <= record["spend"] <= record["spend_upper"]


def test_sums_that_may_be_negative_are_not_cut_at_zero(engine, quiet):
    losses = SPEND | {"lower": -5}
    rows = table_of([_row("ann", amount="-3.00")])
    released = release(engine, rows, dp_stage(measures=[losses]))
    assert _values(released, "spend")[0] == (Decimal("-3.00"),)
    assert released.report_public["clipped_at_zero"] == []


def test_nothing_is_cut_where_the_recipe_says_so(duck):
    table = release(duck, TWO, dp_stage(non_negative=False, epsilon="0.01", max_cells_per_person=3)).table
    assert (table["people"] - table["people_lower"]).tolist() == (table["people_upper"] - table["people"]).tolist() == [899] * 3


def test_output_types_are_integers_and_exact_decimals(engine):
    schema = pa.Schema.from_pandas(release(engine, TWO, dp_stage(measures=[PEOPLE, SPEND])).table)
    assert schema.field("people").type == schema.field("people_upper").type == pa.int64()
    assert schema.field("spend").type == schema.field("spend_lower").type == pa.decimal128(38, 2)


@pytest.mark.parametrize(("unit", "places"), [("0.01", 2), ("1", 0), ("2.5", 1), ("100", 0), ("0.000005", 6)])
def test_a_sum_has_the_decimal_places_of_its_unit(duck, quiet, unit, places):
    rows = table_of([_row("ann", amount="500.00")])
    released = release(duck, rows, dp_stage(measures=[SPEND | {"unit": unit, "upper": 1000}]))
    assert _values(released, "spend")[0] == (Decimal(500),)
    assert pa.Schema.from_pandas(released.table).field("spend").type == pa.decimal128(38, places)


def test_columns_are_described_in_the_order_of_the_table(duck):
    released = release(duck, TWO, dp_stage(measures=[PEOPLE, SPEND]))
    assert [column["name"] for column in released.columns] == list(released.table.columns)
    assert [column["type"] for column in released.columns] == ["text"] + ["integer"] * 3 + ["decimal"] * 3
    assert [column["role"] for column in released.columns[:4]] == ["group", "measure", "lower", "upper"]


@pytest.mark.draws
def test_intervals_cover_the_exact_value(duck):
    """One release of many cells: 95 % of intervals, and cutting at zero does not spoil it. Fails a right program below 10^-9."""
    places = [f"p{i}" for i in range(3000)]
    rows = table_of([_row(f"w{i}", f"p{i}") for i in range(1500)])
    stage = dp_stage(group_by=[{"column": "place", "values": places}], measures=[PEOPLE, SPEND], epsilon="0.5")
    table = release(duck, rows, stage).table
    exact = table["place"].str.slice(1).astype("int64[pyarrow]").lt(1500).astype("int64[pyarrow]")
    for name in ("people", "spend"):
        covered = ((table[f"{name}_lower"] <= exact) & (exact <= table[f"{name}_upper"])).sum()
        assert covered >= at_least(3000, 0.95)


def test_private_cells_are_those_with_enough_persons_on_the_noisy_count(duck):
    small = [_row("x", "alone"), _row("y", "few"), _row("z", "few")]
    rows = table_of([_row(f"w{i}", "many") for i in range(500)] + small)
    stage = dp_stage(group_by=[{"column": "place"}], cells="private", measures=[VISITS], delta="1e-12")  # the chance of being wrong
    released = release(duck, rows, stage)
    assert released.table["place"].tolist() == ["many"]
    assert released.report_internal["cells_with_data"] == 3
    assert list(released.table.columns) == ["place", "visits", "visits_lower", "visits_upper"]


def test_a_private_table_publishes_the_same_count_that_it_chose_by(duck):
    stage = dp_stage(group_by=[{"column": "place"}], cells="private", epsilon="0.2")
    rows = table_of([_row(f"w{i}", f"p{i % 40}") for i in range(4000)])
    released = release(duck, rows, stage)
    assert 0 < len(released.table) <= 40
    assert min(released.table["people"]) > released.report_public["selection"]["threshold"]


def test_a_measure_may_be_called_selection(duck, quiet):
    stage = dp_stage(group_by=[{"column": "place"}], cells="private", measures=[VISITS | {"name": "selection"}])
    rows = table_of([_row(f"w{i}") for i in range(100)])
    assert _values(release(duck, rows, stage), "selection") == [(100,)]


# --- rows --------------------------------------------------------------------------------------------------------


def test_rows_without_group_or_outside_the_domain_are_left_out_before_bounding(engine, quiet):
    rows = table_of([_row("ann", None), _row("ann", "elsewhere"), _row("ann", "b")])
    released = release(engine, rows, dp_stage())
    assert _values(released, "people") == [(0,), (1,), (0,)]
    assert released.report_internal["rows_without_group"] == 1
    assert released.report_internal["rows_outside_domain"] == 1


def test_a_missing_amount_adds_nothing_and_its_row_counts(engine, quiet):
    rows = table_of([_row("ann", amount=None), _row("ann", amount="2.00")])
    released = release(engine, rows, dp_stage(measures=[VISITS, SPEND], max_rows_per_cell=5))
    assert _values(released, "visits", "spend")[0] == (2, Decimal(2))
    assert released.report_internal["amounts_missing"] == [1]


def test_a_row_without_person_key_is_refused(engine, quiet):
    with pytest.raises(InputError, match="no person key"):
        release(engine, table_of([_row("ann"), _row(None)]), dp_stage())
    assert quiet == []


def test_no_rows_give_noise_on_public_cells_and_no_private_cells(engine):
    public = release(engine, table_of([]), dp_stage(measures=[PEOPLE, SPEND]))
    private = release(engine, table_of([]), dp_stage(cells="private", measures=[PEOPLE, SPEND]))
    assert (len(public.table), len(private.table)) == (3, 0)
    assert list(private.table.columns) == list(public.table.columns)


def test_columns_named_like_ours_or_like_sql_are_only_names(engine, quiet):
    hostile = {"p": "who", "g0": "place", 'u0"; DROP TABLE x; --': "amount"}
    rows = TWO.rename(columns={ours: theirs for theirs, ours in hostile.items()})
    types = {theirs: TYPES[ours] for theirs, ours in hostile.items()} | {"at": "timestamp"}
    stage = dp_stage(
        group_by=[{"column": "g0", "values": ["a", "b"]}],
        measures=[SPEND | {"name": "n", "column": 'u0"; DROP TABLE x; --'}],
        max_cells_per_person=2,
        max_rows_per_cell=2,
    )
    released = release(engine, rows, stage, types, unit=("p",))
    assert _values(released, "g0", "n") == [("a", Decimal(7)), ("b", Decimal(1))]


# --- groups ------------------------------------------------------------------------------------------------------


def test_calendar_buckets_span_start_to_end_in_local_time(engine, quiet):
    rows = table_of([_row("ann", at=dt.datetime(2024, 1, 31, 23, 30)), _row("bo", at=dt.datetime(2024, 3, 1))])
    group = {"column": "at", "bucket": "month", "start": "2024-01-01", "end": "2024-03-01", "time_zone": "Asia/Seoul"}
    released = release(engine, rows, dp_stage(group_by=[group]))
    assert _values(released, "at_month", "people") == [(dt.date(2024, 1, 1), 1), (dt.date(2024, 2, 1), 0)]


def test_hours_of_the_day_and_days_of_the_week_declare_themselves(engine, quiet):
    rows = table_of([_row("ann", at=dt.datetime(2024, 1, 7, 23))])
    groups = [{"column": "at", "bucket": "day_of_week"}, {"column": "at", "bucket": "hour_of_day"}]
    released = release(engine, rows, dp_stage(group_by=groups))
    assert len(released.table) == 7 * 24
    assert _records(released)[-1] == {
        "at_day_of_week": 7, "at_hour_of_day": 23, "people": 1, "people_lower": 0, "people_upper": 4,
    }  # fmt: skip


def test_hours_between_two_dates_are_local_timestamps(duck, quiet):
    group = {"column": "at", "bucket": "hour", "start": "2024-03-31", "end": "2024-04-02", "time_zone": "Europe/Paris"}
    released = release(duck, table_of([_row("ann", at=dt.datetime(2024, 4, 1, 5, 59))]), dp_stage(group_by=[group]))
    assert len(released.table) == 48
    assert released.table.set_index("at_hour")["people"].idxmax() == dt.datetime(2024, 4, 1, 5)


@pytest.mark.parametrize("kind", ["public", "private"])
def test_levels_of_a_hierarchy_group_by_their_labels(engine, quiet, kind):
    rows = table_of([_row(f"w{i}", amount=f"{i}.00") for i in range(60)] + [_row("nobody", amount=None)])
    ladder = build("amount", IntervalHierarchy(intervals=(Decimal(10), Decimal(50))), list(range(60)), None)
    labels = sorted(set(ladder.labels(2, [0, 55])))
    group = {"column": "amount", "level": 2} | ({"values": labels} if kind == "public" else {})
    released = release(engine, rows, dp_stage(group_by=[group], cells=kind, epsilon="5"), ladders={"amount": ladder})
    counts = dict(_values(released, "amount", "people"))
    assert counts[ladder.labels(2, [0])[0]] == 50
    assert released.report_internal["rows_without_group"] == 1


def test_a_bucket_that_start_or_end_would_cut_is_refused(duck):
    for bucket, start, end in [
        ("month", "2024-01-02", "2024-03-01"),
        ("week", "2024-01-01", "2024-01-10"),
        ("quarter", "2024-02-01", "2024-04-01"),
        ("year", "2024-01-01", "2025-02-01"),
    ]:
        group = {"column": "at", "bucket": bucket, "start": start, "end": end}
        with pytest.raises(RecipeError, match="would be cut"):
            release(duck, TWO, dp_stage(group_by=[group]))


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ({"column": "place", "bucket": "month", "values": ["x"]}, "type text"),
        ({"column": "none", "values": ["x"]}, "no column 'none'"),
        ({"column": "day", "bucket": "hour_of_day"}, "no hours"),
        ({"column": "count", "values": ["1", "x"]}, "not of the column's type, integer"),
        ({"column": "count", "values": ["1", "01"]}, "written differently"),
        ({"column": "day", "values": ["2024-02-30"]}, "not of the column's type, date"),
        ({"column": "flag", "values": ["yes"]}, "not of the column's type, boolean"),
        ({"column": "ratio", "values": ["0.5"]}, "type number"),
        ({"column": "at", "bucket": "hour_of_day", "values": ["24"]}, "outside the range"),
        ({"column": "at", "bucket": "day", "start": "2024-13-01", "end": "2025-01-01"}, "dates of the calendar"),
        ({"column": "at", "bucket": "hour", "start": "0001-01-01", "end": "9999-01-01"}, "208,333 days apart"),
        ({"column": "at", "bucket": "year", "start": "0001-01-01", "end": "9999-01-01"}, "366,000 days apart"),
    ],
)
def test_groups_that_cannot_be_are_refused_by_name_before_any_row_is_read(duck, group, said):
    types = TYPES | {"day": "date", "count": "integer", "flag": "boolean", "ratio": "number"}
    with pytest.raises(RecipeError, match=said) as caught:
        release(duck, TWO, dp_stage(group_by=[group]), types)
    assert caught.value.problems[0].pointer.startswith("/group_by")


def test_more_public_cells_than_can_be_are_refused(duck):
    many = [str(i) for i in range(2_300)]
    groups = [{"column": "who2", "values": many}, {"column": "place", "values": many}]
    with pytest.raises(RecipeError, match="5,290,000 cells"):
        release(duck, TWO, dp_stage(group_by=groups), TYPES | {"who2": "text"})


@pytest.mark.parametrize(("column", "said"), [("place", "not a number"), ("nothing", "not in the table")])
def test_a_sum_of_what_is_no_number_is_refused(duck, column, said):
    with pytest.raises(RecipeError, match=said):
        release(duck, TWO, dp_stage(measures=[SPEND | {"column": column}]))


def test_a_person_key_that_is_missing_or_a_float_is_refused(duck):
    for types in ({}, {"who": "number"}):
        with pytest.raises(RecipeError, match="person key"):
            release(duck, TWO, dp_stage(), {"place": "text"} | types)


# --- the budget --------------------------------------------------------------------------------------------------


def test_the_budget_is_charged_once_with_the_exact_figures_before_any_draw(engine, monkeypatch):
    happened = []
    real = noise.add_noise
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: happened.append("draw") or real(values, drawn))
    stage = dp_stage(measures=[PEOPLE, VISITS], epsilon="0.7")
    release(engine, TWO, stage, before_noise=lambda loss: happened.append((loss.epsilon, loss.delta)))
    assert happened == [(Decimal("0.7"), Decimal("1e-6")), "draw", "draw"]


def test_a_refused_budget_means_no_draw(duck, quiet):
    def refuse(loss):
        raise BudgetRefused("spent")

    for cells in ("public", "private"):
        with pytest.raises(BudgetRefused):
            release(duck, TWO, dp_stage(cells=cells), before_noise=refuse)
    assert quiet == []


def test_every_refusal_comes_before_the_charge(duck):
    charged = []
    wide = SPEND | {"upper": 10**15, "unit": "1"}
    crowd = table_of([_row(f"w{i}") for i in range(6_000)])
    refused = [
        (crowd, dp_stage(delta="0.001"), "delta is not below"),
        (crowd, dp_stage(measures=[wide]), "64-bit"),
        (table_of([_row(None)]), dp_stage(), "person key"),
        (TWO, dp_stage(measures=[SPEND | {"column": "place"}]), "not a number"),
    ]
    for rows, stage, said in refused:
        with pytest.raises(AnonymizeError, match=said):
            release(duck, rows, stage, before_noise=lambda loss: charged.append((loss.epsilon, loss.delta)))
    assert charged == []


def test_a_delta_of_one_in_the_number_of_persons_is_refused_without_telling_the_number(duck):
    rows = table_of([_row(f"w{i}") for i in range(137)])
    with pytest.raises(PrivacyNotMet) as caught:
        release(duck, rows, dp_stage(delta="0.01"))
    assert "137" not in caught.value.message
    assert release(duck, rows[:99], dp_stage(delta="0.01"))


def test_no_seed_is_reachable_from_a_recipe():
    recipe = {
        "recipe": 1,
        "title": "t",
        "person_key": "who",
        "columns": {"who": {"role": "person_key"}, "place": {"role": "plain"}},
        "stages": [dp_stage().model_dump(mode="json", exclude_unset=True)],
    }
    assert loads(json.dumps(recipe))
    for seeded in (recipe | {"seed": 1}, recipe | {"stages": [recipe["stages"][0] | {"random_state": 1}]}):
        with pytest.raises(RecipeError):
            loads(json.dumps(seeded))


@pytest.mark.draws
def test_two_releases_draw_different_noise(duck):
    """24 values with a scale of 100, some cut at zero: equal by chance below 10^-20."""
    stage = dp_stage(group_by=[{"column": "at", "bucket": "hour_of_day"}], epsilon="0.01")
    first, second = (release(duck, table_of([]), stage).table["people_upper"].tolist() for _ in range(2))
    assert first != second


# --- reports -----------------------------------------------------------------------------------------------------


def test_the_public_report_tells_no_more_than_recipe_and_table(duck):
    """The same recipe over other rows gives the same public report, letter by letter."""
    stage = dp_stage(measures=[PEOPLE, SPEND])
    crowd = table_of([_row(f"w{i}", amount="3.25") for i in range(321)])
    reports = [json.dumps(release(duck, rows, stage).report_public) for rows in (TWO, crowd, table_of([]))]
    assert len(set(reports)) == 1


def test_reports_are_plain_json(duck):
    released = release(duck, TWO, dp_stage(measures=[PEOPLE, SPEND], cells="private"))
    for part in (released.report_public, released.report_internal, released.columns):
        assert json.loads(json.dumps(part)) == part


def test_progress_goes_forward(duck):
    seen = []
    release(duck, TWO, dp_stage(), progress=lambda step, share: seen.append((step, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_real_invoices_by_country_stay_within_their_intervals(shared_data: Path, duck, tmp_path):
    """Exact truth by pandas, noise by us: a big cell is near the truth, and small ones hide.

    Noise of scale 2 is beyond 60 with a chance of e^-30; a country of one person is shown with that of delta.
    """
    found = sorted(shared_data.glob("online_retail/*.parquet")) + sorted(shared_data.glob("online_retail/*.csv"))
    if not found:
        REAL_DATA.missing()
    path = found[0]
    raw = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, encoding="utf-8-sig")
    raw = raw.rename(columns=lambda name: name.replace(" ", ""))
    key = next(name for name in raw.columns if name.lower() == "customerid")
    rows = pd.DataFrame({"who": raw[key], "place": raw["Country"]}).dropna().astype({"who": "int64"})
    stage = dp_stage(group_by=[{"column": "place"}], cells="private", max_cells_per_person=2, delta="1e-12")
    released = release(duck, rows, stage, {"who": "integer", "place": "text"})
    truth = rows.groupby("place")["who"].nunique()
    shown = released.table.set_index("place")
    assert "United Kingdom" in shown.index
    assert abs(int(shown.loc["United Kingdom", "people"]) - truth["United Kingdom"]) < 60
    assert not set(truth[truth == 1].index) & set(shown.index)
