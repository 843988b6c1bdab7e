"""Buckets of local time, and amounts in whole units: asked of both engines."""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonymize.tables import DuckEngine, PandasEngine


@pytest.fixture(scope="module", params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


def _column(engine, values, kind):
    rows = pd.DataFrame({"i": range(len(values)), "x": pd.array(values, dtype=pd.ArrowDtype(kind))})
    return engine.from_pandas(rows)


def _buckets(engine, values, kind, bucket, zone="UTC"):
    framed = engine.with_time_bucket(_column(engine, values, kind), "x", "b", bucket=bucket, time_zone=zone)
    return pa.array(engine.collect(framed).sort_values("i")["b"]).to_pylist()


def _units(engine, values, kind, lower, upper, unit):
    rows = _column(engine, values, kind)
    framed = engine.with_whole_units(rows, "x", "u", lower=lower, upper=upper, unit=Decimal(unit))
    return pa.array(engine.collect(framed).sort_values("i")["u"]).to_pylist()


LATE = dt.datetime(2024, 12, 30, 23, 59, 59)  # a Monday: ISO week 1 of 2025


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        ("hour", dt.datetime(2024, 12, 30, 23)),
        ("day", dt.date(2024, 12, 30)),
        ("week", dt.date(2024, 12, 30)),
        ("month", dt.date(2024, 12, 1)),
        ("quarter", dt.date(2024, 10, 1)),
        ("year", dt.date(2024, 1, 1)),
        ("hour_of_day", 23),
        ("day_of_week", 1),
    ],
)
def test_each_bucket_of_a_time_without_zone_is_local_whatever_the_zone(engine, bucket, expected):
    assert _buckets(engine, [LATE, None], pa.timestamp("us"), bucket, "Asia/Seoul") == [expected, None]


def test_a_time_with_a_zone_is_converted(engine):
    late = LATE.replace(tzinfo=dt.UTC)
    assert _buckets(engine, [late], pa.timestamp("us", tz="UTC"), "day", "Asia/Seoul") == [dt.date(2024, 12, 31)]
    assert _buckets(engine, [late], pa.timestamp("us", tz="UTC"), "hour_of_day", "Asia/Seoul") == [8]


def test_the_hour_that_exists_twice_is_one_bucket_and_the_missing_one_has_no_rows(engine):
    autumn = [dt.datetime(2024, 10, 27, hour, 30, tzinfo=dt.UTC) for hour in (0, 1)]
    spring = [dt.datetime(2024, 3, 31, hour, 30, tzinfo=dt.UTC) for hour in (0, 1)]
    kind = pa.timestamp("us", tz="UTC")
    assert _buckets(engine, autumn, kind, "hour", "Europe/Paris") == [dt.datetime(2024, 10, 27, 2)] * 2
    assert _buckets(engine, spring, kind, "hour_of_day", "Europe/Paris") == [1, 3]


def test_dates_before_1970_fall_in_the_right_week(engine):
    days = [dt.date(1969, 12, 28), dt.date(1969, 12, 29), dt.date(1900, 1, 1)]
    mondays = [dt.date(1969, 12, 22), dt.date(1969, 12, 29), dt.date(1900, 1, 1)]
    assert _buckets(engine, days, pa.date32(), "week") == mondays


EPOCH = dt.datetime(1970, 1, 1)
MOMENTS = [dt.datetime(2024, 2, 29, 23, 59, 59, 999_999), EPOCH, EPOCH - dt.timedelta(microseconds=1), dt.datetime(1900, 1, 1), dt.datetime(2999, 12, 31, 23), None]


def _in_microseconds(moment):
    return None if moment is None else (moment - EPOCH) // dt.timedelta(microseconds=1)


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Seoul"])
def test_a_moment_is_its_microseconds_and_they_are_the_moment(engine, zone):
    kind = pa.timestamp("us", tz=zone)
    moments = [moment if moment is None or zone is None else moment.replace(tzinfo=dt.UTC) for moment in MOMENTS]
    counted = engine.with_microseconds(_column(engine, moments, kind), "x", "n")
    back = engine.collect(engine.with_moment(counted, "n", "again", like="x").sort("i"))
    assert pa.array(back["n"]).to_pylist() == [_in_microseconds(moment) for moment in MOMENTS]
    assert [zone, pa.array(back["n"]).type] == [pa.array(back["again"]).type.tz and zone, pa.int64()]
    assert pa.array(back["again"]).cast(pa.timestamp("us", tz=zone)).equals(pa.array(back["x"]).cast(pa.timestamp("us", tz=zone)))


