"""Tables that no setting makes useful: a million distinct free texts, forty quasi-identifiers, a million names to replace.

Each row: seconds of ``pipeline.run`` and peak memory of its process; the search must end, and say what it is worth.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.measure import clock, peak_of, say

_MAKE = """
import random, sys
import pyarrow as pa, pyarrow.parquet as pq
kind, rows, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
chance = random.Random(1)
age = [chance.randrange(18, 90) for _ in range(rows)]
columns = {
    "texts": lambda: {"age": age, "remark": [f"on visit {i * 7919 % rows} the customer said this and that" for i in range(rows)]},
    "wide": lambda: {f"c{i}": [chance.randrange(8 + i % 5) for _ in range(rows)] for i in range(40)},
    "names": lambda: {"age": age, "id": [f"person {i}" for i in range(rows)], "phone": [f"010-{i % 10000:04}-{i // 10000:04}" for i in range(rows)]},
}[kind]()
pq.write_table(pa.table(columns), out)
"""

_RUN = """
import json, sys, time
from pathlib import Path
from anonymize import pipeline, recipe
begin = time.perf_counter()
done = pipeline.run(recipe.parse(json.loads(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]))
public = done.report["public"]
told = {"seconds": time.perf_counter() - begin, "granularity": public["granularity"], "proven": public["search"]["proven_optimal"]}
print("\\n" + json.dumps({**told, "smallest": public["recheck"]["smallest_class_persons"], "notes": public["notes"]}))
"""

AGE = {"age": {"role": "quasi_identifier", "hierarchy": {"intervals": [5, 10, 20]}}}
WIDE = {f"c{i}": {"role": "quasi_identifier", "hierarchy": {"intervals": [2, 4, 8]}} for i in range(40)}
NAMES = {
    **AGE,
    "id": {"role": "direct_identifier", "release_as": {"as": "pseudonym"}},
    "phone": {"role": "direct_identifier", "release_as": {"as": "surrogate", "kind": "same_format"}},
}
FULL, LOCAL = {"method": "full_domain", "max_suppressed": "0.05"}, {"method": "local_recoding"}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, rows in (("texts", 1_000_000), ("wide", 50_000), ("names", 1_000_000)):
            subprocess.run([sys.executable, "-c", _MAKE, kind, str(rows), str(folder / f"{kind}.parquet")], check=True)
        texts = {**AGE, "remark": {"role": "quasi_identifier"}}
        for stage in (FULL, LOCAL):
            _measure(f"1,000,000 free texts, {stage['method']}", folder, "texts", texts, {"k": 5, **stage})
        for k in (5, 5000):
            _measure(f"40 quasi-identifiers × 50,000, k={k}", folder, "wide", WIDE, {"k": k, **FULL})
        _measure("40 quasi-identifiers × 50,000, local", folder, "wide", WIDE, {"k": 5, **LOCAL})
        _measure("1,000,000 rows, no identifier released", folder, "names", AGE, {"k": 5, **FULL})
        _measure("1,000,000 pseudonyms and surrogates", folder, "names", NAMES, {"k": 5, **FULL})


def _measure(name: str, folder: Path, kind: str, columns: dict[str, Any], stage: dict[str, Any]) -> None:
    document = {"recipe": 1, "title": name, "columns": columns, "stages": [{"stage": "k_anonymity", **stage}]}
    source = folder / f"{kind}.parquet"
    command = [sys.executable, "-c", _RUN, json.dumps(document), str(source), str(folder / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    with peak_of(process.pid) as peak:
        told = json.loads(process.communicate()[0].splitlines()[-1])
    with clock() as bare:
        duckdb.read_parquet(str(source)).write_parquet(str(folder / "bare.parquet"))
    proven = "proven" if told["proven"] else "not proven"
    figures = f"{told['seconds']:.1f} s, {peak.largest:.0f} MB, granularity {told['granularity']:.3f}, {proven}, smallest class {told['smallest']}"
    say(name, figures, f"copy {bare[0]:.2f} s")
