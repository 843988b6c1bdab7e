"""The engine alone: full-domain k-anonymity on Adult, beside a bare group-by."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from anonymize import pipeline, recipe
from anonymize.tables.files import read_upload
from tests.anonymize.pipeline.test_real_data import QUASI
from tests.bench.measure import clock, say
from tests.conftest import SHARED


def main() -> None:
    if not SHARED.is_dir():
        say("engine", "skipped: ../shared is not here")
        return
    with tempfile.TemporaryDirectory() as name:
        _adult(Path(name))


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