def test_a_date_is_its_midnight_and_every_moment_of_a_day_is_that_date(engine):
    days = [dt.date(2024, 2, 29), dt.date(1969, 12, 31), None]
    counted = engine.with_microseconds(_column(engine, days, pa.date32()), "x", "n")
    counts = [None if day is None else (day - EPOCH.date()).days * 86_400_000_000 for day in days]
    assert pa.array(engine.collect(counted.sort("i"))["n"]).to_pylist() == counts
    late = counted.with_columns((nw.col("n") + 86_399_999_999).alias("n"))
    found = pa.array(engine.collect(engine.with_moment(late, "n", "again", like="x").sort("i"))["again"])
    assert (found.to_pylist(), found.type) == (days, pa.date32())


def test_a_tie_goes_to_the_even_unit_whatever_the_sign_and_the_bound(engine):
    values = [Decimal(text) for text in ("0.005", "0.015", "-0.005", "-0.015", "0.025", "-0.0251")]
    assert _units(engine, values, pa.decimal128(18, 4), -3, 300, "0.01") == [0, 2, 0, -2, 2, -3]


def test_values_beyond_the_bounds_are_clamped_however_far(engine):
    huge = Decimal(10) ** 36
    assert _units(engine, [huge, -huge, Decimal(5), None], pa.decimal128(38, 0), 0, 500, "1") == [500, 0, 5, None]
    assert _units(engine, [2**63 - 1, -(2**63), 499], pa.int64(), 1, 500, "1") == [500, 1, 499]
    assert _units(engine, [1e300, -1e300, 499.4], pa.float64(), 1, 500, "1") == [500, 1, 499]


def test_what_is_no_number_is_null(engine):
    nothing = [float("nan"), float("inf"), float("-inf"), None, 1.0]
    assert _units(engine, nothing, pa.float64(), 0, 5, "1") == [None, None, None, None, 1]


def test_a_float_means_the_decimal_it_was_written_as(engine):
    assert _units(engine, [0.285, 2.675, 0.285e1], pa.float64(), 0, 1000, "0.01") == [28, 268, 285]


def test_nine_places_near_the_end_of_the_fast_way_are_exact(engine):
    values = [Decimal("1999998.999999999"), Decimal("-1999998.000000001"), Decimal("1234567.890123455")]
    expected = [int(value.scaleb(9)) for value in values]
    bound = 1_999_999 * 10**9
    for given_as in ((values, pa.decimal128(18, 9)), ([float(value) for value in values], pa.float64())):
        assert _units(engine, *given_as, -bound, bound, "0.000000001") == expected


def test_units_at_the_largest_bound_are_exact(engine):
    top = 10**15
    assert _units(engine, [top, top - 1, -top], pa.int64(), -top, top, "1") == [top, top - 1, -top]


EDGES = [0, 1, 499, 500, 501, 1500, 2500, -500, 2 * 10**6 + 1, 10**7, 10**7 + 1, -(10**7), 10**12 + 3, 2 * 10**12, 10**15, -(10**15), 2**53 + 1, 2**62, -(2**62)]


@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.decimal128(18, 2), pa.decimal128(38, 9), pa.float64()], ids=str)
@pytest.mark.parametrize(
    ("lower", "upper", "unit"),
    [(0, 10**7, "1"), (-(10**15), 10**15, "0.01"), (10**12, 2 * 10**12, "1"), (0, 5, "1000000000000"), (-3, 10**9, "0.001"), (-5000, 5000, "1000")],
)
def test_amounts_near_and_far_are_counted_exactly_in_every_type(engine, kind, lower, upper, unit):
    most = {"int32": 2**31 - 1, "decimal128(18, 2)": 10**16 - 1}.get(str(kind), 2**62)
    values = [value for value in EDGES if abs(value) <= most]
    if pa.types.is_decimal(kind):
        values = [Decimal(value) + Decimal("0.5") for value in values if abs(value) < most]
    with localcontext(prec=60):
        step = Decimal(unit)
        exact = [min(max(Decimal(str(float(v)) if kind == pa.float64() else v), lower * step), upper * step) for v in values]
        expected = [int((value / step).to_integral_value(ROUND_HALF_EVEN)) for value in exact]
    given_as = [float(value) for value in values] if kind == pa.float64() else values
    assert _units(engine, [*given_as, None], kind, lower, upper, unit) == [*expected, None]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.decimals(-2000, 2000, places=6), min_size=1, max_size=20),
    unit=st.sampled_from(["0.01", "0.25", "1", "7", "0.000003", "100"]),
    lower=st.integers(-10, 5),
    span=st.integers(1, 50) | st.just(10**8),
    as_float=st.booleans(),
)
def test_whole_units_are_those_of_exact_decimals(engine, values, unit, lower, span, as_float):
    """Near bounds and far ones, which are computed in different ways."""
    step, upper = Decimal(unit), lower + span
    clamped = [min(max(value, lower * step), upper * step) for value in values]
    expected = [int((value / step).quantize(Decimal(1), ROUND_HALF_EVEN)) for value in clamped]
    given_as = ([float(value) for value in values], pa.float64()) if as_float else (values, pa.decimal128(18, 6))
    assert _units(engine, *given_as, lower, upper, unit) == expected
