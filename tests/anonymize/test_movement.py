"""Flows and stays: what is made of one unit's rows, and of nobody else's, on both table engines."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from zoneinfo import ZoneInfo

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymize import movement
from anonymize.recipe import Flows, Presence
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.oracles import movement as oracle

DAY = dt.datetime(2026, 3, 2)
UNIT = ("who", "day")


@pytest.fixture(scope="module", params=["duck", "pandas"])
def engine(request):
    with DuckEngine(threads=1) if request.param == "duck" else PandasEngine() as made:
        yield made


def at(minutes, *, zone=None):
    return (DAY + dt.timedelta(minutes=minutes)).replace(tzinfo=zone)


def row(who, minutes, place, day=1, note=None, zone=None):
    return {"who": who, "day": day, "at": None if minutes is None else at(minutes, zone=zone), "place": place, "note": note}


def framed(engine, rows, zone=None):
    kinds = {"who": pa.string(), "day": pa.int64(), "at": pa.timestamp("us", tz=zone), "place": pa.string(), "note": pa.string()}
    table = pa.table({name: pa.array([each[name] for each in rows], kind) for name, kind in kinds.items()})
    return engine.from_pandas(table.to_pandas(types_mapper=pd.ArrowDtype))


def listed(engine, frame):
    found = pa.Table.from_pandas(engine.collect(frame), preserve_index=False)
    return Counter(tuple(sorted((name, str(value)) for name, value in each.items())) for each in found.to_pylist())


def counted(rows):
    return Counter(tuple(sorted((name, str(value)) for name, value in each.items())) for each in rows)


def flows(engine, rows, unit=UNIT, zone=None, **fields):
    stage = Flows(stage="flows", time="at", place="place", **({"max_gap_minutes": 60} | fields))
    return movement.flows(engine, framed(engine, rows, zone), stage, unit)


def presence(engine, rows, unit=UNIT, zone=None, **fields):
    stage = Presence(stage="presence", time="at", place="place", **({"max_gap_minutes": 300} | fields))
    return movement.presence(engine, framed(engine, rows, zone), stage, unit)


def ways(engine, frame):
    found = engine.collect(frame).sort_values(["who", "at", "origin"])
    return list(zip(found["who"], found["at"], found["origin"], found["destination"], strict=True))


# --- flows -------------------------------------------------------------------------------------------------------


def test_a_way_leads_from_a_place_to_the_next_one_and_leaves_when_the_first_was_seen(engine):
    rows = [row("ann", 130, "c"), row("ann", 0, "a"), row("ann", 60, "b"), row("ann", 131, "c"), row("bo", 30, "z")]
    assert ways(engine, flows(engine, rows)) == [("ann", at(0), "a", "b")]
    assert ways(engine, flows(engine, rows, max_gap_minutes=70)) == [("ann", at(0), "a", "b"), ("ann", at(60), "b", "c")]
    assert ways(engine, flows(engine, rows, same_place=True))[-1] == ("ann", at(130), "c", "c")


def test_an_event_that_was_delivered_twice_changes_nothing(engine):
    rows = [row("ann", 0, "a"), row("ann", 9, "b"), row("ann", 9, "b"), row("ann", 20, "a")]
    for same_place in (False, True):
        once = ways(engine, flows(engine, [rows[0], rows[1], rows[3]], same_place=same_place))
        assert ways(engine, flows(engine, rows * 2, same_place=same_place)) == once


def test_rows_without_time_or_place_are_no_stations(engine):
    rows = [row("ann", 0, "a"), row("ann", 5, None), row("ann", 6, "  "), row("ann", None, "x"), row("ann", 9, "b")]
    assert ways(engine, flows(engine, rows)) == [("ann", at(0), "a", "b")]


def test_events_of_two_sources_make_one_way(engine):
    """Signalling places and taxi trips of one person key, one below the other."""
    seen = [row("ann", 0, "a", note="signalling"), row("ann", 50, "d", note="signalling")]
    taxi = [row("ann", 10, "b", note="taxi"), row("ann", 40, "c", note="taxi")]
    found = engine.collect(flows(engine, seen + taxi).sort("at"))
    assert [*zip(found["origin"], found["destination"], found["note"], strict=True)] == [("a", "b", "signalling"), ("b", "c", "taxi"), ("c", "d", "taxi")]


def test_columns_may_have_any_name_and_origin_and_destination_too(engine):
    rows = [row("ann", 0, "a"), row("ann", 9, "b")]
    found = flows(engine, rows, origin="sele\"ct", destination="nach '; --")
    assert found.collect_schema().names() == ["who", "day", "at", "place", "note", "sele\"ct", "nach '; --"]


# --- stays -------------------------------------------------------------------------------------------------------


def stations(engine, frame):
    found = engine.collect(frame).sort_values(["who", "at", "place"])
    return [(moment, place) for moment, place in zip(found["at"], found["place"], strict=True)]


def test_a_stay_has_a_row_in_every_step_before_its_end(engine):
    rows = [row("ann", 10, "a"), row("ann", 190, "a"), row("ann", 200, "b"), row("ann", 501, "b")]
    assert stations(engine, presence(engine, rows)) == [(at(m), p) for m, p in ((10, "a"), (70, "a"), (130, "a"), (190, "a"), (200, "b"), (501, "b"))]
    assert stations(engine, presence(engine, rows, max_gap_minutes=301))[-3:] == [(at(440), "b"), (at(500), "b"), (at(501), "b")]


def test_who_is_elsewhere_in_between_did_not_stay(engine):
    rows = [row("ann", 0, "a"), row("ann", 90, "b"), row("ann", 180, "a")]
    assert len(stations(engine, presence(engine, rows))) == 3


def test_a_row_of_a_stay_repeats_the_columns_of_the_row_before(engine):
    rows = [row("ann", 0, "a", note="60+"), row("ann", 70, "a", note="0-9")]
    found = engine.collect(presence(engine, rows).sort("at"))
    assert list(found["note"]) == ["60+", "60+", "0-9"]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_an_added_time_has_the_type_of_the_others(engine, zone):
    moments = [row("ann", 0, "a", zone=zone and dt.UTC), row("ann", 70, "a", zone=zone and dt.UTC)]
    made = presence(engine, moments, zone=zone)
    assert engine.schema(made) == engine.schema(framed(engine, moments, zone))
    assert [str(moment) for moment in engine.collect(made.sort("at"))["at"]][1] == str(at(60, zone=zone and dt.UTC))


def _hours_seen(engine, rows, zone, zoned, **fields):
    made = presence(engine, rows, zone="UTC" if zoned else None, **fields)
    bucketed = engine.with_time_bucket(made, "at", "hour", bucket="hour", time_zone=zone)
    return {moment.to_pydatetime() for moment in engine.collect(bucketed)["hour"]}


@pytest.mark.parametrize("zone", ["Asia/Seoul", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
@pytest.mark.parametrize("day", [dt.datetime(2024, 3, 30, 20), dt.datetime(2024, 10, 26, 20), dt.datetime(2024, 3, 10), dt.datetime(2024, 11, 3)])
def test_no_hour_of_a_stay_is_passed_over_not_even_when_clocks_change(engine, zone, day):
    chance = random.Random(str(day) + zone)
    first = day.replace(tzinfo=dt.UTC) + dt.timedelta(seconds=chance.randrange(7200))
    last = first + dt.timedelta(seconds=chance.randrange(60, 10 * 3600))
    rows = [{**row("ann", 0, "a"), "at": first}, {**row("ann", 0, "a"), "at": last}]
    minutes = [first + dt.timedelta(minutes=m) for m in range(int((last - first).total_seconds() // 60) + 1)]
    hours = {moment.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, tzinfo=None, fold=0) for moment in [*minutes, last]}
    assert _hours_seen(engine, rows, zone, True, max_gap_minutes=600) == hours


def test_no_hour_of_a_stay_is_passed_over_by_a_clock_without_a_zone(engine):
    first, last = at(59), at(59 + 241)
    rows = [{**row("ann", 0, "a"), "at": first}, {**row("ann", 0, "a"), "at": last}]
    assert _hours_seen(engine, rows, "Europe/Berlin", False) == oracle.hours_between(first, last)


def test_half_an_hour_that_clocks_skip_needs_a_step_of_half_an_hour(engine):
    """Lord Howe Island: 02:00 becomes 02:30, and the hour of two o'clock lasts 30 minutes."""
    change = dt.datetime(2024, 10, 5, 15, 30, tzinfo=dt.UTC)  # 02:00 there
    rows = [{**row("ann", 0, "a"), "at": change + dt.timedelta(minutes=m)} for m in (-10, 100)]
    two = dt.datetime(2024, 10, 6, 2)
    assert two not in _hours_seen(engine, rows, "Australia/Lord_Howe", True)
    assert two in _hours_seen(engine, rows, "Australia/Lord_Howe", True, step_minutes=30)


