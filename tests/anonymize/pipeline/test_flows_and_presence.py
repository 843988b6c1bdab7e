"""Flows and presence from a recipe to a published table: what is counted, what is said, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import movement, pipeline, recipe
from anonymize.aggregates import stage as staging
from anonymize.errors import RecipeError
from anonymize.forecast.forecaster import forecast
from anonymize.tables import DuckEngine, PandasEngine
from tests.anonymize.oracles import movement as oracle

MONDAY = dt.datetime(2026, 3, 2)
FLOWS = {"stage": "flows", "time": "at", "place": "cell", "origin": "from", "destination": "to", "max_gap_minutes": 60}
PRESENCE = {"stage": "presence", "time": "at", "place": "cell", "max_gap_minutes": 360}
COLUMNS = {"who": {"role": "person_key"}, "at": {"role": "event_time"}, "cell": {"role": "place"}}
PEOPLE = [{"name": "people", "kind": "persons"}]
WAYS = {
    "stage": "dp_table", "group_by": [{"column": "from"}, {"column": "to"}, {"column": "at", "bucket": "hour"}],
    "measures": [*PEOPLE, {"name": "trips", "kind": "rows"}], "epsilon": "8", "delta": "1e-5", "max_cells_per_person": 4, "max_rows_per_cell": 2,
    "cells": "private",
}  # fmt: skip
PRESENT = {
    "stage": "dp_table", "group_by": [{"column": "cell", "values": ["a", "b"]}, {"column": "at", "bucket": "hour", "start": "2026-03-02", "end": "2026-03-04"}],
    "measures": PEOPLE, "epsilon": "8", "max_cells_per_person": 48, "cells": "public",
}  # fmt: skip


def asked(*stages, columns=COLUMNS, **fields):
    return recipe.parse({"recipe": 1, "title": "Movement", "person_key": "who", "columns": columns, "stages": list(stages)} | fields)


def run(tmp_path, rows, document, **arguments):
    kinds = {"who": pa.string(), "at": pa.timestamp("us"), "cell": pa.string()}
    table = pa.table({name: pa.array([row[i] for row in rows], kind) for i, (name, kind) in enumerate(kinds.items())})
    pq.write_table(table, tmp_path / "t.parquet")
    made = pipeline.run(document, tmp_path / "t.parquet", tmp_path / "out", **arguments)
    return pq.read_table(made.artefact).to_pylist(), made.report


def event(who, minutes, cell):
    return (who, MONDAY + dt.timedelta(minutes=minutes), cell)


@pytest.fixture
def quiet(monkeypatch):
    """Releases without noise, so that exact numbers can be looked at."""
    monkeypatch.setattr(staging.noise, "add_noise", lambda values, drawn: values)
    monkeypatch.setattr(staging.noise, "add_truncated", lambda values, drawn, reach: values)


COMMUTE = [event(f"p{i}", minutes, cell) for i in range(200) for minutes, cell in ((470, "home"), (500, "work"), (1080, "work"), (1110, "home"))]


def test_people_are_counted_from_place_to_place_by_the_hour_of_leaving(tmp_path, quiet):
    lone = [event("loner", 120, "home"), event("loner", 150, "moor")]
    rows, report = run(tmp_path, COMMUTE + lone, asked(FLOWS, WAYS))
    assert sorted((row["from"], row["to"], row["at_hour"].hour, row["people"], row["trips"]) for row in rows) == [
        ("home", "work", 7, 200, 200), ("work", "home", 18, 200, 200),
    ]  # fmt: skip
    assert report["internal"]["input"]["rows_used"] == 401


def test_everybody_is_present_in_every_hour_of_a_stay(tmp_path, quiet):
    stays = [event(f"p{i}", minutes + i % 50, "a") for i in range(100) for minutes in (0, 300)] + [event("q", 100, "b"), event("q", 900, "b")]
    rows, _ = run(tmp_path, stays, asked(PRESENCE, PRESENT))
    found = {(row["cell"], row["at_hour"]): row["people"] for row in rows}
    present = defaultdict(set)
    for i in range(100):
        for hour in oracle.hours_between(stays[2 * i][1], stays[2 * i + 1][1]):
            present["a", hour].add(i)
    expected = {("a", hour): len(present["a", hour]) for (_, hour) in present} | {("b", MONDAY.replace(hour=h)): 1 for h in (1, 15)}
    assert {cell: count for cell, count in found.items() if count} == expected
    assert len(found) == 2 * 48


def test_a_way_across_midnight_belongs_to_no_day_when_days_are_protected(tmp_path, quiet):
    late = [event(f"p{i}", minutes, cell) for i in range(100) for minutes, cell in ((1380, "a"), (1430, "b"), (1450, "c"), (1470, "d"))]
    stages = (FLOWS, WAYS)
    whole, _ = run(tmp_path, late, asked(*stages))
    assert Counter((row["from"], row["to"]) for row in whole) == Counter([("a", "b"), ("b", "c"), ("c", "d")])
    days, report = run(tmp_path, late, asked(*stages, privacy_unit={"period": "day", "column": "at"}))
    assert Counter((row["from"], row["to"]) for row in days) == Counter([("a", "b"), ("c", "d")])
    assert "day" in json.dumps(report["public"]["guarantee"])


def test_flows_are_grouped_by_any_level_of_a_hierarchy_after_rows_were_chosen(tmp_path, quiet):
    (tmp_path / "cells.csv").write_text("home;north\nwork;south\n")
    columns = COLUMNS | {"to": {"role": "place", "hierarchy": {"file": "cells.csv"}}}
    table = WAYS | {"group_by": [{"column": "to", "level": 1}]}
    document = asked(FLOWS, {"stage": "keep_rows", "column": "from", "values": ["home"]}, table, columns=columns)
    rows, _ = run(tmp_path, COMMUTE, document, folder=tmp_path)
    assert [(row["to"], row["people"]) for row in rows] == [("south", 200)]


def test_level_nought_of_what_a_stage_makes_is_itself(tmp_path, quiet):
    rows, _ = run(tmp_path, COMMUTE, asked(FLOWS, WAYS | {"group_by": [{"column": "to", "level": 0}]}))
    assert {row["to"] for row in rows} == {"home", "work"}


def test_what_the_public_reads_of_it_holds_for_any_table(tmp_path):
    """Not one figure of the data: the sentences follow from the recipe."""
    said = [run(tmp_path, rows, asked(PRESENCE, FLOWS, WAYS, missing_person_key="drop"))[1]["public"]["treatment"] for rows in (COMMUTE, COMMUTE[:8])]
    assert said[0] == said[1] and len(said[0]) == 3
    assert "taken to have stayed" in " ".join(said[0]) and "from cell to cell" in " ".join(said[0])


def test_rows_without_person_time_or_place_are_counted_for_the_officer_alone(tmp_path):
    holes = [(None, MONDAY, "a"), ("p1", None, "a"), ("p1", MONDAY, None), ("p1", MONDAY, " ")]
    _, report = run(tmp_path, COMMUTE + holes, asked(FLOWS, WAYS, missing_person_key="drop"))
    assert (report["internal"]["input"]["rows_without_person"], report["internal"]["input"]["rows_without_time_or_place"]) == (1, 3)
    assert "rows_without" not in json.dumps(report["public"])


HOUR = {"column": "at", "bucket": "hour_of_day"}
PLACES = ["a", "b", "c", "d"]
WALKS = [event(f"p{i}", 60 * i + minutes, cell) for i in range(12) for minutes, cell in ((0, "a"), (20, "b"), (40, "a"))]
STAYS = [event(f"p{i}", 60 * i + minutes, "a") for i in range(11) for minutes in (50, 130)]
RESTLESS = [event("x", 20 * step + 10, "cd"[step % 2]) for step in range(40)]
LIMIT = {"cells": "public", "max_cells_per_person": 5, "measures": PEOPLE}
CROWDS = [
    (WALKS, FLOWS, WAYS | LIMIT | {"group_by": [{"column": "from", "values": PLACES}, {"column": "to", "values": PLACES}, HOUR]}),
    (STAYS, PRESENCE | {"step_minutes": 15}, PRESENT | LIMIT | {"group_by": [{"column": "cell", "values": PLACES}, HOUR]}),
]


def _moved_by_one_more(tmp_path, crowd, *stages):
    """By how much all cells together move when somebody comes who was seen between the events of everybody else."""
    tables = [[row["people"] for row in run(tmp_path, rows, asked(*stages))[0]] for rows in (crowd, crowd + RESTLESS)]
    return sum(abs(one - other) for one, other in zip(*tables, strict=True))


@pytest.mark.parametrize(("crowd", "stage", "table"), CROWDS, ids=["flows", "presence"])
def test_one_person_more_moves_the_cells_by_what_the_noise_is_made_for(tmp_path, quiet, monkeypatch, crowd, stage, table):
    assert _moved_by_one_more(tmp_path, crowd, stage, table) == 5
    right = movement._consecutive

    def joined(tables, frame, stage, unit):
        return right(tables, frame.with_columns(nw.lit(1).alias("all")), stage, ("all",))

    monkeypatch.setattr(movement, "_consecutive", joined)  # the planted fault: the events of all persons in one row
    assert _moved_by_one_more(tmp_path, crowd, stage, table) > 5


MICRO = {"stage": "k_anonymity", "k": 2}


@pytest.mark.parametrize(
    ("stages", "fields", "said"),
    [
        ([FLOWS, MICRO], {"columns": {"who": {"role": "person_key"}, "q": {"role": "quasi_identifier"}}}, "only a dp_table protects"),
        ([PRESENCE, {"stage": "scan"}], {"person_key": None, "columns": {"q": {"role": "plain"}}}, "only a dp_table protects"),
        ([WAYS, FLOWS], {}, "comes last"),
        ([FLOWS, WAYS], {"missing_person_key": "nobody"}, "do not say who moved"),
        ([FLOWS, WAYS], {"person_key": None, "columns": {"at": {"role": "event_time"}}}, "name the column that says whose row"),
        ([{**FLOWS, "place": "who"}, WAYS], {}, "identifies people"),
        ([{**FLOWS, "place": "at"}, WAYS], {}, "must be two columns"),
        ([{**FLOWS, "destination": "FROM"}, WAYS], {}, "new names, and different ones"),
        ([{**FLOWS, "origin": "who"}, WAYS], {}, "cannot identify a person"),
        ([FLOWS, FLOWS, WAYS], {}, "an earlier stage makes a column of this name"),
        ([{"stage": "keep_rows", "column": "from", "values": ["a"]}, FLOWS, WAYS], {}, "derived only after"),
        ([{**FLOWS, "max_gap_minutes": 1441}, WAYS], {}, "must be at most 1440"),
        ([{**FLOWS, "max_gap_minutes": 0}, WAYS], {}, "must be at least 1"),
        ([{**PRESENCE, "step_minutes": 61}, PRESENT], {}, "must be at most 60"),
        ([{**PRESENCE, "step_minutes": 14}, PRESENT], {}, "must be at least 15"),
        ([{**PRESENCE, "max_gap_minutes": 60}, PRESENT], {}, "must be above step_minutes"),
    ],
)
def test_movement_where_nothing_would_protect_it_or_without_sense_is_refused(stages, fields, said):
    with pytest.raises(RecipeError) as caught:
        asked(*stages, **fields)
    assert any(said in problem.message for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(("change", "said"), [({"time": "cell"}, "no time stamps"), ({"place": "none"}, "no column 'none'"), ({"origin": "cell2"}, None)])
def test_movement_that_the_table_cannot_give_is_refused(tmp_path, change, said):
    document = asked({**FLOWS, "time": "at", **change} | ({"place": "at"} if "time" in change else {}), WAYS | {"group_by": [{"column": "to"}]})
    if said is None:
        run(tmp_path, COMMUTE, document)
        return
    with pytest.raises(RecipeError, match=said):
        run(tmp_path, COMMUTE, document)


def test_the_errors_of_flows_can_be_foretold(tmp_path):
    run(tmp_path, COMMUTE, asked(FLOWS, WAYS))
    points = forecast(asked(FLOWS, WAYS), tmp_path / "t.parquet")["points"]
    assert {"without from", "at by day"} <= {point["name"] for point in points}


def test_a_name_that_the_table_has_already_is_not_made_again(tmp_path):
    columns = {"who": {"role": "person_key"}, "at": {"role": "event_time"}}
    document = asked({**FLOWS, "origin": "cell", "place": "other"}, WAYS | {"group_by": [{"column": "cell"}]}, columns=columns)
    with pytest.raises(RecipeError, match="already has a column 'cell'"):
        run(tmp_path, COMMUTE, document)


@pytest.mark.parametrize("library", ["duckdb", "pandas"])
def test_a_stay_of_a_day_that_comes_twice_does_not_lead_through_the_other_day(tmp_path, monkeypatch, library):
    """At St. John's clocks went back from a minute past midnight: the 28th ended at 02:30 UTC and was there again from 02:31."""
    day = {"period": "day", "column": "at", "time_zone": "America/St_Johns"}
    at = [dt.datetime(2006, 10, 29, 2, minute, second, tzinfo=dt.UTC) for minute, second in ((15, 30), (45, 0))]
    pq.write_table(pa.table({"who": ["a", "a"], "cell": ["x", "x"], "at": pa.array(at, pa.timestamp("us", tz="UTC"))}), tmp_path / "t.parquet")
    grouped = {"column": "at", "bucket": "day", "time_zone": "America/St_Johns", "start": "2006-10-28", "end": "2006-10-30"}
    table = {**PRESENT, "group_by": [grouped], "measures": [{"name": "rows", "kind": "rows"}], "max_cells_per_person": 2, "max_rows_per_cell": 9}
    document = asked({**PRESENCE, "step_minutes": 15}, table, privacy_unit=day)
    engine = PandasEngine() if library == "pandas" else DuckEngine(threads=1)

    def rows_of_days():
        report = pipeline.run(document, tmp_path / "t.parquet", tmp_path / "out", engine=engine).report
        bounding = report["internal"]["bounding"]
        return bounding["rows_before"], bounding["person_cells_before"]

    assert rows_of_days() == (2, 1)
    monkeypatch.setattr(movement, "_in_their_period", lambda engine, added, stage, period: added)  # planted: the minute of the 29th stays
    assert rows_of_days() == (3, 2)


@pytest.mark.parametrize("fields", [{}, {"privacy_unit": {"period": "day", "column": "at"}}], ids=["a way", "a day"])
def test_counted_seconds_are_no_times_and_the_error_says_what_to_do(tmp_path, fields):
    pq.write_table(pa.table({"who": ["a"], "at": [1_772_409_600], "cell": ["x"]}), tmp_path / "t.parquet")
    with pytest.raises(RecipeError, match=r"no (time stamps|dates or times).*; if it counts seconds since 1970, make it a time stamp"):
        pipeline.run(asked(FLOWS, WAYS, **fields), tmp_path / "t.parquet", tmp_path / "out")
