"""The engine alone: full-domain k-anonymity on Adult, a DP table on made-up events; each beside a bare group-by."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

from anonymize import pipeline, recipe
from anonymize.tables.files import read_upload
from tests.anonymize.pipeline.test_real_data import QUASI
from tests.bench.measure import clock, say
from tests.conftest import SHARED

EVENTS = {
    "recipe": 1, "title": "Events", "person_key": "person",
    "columns": {"person": {"role": "person_key"}, "dong": {"role": "place"}, "ts": {"role": "event_time"}, "amount": {"role": "plain"}},
    "stages": [
        {
            "stage": "dp_table", "group_by": [{"column": "dong"}, {"column": "ts", "bucket": "hour_of_day"}],
            "measures": [
                {"name": "persons", "kind": "persons"}, {"name": "rows", "kind": "rows"},
                {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 200000},
            ],
            "epsilon": "1", "delta": "1e-6", "max_cells_per_person": 10, "max_rows_per_cell": 4, "cells": "private",
        }
    ],
}  # fmt: skip


def main() -> None:
    if not SHARED.is_dir():
        say("engine", "skipped: ../shared is not here")
        return
    with tempfile.TemporaryDirectory() as name:
        _adult(Path(name))
        _events(Path(name), 1_000_000)


def _adult(folder: Path) -> None:
    source = SHARED / "data" / "adult_arx"
    document = {
        "recipe": 1, "title": "Adult",
        "columns": {name: {"role": "quasi_identifier", "hierarchy": {"file": f"adult_hierarchy_{name}.csv"}} for name in QUASI},
        "stages": [{"stage": "k_anonymity", "k": 5, "max_suppressed": "0.05"}],
    }  # fmt: skip
    typed = folder / "adult.parquet"
    read_upload(source / "adult.csv", file_name="adult.csv", output=typed, scratch=folder)
    with clock() as bare:
        duckdb.read_parquet(str(typed)).aggregate([duckdb.FunctionExpression("count", duckdb.ConstantExpression(1)), *map(duckdb.ColumnExpression, QUASI)]).fetchall()
    with clock() as took:
        result = pipeline.run(recipe.parse(document), typed, folder / "adult", folder=source)
    figures = result.report["public"]
    say("Adult, k=5, full domain, 9 columns", f"{took[0]:.2f} s, granularity {figures['granularity']:.4f}, suppressed {figures['suppressed']['share']:.2%}", f"{bare[0]:.2f} s")


def _events(folder: Path, rows: int) -> None:
    source = folder / "events.parquet"
    subprocess.run([sys.executable, str(SHARED / "bench" / "make_events.py"), str(rows), str(source)], check=True, capture_output=True)
    with clock() as bare:
        columns = [duckdb.ColumnExpression("person"), duckdb.ColumnExpression("dong"), duckdb.FunctionExpression("hour", duckdb.ColumnExpression("ts"))]
        duckdb.read_parquet(str(source)).aggregate([duckdb.FunctionExpression("count", duckdb.ConstantExpression(1)), *columns]).to_arrow_table()
    with clock() as took:
        result = pipeline.run(recipe.loads(json.dumps(EVENTS)), source, folder / "events")
    say(f"DP table, {rows:,} events, 3 measures", f"{took[0]:.2f} s, {result.rows} cells", f"group-by {bare[0]:.2f} s, ratio {took[0] / bare[0]:.1f}")