# --- one unit alone ----------------------------------------------------------------------------------------------


ROWS = st.lists(
    st.builds(
        row, st.sampled_from(["ann", "bo"]), st.none() | st.integers(0, 40).map(lambda n: 15 * n), st.sampled_from(["a", "b", " ", None]),
        st.integers(1, 2), st.sampled_from([None, "x", "y"]),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=ROWS, gap=st.sampled_from([30, 61, 240]), same_place=st.booleans(), unit=st.sampled_from([UNIT, ("who",)]))
def test_flows_are_the_oracles(engine, rows, gap, same_place, unit):
    found = listed(engine, flows(engine, rows, unit, max_gap_minutes=gap, same_place=same_place))
    assert found == counted(oracle.flows(rows, unit, "at", "place", dt.timedelta(minutes=gap), same_place))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(rows=ROWS, gap=st.sampled_from([61, 240, 1440]), step=st.sampled_from([15, 20, 60]), unit=st.sampled_from([UNIT, ("who",)]))
def test_stays_are_the_oracles(engine, rows, gap, step, unit):
    found = listed(engine, presence(engine, rows, unit, max_gap_minutes=gap, step_minutes=step))
    assert found == counted(oracle.presence(rows, unit, "at", "place", dt.timedelta(minutes=gap), dt.timedelta(minutes=step)))


BOTH = pytest.mark.parametrize("made", [flows, presence])


def a_crowd(seed=7):
    chance = random.Random(seed)
    return [row(f"p{chance.randrange(9)}", 30 * chance.randrange(40), chance.choice("ab"), chance.randrange(1, 3), chance.choice("xyz")) for _ in range(120)]


def _leaks(engine, made):
    """Whether taking one unit of privacy away changes a row of another."""
    rows, fields = a_crowd(), {"step_minutes": 15} if made is presence else {}
    before = listed(engine, made(engine, rows, **fields))
    for who in ("p3", "p8"):
        others = listed(engine, made(engine, [each for each in rows if (each["who"], each["day"]) != (who, 1)], **fields))
        if others - before or any((dict(each)["who"], dict(each)["day"]) != (who, "1") for each in before - others):
            return True
    return False


@BOTH
def test_one_unit_more_changes_no_row_of_another(engine, made):
    assert not _leaks(engine, made)


@BOTH
@pytest.mark.parametrize("narrower", [1, 0], ids=["persons for person-days", "everybody for persons"])
def test_a_window_over_more_than_the_unit_is_found_out(engine, made, narrower, monkeypatch):
    """The planted fault: events of two days of a person, or of two persons, are joined."""
    right = movement._consecutive
    whole = ("everybody",)

    def wrong(tables, frame, stage, unit):
        if narrower:
            return right(tables, frame, stage, unit[:1])
        return right(tables, frame.with_columns(nw.lit(1).alias("everybody")), stage, whole)

    monkeypatch.setattr(movement, "_consecutive", wrong)
    assert _leaks(engine, made)


def _order_tells(engine, made):
    """Whether the same rows in another order make other rows."""
    rows = a_crowd(8)
    assert len({(each["who"], each["day"], each["at"], each["place"]) for each in rows}) < len(rows)
    first = listed(engine, made(engine, rows))
    for seed in range(3):
        random.Random(seed).shuffle(rows)
        if listed(engine, made(engine, rows)) != first:
            return True
    return False


@BOTH
def test_where_a_row_stands_in_the_file_says_nothing(engine, made):
    """Else the rows of others would decide between two of one moment: in their content they differ."""
    assert not _order_tells(engine, made)


def test_an_order_that_leaves_ties_to_the_file_is_found_out(monkeypatch):
    """The planted fault, in pandas, which leaves them as they came."""
    monkeypatch.setattr(movement, "_order", lambda columns, stage, unit: [movement._AT, stage.place])
    assert _order_tells(PandasEngine(), flows)


@BOTH
def test_working_in_parts_of_the_persons_is_the_same(engine, made, monkeypatch):
    rows = [*a_crowd(), row("p1", None, "a"), row("p1", 3, None)]
    whole = listed(engine, made(engine, rows))
    monkeypatch.setattr(movement, "ROWS_A_PART", 30)
    assert listed(engine, made(engine, rows)) == whole


@BOTH
def test_nobody_makes_no_rows(engine, made):
    assert not listed(engine, made(engine, []))
    assert engine.schema(made(engine, [])) == engine.schema(made(engine, a_crowd()))
