"""What every run of microdata measures of the file it has written, and what happens when it cannot."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline
from anonymize import recipe as recipes
from anonymize.assess import assess, assess_run, effort, reading, within
from anonymize.assess.useful import drawn
from anonymize.tables.duck import DuckEngine
from anonymize.tables.pandas_engine import PandasEngine
from tests.anonymize.risk.worlds import people

COLUMNS = {
    "age": {"role": "quasi_identifier", "hierarchy": {"intervals": ["10", "20"]}},
    "area": {"role": "quasi_identifier", "hierarchy": {"prefix": [1]}},
    "illness": {"role": "sensitive"},
    "note": {"role": "plain"},
}
STAGE = {"stage": "k_anonymity", "k": 3, "max_suppressed": "0.1"}


def described(**changes):
    return recipes.parse({"recipe": 1, "title": "T", "columns": COLUMNS, "stages": [STAGE], **changes})


def table(rows=240, seed=6) -> pa.Table:
    made = people(np.random.default_rng(seed), rows)
    areas = pa.array([None if i % 11 == 0 else area for i, area in enumerate(made["area"].to_pylist())])
    return made.set_column(1, "area", areas).append_column("note", pa.array(range(rows)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    pq.write_table(table(), folder / "source.parquet")
    return folder, pipeline.run(described(), folder / "source.parquet", folder / "out")


def found_in(made):
    return made[1].report["internal"]["assessment"]


def test_the_report_has_it_for_the_officer_and_not_for_the_public(made):
    found, report = found_in(made), made[1].report
    assert found["made"] is True
    assert "assessment" not in report["public"]
    assert found["risk"]["before"]["histogram"] == report["internal"]["risk_before"]["histogram"]
    assert found["risk"]["after"]["smallest"] == report["public"]["recheck"]["smallest_class_persons"]
    assert found["risk"]["after"]["classes"] == report["public"]["recheck"]["classes"]
    assert found["utility"]["granularity"] == pytest.approx(report["public"]["granularity"])
    assert found["rows"] == {"original": 240, "release": report["artefact"]["rows"], "suppressed": 240 - report["artefact"]["rows"]}
    json.dumps(found, allow_nan=False)


def test_it_holds_what_a_call_of_its_own_holds_and_says_how_much_was_tried(made):
    folder, run = made
    alone = assess(described(), folder / "source.parquet", run.artefact, targets=20, queries=20)
    assert set(found_in(made)) == set(alone)
    assert found_in(made)["effort"] == effort.WITHIN.as_dict()
    assert alone["effort"]["targets"] == 20
    assert effort.within(effort.LARGE).targets < effort.WITHIN.targets
    assert found_in(made)["attacks"]["linkage"]["2"]["attack"]["trials"] == 240  # everybody, where there are fewer than targets


def test_no_value_of_anybody_is_in_it(made):
    said = json.dumps(found_in(made))
    assert not [value for value in ("gout", "flu", '"N1"', "[20, 30)") if value in said]


def test_it_says_that_nobody_was_held_out(made):
    assert any("held-out" in note for note in found_in(made)["notes"])
    assert found_in(made)["attacks"]["singling_out"]["control"] is None


def test_it_is_the_written_file_that_is_measured(made, tmp_path):
    folder, run = made
    rows = pq.read_table(run.artefact).to_pandas()
    rows.loc[0, "age"] = "[20, 30)" if rows.loc[0, "age"] != "[20, 30)" else "[30, 40)"
    rows.loc[0, "area"] = "*"
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), tmp_path / "tampered.parquet")
    with DuckEngine() as engine:
        seen = assess_run(engine, described(), described().final, engine.scan_parquet(folder / "source.parquet"), tmp_path / "tampered.parquet", None)
    assert seen["risk"]["after"]["smallest"] == 1 < found_in(made)["risk"]["after"]["smallest"]


def test_what_cannot_be_measured_is_said_and_the_run_goes_on(made, tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("Kim Minji")

    monkeypatch.setattr(within, "measured", broken)
    again = pipeline.run(described(), made[0] / "source.parquet", tmp_path)
    found = again.report["internal"]["assessment"]
    assert again.artefact.exists()
    assert found["made"] is False
    assert found["reason"] == "an error of ours: ValueError"
    assert found["reason"] in found["notes"][0]
    assert "Kim" not in json.dumps(again.report)


def test_a_file_that_is_no_release_of_the_rows_is_not_measured(made, tmp_path):
    folder, run = made
    pq.write_table(pq.read_table(run.artefact).drop_columns("area"), tmp_path / "less.parquet")
    with DuckEngine() as engine:
        frame = engine.scan_parquet(folder / "source.parquet")
        for path, reason in ((tmp_path / "less.parquet", "no column 'area'"), (tmp_path / "none.parquet", "no readable Parquet")):
            found = assess_run(engine, described(), described().final, frame, path, None)
            assert found["made"] is False
            assert reason in found["reason"]
            assert "risk" not in found


def test_columns_with_too_many_different_rows_are_left_out_and_named(made, monkeypatch):
    folder, run = made
    monkeypatch.setattr(reading, "MOST", 239)
    found = assess(described(), folder / "source.parquet", run.artefact, targets=20, queries=20)
    assert found["columns"]["attacked"] == ["age", "area", "illness"]
    assert any("'note'" in note or " note" in note for note in found["notes"])
    monkeypatch.setattr(reading, "MOST", 10)
    with DuckEngine() as engine:
        refused = assess_run(engine, described(), described().final, engine.scan_parquet(folder / "source.parquet"), run.artefact, None)
    assert refused["made"] is False
    assert "too many" in refused["reason"]


@pytest.mark.parametrize(("rows_each", "persons"), [(1, 240), (2, 120)])
def test_people_with_one_row_each_are_counted_like_rows_and_others_as_persons(tmp_path, rows_each, persons):
    pq.write_table(table().append_column("who", pa.array([f"p{i // rows_each}" for i in range(240)])), tmp_path / "keyed.parquet")
    columns = {**COLUMNS, "note": {"role": "direct_identifier"}, "who": {"role": "person_key"}}
    run = pipeline.run(described(person_key="who", columns=columns), tmp_path / "keyed.parquet", tmp_path / "o")
    found = run.report["internal"]["assessment"]
    assert found["persons"] == persons
    assert (found["unicity"] is None) == (rows_each == 1)
    assert found["risk"]["before"]["histogram"] == run.report["internal"]["risk_before"]["histogram"]


def test_pandas_measures_what_duckdb_measures(made, tmp_path):
    folder, run = made

    def measured(engine):
        with engine:
            return assess_run(engine, described(), described().final, engine.scan_parquet(folder / "source.parquet"), run.artefact, None)

    one, other = measured(DuckEngine()), measured(PandasEngine())
    assert one["risk"] == other["risk"]
    assert one["sensitive"] == other["sensitive"]
    assert one["utility"]["columns"] == other["utility"]["columns"]
    assert one["utility"]["two_way"] == other["utility"]["two_way"]


def test_rows_are_drawn_as_often_as_they_are_there_and_none_twice():
    rng = np.random.default_rng(0)
    weights = np.array([3, 0, 5, 1])
    everything = drawn(weights, 100, rng)
    assert np.bincount(everything, minlength=4).tolist() == weights.tolist()
    many = np.concatenate([drawn(weights, 2, rng) for _ in range(3000)])
    share = np.bincount(many, minlength=4) / len(many)
    assert np.abs(share - weights / 9).max() < 0.06  # seven standard deviations
    assert len(drawn(np.zeros(0, dtype=int), 5, rng)) == 0


def test_a_column_of_other_types_and_gaps_is_measured(tmp_path):
    rows = pd.DataFrame({"x": [1.0, -0.0, 0.0, float("nan")] * 30, "day": pd.to_datetime(["2026-01-01", "2026-02-01", None] * 40), "kept": ["a", None] * 60})
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), tmp_path / "s.parquet")
    columns = {"x": {"role": "quasi_identifier"}, "day": {"role": "quasi_identifier", "hierarchy": {"dates": ["month", "year"]}}, "kept": {"role": "sensitive"}}
    run = pipeline.run(described(columns=columns), tmp_path / "s.parquet", tmp_path / "o")
    found = run.report["internal"]["assessment"]
    assert found["made"], found
    assert found["risk"]["after"]["classes"] == run.report["public"]["recheck"]["classes"]
