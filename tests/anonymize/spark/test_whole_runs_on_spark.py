"""A recipe gives the same on every engine: exact cells, limits, classes and levels; only noise and random choice differ."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anonymize import pipeline, recipe
from anonymize.__main__ import main
from anonymize.aggregates import noise
from anonymize.errors import InputError
from anonymize.tables import DuckEngine, PandasEngine, spark_session

# Queries here are many and their rows few: compiling them costs more than running them.
PLAIN = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN", "spark.sql.adaptive.enabled": "false"}
PLACES = ["Jung-gu", "Jongno-gu", "Mapo-gu", None]


def purchases(people: int = 60, rows: int = 500) -> pa.Table:
    """Card transactions around the end of daylight saving in New York, some of them without a place."""
    draw = random.Random(11)
    first = dt.datetime(2024, 11, 2, 20, tzinfo=dt.UTC)
    return pa.table(
        {
            "who": [f"p{int(people * draw.random() ** 2)}" for _ in range(rows)],
            "place": pa.array([draw.choice(PLACES) for _ in range(rows)], pa.string()),
            "at": pa.array([first + dt.timedelta(minutes=draw.randrange(24 * 60)) for _ in range(rows)], pa.timestamp("us", tz="UTC")),
            "won": pa.array([Decimal(draw.randrange(-500, 200_000)) / 100 for _ in range(rows)], pa.decimal128(12, 2)),
            "age": pa.array([draw.choice([None, *range(18, 70)]) for _ in range(rows)], pa.int64()),
        }
    )


def spending(max_cells: int, max_rows: int) -> dict[str, Any]:
    roles = {"who": "person_key", "place": "plain", "at": "event_time", "won": "plain"}
    return {
        "recipe": 1, "title": "Spending", "person_key": "who", "columns": {name: {"role": role} for name, role in roles.items()},
        "stages": [{
            "stage": "dp_table", "epsilon": "20", "delta": "1e-6", "cells": "private",
            "group_by": [{"column": "place"}, {"column": "at", "bucket": "day", "time_zone": "America/New_York"}],
            "measures": [{"name": "people", "kind": "persons"}, {"name": "won", "kind": "sum", "column": "won", "lower": 0, "upper": 1000, "unit": "0.25"}],
            "max_cells_per_person": max_cells, "max_rows_per_cell": max_rows,
        }],
    }  # fmt: skip


def survey(method: str) -> dict[str, Any]:
    columns = {
        "who": {"role": "person_key"}, "won": {"role": "plain"}, "place": {"role": "quasi_identifier", "hierarchy": {"prefix": [1]}},
        "age": {"role": "quasi_identifier", "hierarchy": {"intervals": [10, 20]}},
    }  # fmt: skip
    stage = {"stage": "k_anonymity", "k": 4, "method": method} | ({"max_suppressed": "0.2"} if method == "full_domain" else {})
    return {"recipe": 1, "title": "Survey", "person_key": "who", "columns": columns, "stages": [stage]}


def run(engine: Any, folder: Path, made: dict[str, Any], table: pa.Table) -> tuple[Counter[tuple[Any, ...]], dict[str, Any]]:
    """The rows of the artefact, whatever their order, and the report."""
    pq.write_table(table, folder / "in.parquet")
    done = pipeline.run(recipe.parse(made), folder / "in.parquet", folder / "out", folder=folder, engine=engine)
    return Counter(tuple(row.values()) for row in pq.read_table(done.artefact).to_pylist()), done.report


@pytest.fixture
def engine(engine):
    for name, value in PLAIN.items():
        engine._spark.conf.set(name, value)
    return engine


@pytest.fixture
def no_noise(monkeypatch):
    monkeypatch.setattr(noise, "add_noise", lambda values, drawn: values.copy())
    monkeypatch.setattr(noise, "add_truncated", lambda values, drawn, reach: values.copy())


def test_where_no_limit_binds_a_table_is_the_same_on_every_engine(engine, tmp_path, no_noise):
    made, table = spending(8, 100), purchases()
    (found, report), (other, second) = run(engine, tmp_path, made, table), run(DuckEngine(threads=1), tmp_path, made, table)
    assert found == other == run(PandasEngine(), tmp_path, made, table)[0]
    assert found.total() > 5
    assert _exact_counts(report) == _exact_counts(second)


def test_where_limits_bind_as_much_is_kept_on_every_engine(engine, tmp_path, no_noise):
    made, table = spending(2, 2), purchases()
    kept = [_exact_counts(run(one, tmp_path, made, table)[1])["bounding"] for one in (engine, DuckEngine(threads=1))]
    for name in ("persons", "rows_before", "person_cells_before", "person_cells_after"):
        assert kept[0][name] == kept[1][name]
    for one in kept:
        assert one["person_cells_after"] < one["person_cells_before"]
        assert one["rows_after"] <= 2 * one["person_cells_after"]


def _exact_counts(report: dict[str, Any]) -> dict[str, Any]:
    return {"input": report["internal"]["input"], "bounding": report["internal"]["bounding"]}


@pytest.mark.parametrize("method", ["full_domain", "local_recoding"])
def test_classes_and_levels_are_the_same_on_every_engine(engine, tmp_path, method):
    made, table = survey(method), purchases(people=200, rows=300)
    (found, report), (other, second) = run(engine, tmp_path, made, table), run(DuckEngine(threads=1), tmp_path, made, table)
    assert found == other and found.total() > 200
    assert "pyspark" in report["public"].pop("libraries") and "pyspark" not in second["public"].pop("libraries")
    assert report["public"] == second["public"]


def test_what_spark_says_of_a_query_it_refuses_goes_no_further(engine, tmp_path, monkeypatch):
    def refuse(job):
        job.engine.scan_parquet(job.source).select(nw.col("place") + nw.lit(dt.date(2024, 1, 1)), nw.lit("a person"))

    monkeypatch.setattr(pipeline, "_run", refuse)
    with pytest.raises(InputError, match="could not be computed") as caught:
        run(engine, tmp_path, survey("full_domain"), purchases())
    assert "person" not in caught.value.message and caught.value.__suppress_context__


def test_the_command_line_hands_the_run_to_spark(spark, tmp_path, capsys, monkeypatch):
    seen: list[int] = []

    def read(made, source, output, *, engine, **options):
        seen.append(engine.rows(engine.scan_parquet(source)))
        raise InputError(type(engine).__name__)

    monkeypatch.setattr(pipeline, "run", read)
    assert main(["run", *_typed(tmp_path), "--engine", "spark"]) == 2
    assert seen == [500] and "SparkEngine" in capsys.readouterr().err


def test_the_command_line_says_what_spark_lacks(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(spark_session, "missing", lambda: spark_session.NO_JAVA)
    assert main(["run", *_typed(tmp_path), "--engine", "spark"]) == 2
    assert "Java 17" in capsys.readouterr().err


def _typed(folder: Path) -> list[str]:
    (folder / "recipe.json").write_text(json.dumps(survey("full_domain")))
    pq.write_table(purchases(), folder / "in.parquet")
    return [str(folder / "recipe.json"), "--input", str(folder / "in.parquet"), "--output", str(folder / "out")]
