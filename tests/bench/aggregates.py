"""The DP table on events of 1, 20 and 100 million rows, each beside the bare group-by over (person, cell) on the same file.

Every figure is of a process of its own: seconds by the clock and of computing (user and system, all threads), and the most
memory it held. ``EVENTS=1000000,20000000`` says how many rows, where the largest takes too long. ``PEERS=1`` installs
PipelineDP and Tumult Analytics into an environment of their own, and runs them on the smallest file; Tumult needs Java 17.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from anonymize.aggregates.noise import AnyNoise, add_noise, of_scale, of_variance
from tests.bench.measure import clock, say
from tests.conftest import SHARED

DRAWS = 1_000_000
ROWS = "1000000,20000000,100000000"
RECIPE = {
    "recipe": 1, "title": "Events", "person_key": "person",
    "columns": {"person": {"role": "person_key"}, "dong": {"role": "place"}, "ts": {"role": "event_time"}, "amount": {"role": "plain"}},
    "stages": [
        {
            "stage": "dp_table", "group_by": [{"column": "dong"}, {"column": "ts", "bucket": "hour_of_day"}],
            "measures": [
                {"name": "persons", "kind": "persons"}, {"name": "rows", "kind": "rows"},
                {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 200000},
            ],
            "epsilon": "1", "delta": "1e-8", "max_cells_per_person": 10, "max_rows_per_cell": 4, "cells": "private",
        }
    ],
}  # fmt: skip

_MEASURED = """
import json, resource, sys, time
from pathlib import Path
def measured(work):
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    made = work()
    wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"wall": wall, "cpu": cpu, "mb": int(status["VmHWM"].split()[0]) * 1024 / 1e6, "made": made}))
"""

_TABLE = """
from anonymize import pipeline, recipe
source, out, document, times = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
for _ in range(times):
    measured(lambda: pipeline.run(recipe.parse(document), source, out).rows)
"""

_BARE = """
import duckdb
from duckdb import ColumnExpression as Column, ConstantExpression as Constant, FunctionExpression as Call
duckdb.execute("SET enable_progress_bar = false")
count = Call("count", Constant(1))
pairs = duckdb.read_parquet(sys.argv[1]).aggregate([count.alias("n"), Column("person"), Column("dong"), Call("hour", Column("ts")).alias("hour")])
measured(lambda: pairs.aggregate([count]).fetchall()[0][0])
"""

_PEERS = {"peer_pipelinedp.py": ("pipeline-dp>=0.3,<0.4", "pandas", "pyarrow"), "peer_tumult.py": ("tmlt.analytics>=0.21,<0.22",)}


def main() -> None:
    if not SHARED.is_dir():
        say("aggregates", "skipped: ../shared is not here")
        return
    _noise()
    sizes = [int(size) for size in os.environ.get("EVENTS", ROWS).split(",")]
    with tempfile.TemporaryDirectory() as name:
        print(f"{'rows':>12s} {'cells':>7s} {'wall':>8s} {'CPU':>8s} {'peak':>8s}   {'bare: wall':>10s} {'CPU':>8s}   {'ratio: wall':>11s} {'CPU':>5s}")
        for size in sizes:
            source = _events(Path(name), size)
            _table(Path(name), source, size)
            if size == min(sizes) and os.environ.get("PEERS"):
                _peers(Path(name), source)
            source.unlink()


def _events(folder: Path, rows: int) -> Path:
    source = folder / "events.parquet"
    subprocess.run([sys.executable, str(SHARED / "bench" / "make_events.py"), str(rows), str(source)], check=True, capture_output=True)
    return source


def _table(folder: Path, source: Path, rows: int) -> None:
    """A small table twice: the first time in a process, libraries that draw noise are loaded; a worker has them."""
    bare = _run(_BARE, source)[-1]
    small = rows <= 1_000_000
    for i, took in enumerate(_run(_TABLE, source, folder / "out", json.dumps(RECIPE), 3 if small else 1)):
        ratio = f"{took['wall'] / bare['wall']:11.1f} {took['cpu'] / bare['cpu']:5.1f}"
        figures = f"{took['wall']:6.2f} s {took['cpu']:6.2f} s {took['mb']:5.0f} MB   {bare['wall']:8.2f} s {bare['cpu']:6.2f} s   {ratio}"
        print(f"{rows:12,d} {took['made']:7,d} {figures}{' (again)' if i else ''}", flush=True)


def _run(script: str, *arguments: object) -> list[dict[str, float]]:
    command = [sys.executable, "-c", _MEASURED + script, *map(str, arguments)]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


def _noise() -> None:
    kinds: dict[str, AnyNoise] = {
        "Laplace, scale 100, diffprivlib": of_scale(Fraction(100), "diffprivlib"),
        "Laplace, scale 100, OpenDP": of_scale(Fraction(100), "opendp"),
        "Laplace, scale 10,000,000, OpenDP": of_scale(Fraction(10**7), "opendp"),
        "Gaussian, σ 1,000, OpenDP": of_variance(Fraction(10**6)),
    }
    for name, noise in kinds.items():
        add_noise(np.zeros(1, dtype=np.int64), noise)  # loads the sampler
        begin = time.process_time()
        with clock() as took:
            add_noise(np.zeros(DRAWS, dtype=np.int64), noise)
        say(name, f"{DRAWS:,} draws: {took[0]:.2f} s, {time.process_time() - begin:.2f} s of CPU, {DRAWS / took[0]:,.0f} a second")


def _peers(folder: Path, source: Path) -> None:
    for script, packages in _PEERS.items():
        environment = folder / script.removesuffix(".py")
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        python = environment / "bin" / "python"
        installed = subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], capture_output=True, check=False)
        if installed.returncode:
            say(script, "skipped: could not be installed")
            continue
        ran = subprocess.run([str(python), str(SHARED / "bench" / script), str(source)], capture_output=True, text=True, check=False)
        say(script, ran.stdout.strip().splitlines()[-1] if ran.returncode == 0 else "failed")
