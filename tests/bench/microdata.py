"""k-anonymity on Adult and on tables of 1,000,000 rows, both methods; granularity judged from the written values alone.

Each row: the whole process from CSV to written file, of which the search; peak memory of that process; beside it the
bare cost, a DuckDB group-by over the same columns plus writing the same rows.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow.csv
import pyarrow.parquet as pq

from tests.bench.measure import clock, peak_of, say
from tests.conftest import SHARED

LOCAL = {"method": "local_recoding"}
FULL = {"method": "full_domain", "max_suppressed": "0.05"}

_WHOLE = """
import json, sys, time
from pathlib import Path
from anonymize import pipeline, recipe
from anonymize.tables.files import read_upload
source, folder, out, document = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
read_upload(source, file_name=source.name, output=out / "in.parquet", scratch=out)
begin = time.perf_counter()
done = pipeline.run(recipe.parse(document), out / "in.parquet", out, folder=folder)
print("\\n" + json.dumps({"engine": time.perf_counter() - begin, "rows": done.rows, "public": done.report["public"]}))
"""


def main() -> None:
    if not SHARED.is_dir():
        say("microdata", "skipped: ../shared is not here")
        return
    adult = SHARED / "data" / "adult_arx"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k in (2, 5, 10):
            _measure(f"Adult, k={k}, local recoding", folder, adult / "adult.csv", adult, "adult_hierarchy_", {"k": k, **LOCAL})
        _measure("Adult, k=5, full domain", folder, adult / "adult.csv", adult, "adult_hierarchy_", {"k": 5, **FULL})
        large, near = folder / "large.csv", folder / "near"
        _make("scale_adult.py", "1000000", str(adult / "adult.csv"), str(large))
        _measure("Adult × 33, 1,000,000 rows, local", folder, large, adult, "adult_hierarchy_", {"k": 5, **LOCAL})
        _make("near_distinct.py", "1000000", "6", str(near))
        _measure("near distinct, 1,000,000 × 6, local", folder, near / "data.csv", near, "hierarchy_", {"k": 5, **LOCAL})
        _measure("near distinct, 1,000,000 × 6, full domain", folder, near / "data.csv", near, "hierarchy_", {"k": 5, **FULL})


def _make(script: str, *arguments: str) -> None:
    subprocess.run([sys.executable, str(SHARED / "bench" / script), *arguments], check=True, capture_output=True)


def _measure(name: str, scratch: Path, source: Path, hierarchies: Path, prefix: str, stage: dict[str, object]) -> None:
    columns = source.read_text(encoding="utf-8").split("\n", 1)[0].strip().split(";")
    document = {
        "recipe": 1, "title": name, "stages": [{"stage": "k_anonymity", **stage}],
        "columns": {column: {"role": "quasi_identifier", "hierarchy": {"file": f"{prefix}{column}.csv"}} for column in columns},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=scratch) as out:
        with clock() as took:
            command = [sys.executable, "-c", _WHOLE, str(source), str(hierarchies), out, json.dumps(document)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
            with peak_of(process.pid) as peak:
                said = json.loads(process.communicate()[0].splitlines()[-1])
        judged = _granularity(Path(out) / "data.parquet", said["public"]["rows"]["before"], hierarchies, prefix, columns)
        bare = _bare(Path(out) / "in.parquet", columns, Path(out))
    figures = f"{took[0]:.2f} s whole, {said['engine']:.2f} s of it the engine, {peak.largest:.0f} MB, granularity {judged}"
    say(name, figures, f"{bare:.2f} s")


def _granularity(artefact: Path, rows: int, hierarchies: Path, prefix: str, columns: list[str]) -> str:
    """By the shared judge; suppressed rows, which are not in the file, count 0."""
    table = pq.read_table(artefact)
    written = artefact.with_suffix(".csv")
    pyarrow.csv.write_csv(table, written, pyarrow.csv.WriteOptions(delimiter=";", quoting_style="needed"))
    command = [sys.executable, str(SHARED / "bench" / "granularity.py"), str(written), str(hierarchies), prefix]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    fields = dict(part.split("=") for part in said.split() if "=" in part)
    return f"{float(fields['granularity']) * table.num_rows / rows:.4f}, smallest class {fields['min_class']}"


def _bare(typed: Path, columns: list[str], out: Path) -> float:
    with clock() as took:
        rows = duckdb.read_parquet(str(typed))
        counted = duckdb.FunctionExpression("count", duckdb.ConstantExpression(1))
        rows.aggregate([counted, *map(duckdb.ColumnExpression, columns)]).to_arrow_table()
        rows.write_parquet(str(out / "bare.parquet"))
    return took[0]
