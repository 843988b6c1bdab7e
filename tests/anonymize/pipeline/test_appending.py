"""Tables about the same people become one under keyed pseudonyms; only a DP table may follow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import anonymize.appending
from anonymize import __main__ as command
from anonymize import pipeline, recipe
from anonymize.appending import appended
from anonymize.columns.keys import FreshKeys
from anonymize.errors import AnonymizeError, RecipeError
from anonymize.forecast import forecast
from tests.anonymize.oracles.appending import same_but_for_names, together

NIGHT = datetime(2026, 3, 2, 22, tzinfo=UTC)
SEEN = [{"phone": f"010-0000-{i % 20:04}", "at": NIGHT + timedelta(minutes=7 * i), "place": "abc"[i % 3]} for i in range(60)]
SEEN += [{"phone": None, "at": NIGHT, "place": "a"}]
TRIPS = [
    {"caller": f"010-0000-{i:04}", "pickup": NIGHT + timedelta(hours=8), "dropoff": NIGHT + timedelta(hours=8, minutes=20), "left": "a", "reached": "b", "fare": 5_000 + i}
    for i in range(15, 25)
]
PICKUP = {"phone": "caller", "at": "pickup", "place": "left"}
DROPOFF = {"phone": "caller", "at": "dropoff", "place": "reached"}
RECIPE: dict[str, Any] = {
    "recipe": 1, "title": "Ways at night", "person_key": "phone", "missing_person_key": "drop",
    "append": [{"table": "taxi-trips", "columns": PICKUP}, {"table": "taxi-trips", "columns": DROPOFF}],
    "columns": {"phone": {"role": "person_key"}, "at": {"role": "event_time"}, "place": {"role": "place"}},
    "stages": [
        {"stage": "flows", "time": "at", "place": "place", "max_gap_minutes": 60},
        {
            "stage": "dp_table", "group_by": [{"column": "origin", "values": list("abc")}, {"column": "destination", "values": list("abc")}],
            "measures": [{"name": "people", "kind": "persons"}], "epsilon": "1", "max_cells_per_person": 3, "cells": "public",
        },
    ],
}  # fmt: skip
COUNTED = {**RECIPE, "stages": [{**RECIPE["stages"][1], "group_by": [{"column": "place", "values": list("abc")}]}]}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def seen(tmp_path):
    return write(tmp_path / "seen.parquet", SEEN)


@pytest.fixture
def trips(tmp_path):
    return {"taxi-trips": write(tmp_path / "trips.parquet", TRIPS)}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def test_rows_are_those_of_all_tables_and_people_keep_apart_and_together(seen, trips, tmp_path):
    found = appended(recipe.parse(RECIPE), seen, trips, tmp_path, FreshKeys())
    expected = together(SEEN, [(PICKUP, TRIPS), (DROPOFF, TRIPS)], ["phone", "at", "place"])
    assert same_but_for_names(expected, rows_of(found.source), "phone")
    assert found.counts == {"rows_of_taxi-trips": 20}


def test_no_identifier_stands_in_the_joined_table_in_clear(seen, trips, tmp_path):
    found = appended(recipe.parse(RECIPE), seen, trips, tmp_path, FreshKeys())
    names = {row["phone"] for row in rows_of(found.source)} - {None}
    assert len(names) == 25
    assert all(len(name) == 32 and "-" not in name for name in names)


def test_the_key_is_another_in_every_run(seen, trips, tmp_path):
    first = {row["phone"] for row in rows_of(appended(recipe.parse(RECIPE), seen, trips, tmp_path, FreshKeys()).source)}
    second = {row["phone"] for row in rows_of(appended(recipe.parse(RECIPE), seen, trips, tmp_path, FreshKeys()).source)}
    assert first & second == {None}


def test_a_key_for_each_table_would_part_people_and_be_noticed(seen, trips, tmp_path, monkeypatch):
    """The planted fault: pseudonyms that depend on more than the identifier."""
    honest, calls = anonymize.appending.pseudonyms, []

    def by_batch(column, key, length):
        replace = honest(column, key, length)

        def faulty(values):
            calls.append(1)
            return pa.array([f"{len(calls)}{name[1:]}" for name in replace(values).to_pylist()])

        return faulty

    monkeypatch.setattr(anonymize.appending, "pseudonyms", by_batch)
    found = appended(recipe.parse(RECIPE), seen, trips, tmp_path, FreshKeys())
    expected = together(SEEN, [(PICKUP, TRIPS), (DROPOFF, TRIPS)], ["phone", "at", "place"])
    assert not same_but_for_names(expected, rows_of(found.source), "phone")


def test_a_person_of_two_tables_is_one_person_to_the_bounds(seen, trips, tmp_path):
    result = pipeline.run(recipe.parse(COUNTED), seen, tmp_path / "out", tables=trips)
    assert result.report["internal"]["persons"] == 25  # 20 seen, 10 with trips, 5 of them both
    assert result.report["internal"]["input"]["rows_without_person"] == 1
    assert result.report["internal"]["input"]["rows_of_taxi-trips"] == 20
    assert "taxi-trips" in result.report["public"]["treatment"][0]


def test_flows_go_from_one_source_into_the_other(seen, trips, tmp_path):
    result = pipeline.run(recipe.parse(RECIPE), seen, tmp_path / "out", tables=trips)
    assert {(row["origin"], row["destination"]) for row in rows_of(result.artefact)} == {(o, d) for o in "abc" for d in "abc"}
    assert "010-0000" not in json.dumps(result.report, default=str)


def test_a_column_that_a_table_does_not_have_is_null_there(seen, trips, tmp_path):
    parsed = recipe.parse({**COUNTED, "append": [{"table": "taxi-trips", "columns": {"phone": "caller", "place": "left"}}]})
    found = rows_of(appended(parsed, seen, trips, tmp_path, FreshKeys()).source)
    assert [row["at"] for row in found[-10:]] == [None] * 10


def test_a_recipe_that_appends_nothing_reads_its_table_as_it_is(seen, tmp_path):
    parsed = recipe.parse({**COUNTED, "append": []})
    assert appended(parsed, seen, {}, tmp_path, FreshKeys()).source == seen


# --- what is refused ---------------------------------------------------------------------------------------------


def refused(document: dict[str, Any]) -> str:
    with pytest.raises(RecipeError) as error:
        recipe.parse(document)
    return " ".join(f"{problem.pointer} {problem.message}" for problem in error.value.problems)


def test_only_a_dp_table_may_follow():
    columns = {**RECIPE["columns"], "place": {"role": "quasi_identifier"}, "at": {"role": "direct_identifier"}}
    document = {**RECIPE, "append": [{"table": "t", "columns": {"phone": "caller"}}], "columns": columns, "stages": [{"stage": "k_anonymity", "k": 5}]}
    assert "only a dp_table protects them" in refused(document)


def test_a_table_without_the_person_key_cannot_be_appended():
    assert "/append/0/columns name the column" in refused({**RECIPE, "append": [{"table": "t", "columns": {"place": "left"}}]})


def test_the_key_of_a_table_cannot_slip_in_as_another_column():
    mapped = {"phone": "caller", "place": "caller"}
    assert "would stand there in clear" in refused({**RECIPE, "append": [{"table": "t", "columns": mapped}]})


def test_a_column_that_the_recipe_does_not_use_is_a_mistake():
    assert "does not use a column 'fare'" in refused({**RECIPE, "append": [{"table": "t", "columns": {**PICKUP, "fare": "fare"}}]})


def test_a_direct_identifier_cannot_be_appended():
    document = {**RECIPE, "columns": {**RECIPE["columns"], "mail": {"role": "direct_identifier"}}}
    assert "does not use a column 'mail'" in refused({**document, "append": [{"table": "t", "columns": {**PICKUP, "mail": "mail"}}]})


@pytest.mark.parametrize("name", ["", "Taxi", "../taxi", "taxi.parquet", "a--b", "x" * 81])
def test_a_table_has_a_plain_name(name):
    assert "/append/0/table" in refused({**RECIPE, "append": [{"table": name, "columns": PICKUP}]})


@pytest.mark.parametrize(
    ("columns", "code"),
    [({**PICKUP, "place": "nowhere"}, "unknown_column"), ({**PICKUP, "place": "fare"}, "other_type"), ({**PICKUP, "at": "left"}, "other_type")],
)
def test_columns_that_do_not_fit_are_named(columns, code, seen, trips, tmp_path):
    with pytest.raises(RecipeError) as error:
        pipeline.run(recipe.parse({**RECIPE, "append": [{"table": "taxi-trips", "columns": columns}]}), seen, tmp_path / "out", tables=trips)
    assert [problem.code for problem in error.value.problems] == [code]


def test_a_table_that_was_not_given_stops_the_run_before_any_noise(seen, tmp_path):
    charged: list[Any] = []
    with pytest.raises(RecipeError, match="was not given"):
        pipeline.run(recipe.parse(RECIPE), seen, tmp_path / "out", before_noise=charged.append)
    assert charged == []


def test_errors_name_no_value(seen, tmp_path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"010-0000-0001")
    with pytest.raises(AnonymizeError) as error:
        pipeline.run(recipe.parse(RECIPE), seen, tmp_path / "out", tables={"taxi-trips": broken})
    assert "010" not in str(error.value)


def test_a_forecast_of_several_tables_is_refused_in_words(seen):
    with pytest.raises(RecipeError, match="one table"):
        forecast(recipe.parse(RECIPE), seen)


# --- the command line --------------------------------------------------------------------------------------------


def test_the_command_takes_the_tables_by_name(seen, trips, tmp_path, capsys):
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE))
    given = ["run", str(tmp_path / "recipe.json"), "--input", str(seen), "--output", str(tmp_path / "out")]
    assert command.main(given) == 2
    assert "was not given" in capsys.readouterr().err
    assert command.main([*given, "--table", "taxi-trips"]) == 2
    assert "NAME=FILE" in capsys.readouterr().err
    assert command.main([*given, "--table", f"taxi-trips={trips['taxi-trips']}"]) == 0
    assert len(rows_of(tmp_path / "out" / "data.parquet")) == 9


def test_a_table_that_the_recipe_does_not_append_is_refused(seen, trips, tmp_path):
    """Its rows were meant to count: a slip in its name must not leave them out unseen."""
    for document, tables in ((RECIPE, trips | {"taxi-trisp": seen}), ({**COUNTED, "append": []}, trips)):
        with pytest.raises(RecipeError, match="does not append the table") as caught:
            pipeline.run(recipe.parse(document), seen, tmp_path / "out", tables=tables)
        assert [problem.code for problem in caught.value.problems] == ["table_not_appended"]
