"""A page of 100 records of a release of 1,000,000 rows over HTTP: alone, and under 20 concurrent clients."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

import duckdb
import numpy as np
import pandas as pd

from opendata.embedded import Embedded
from tests.bench.measure import milliseconds, peak_of, say
from tests.bench.story import release, upload
from tests.live.platform import Client, platform

ROWS = 1_000_000
SCAN = {
    "recipe": 1, "title": "A million rows about no person",
    "columns": {name: {"role": "plain"} for name in ("id", "stop", "hour", "line", "n", "load", "day", "name")},
    "stages": [{"stage": "scan"}],
}  # fmt: skip


def table(path: Path) -> None:
    rng = np.random.default_rng(3)
    pd.DataFrame(
        {
            "id": np.arange(ROWS), "stop": rng.integers(0, 424, ROWS), "hour": rng.integers(0, 24, ROWS), "line": rng.integers(0, 12, ROWS),
            "n": rng.integers(0, 1000, ROWS), "load": rng.integers(0, 10_000, ROWS) / 100,
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 365, ROWS), unit="D"),
            "name": np.array(["depot", "terminal", "junction", "crossing"])[rng.integers(0, 4, ROWS)],
        }
    ).to_parquet(path, index=False)  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "rows.parquet"
        table(source)
        (folder / "platform").mkdir()
        with platform(folder / "platform", THROTTLE_ANONYMOUS="1000000/min") as made:
            made.web_workers = 2
            made.start()
            steward = Client(made.url, "stella")
            release(made, steward, "rows", upload(steward, "rows", source), SCAN)
            _bare(source)
            _measure(made)


def _bare(source: Path) -> None:
    took = []
    for _ in range(20):
        start = time.perf_counter()
        duckdb.read_parquet(str(source)).limit(100, offset=random.randrange(ROWS)).fetchall()
        took.append(time.perf_counter() - start)
    say("bare DuckDB LIMIT 100 OFFSET random", milliseconds(took))


def _measure(made: Embedded) -> None:
    with peak_of(made.running["web"].pid) as peak:
        for title, query in (
            ("page of 100, random offset", lambda: f"limit=100&offset={random.randrange(ROWS)}"),
            ("page of 100, filtered", lambda: f"limit=100&where=stop = {random.randrange(424)} and hour = {random.randrange(24)}"),
            ("page of 100, ordered", lambda: "limit=100&order_by=n desc"),
            ("group by", lambda: "group_by=stop&select=stop,sum(n) as total&limit=1000"),
        ):
            alone = _client(made, query, 60)
            say(f"{title}, alone", milliseconds(alone))
        together = _crowd(made, 20, 50)
        say("page of 100, 20 clients at once", milliseconds(together))
    say("web memory meanwhile", f"largest process {peak.largest:.0f} MB, all {peak.together:.0f} MB")


def _client(made: Embedded, query, requests: int) -> list[float]:
    """Seconds per request over one kept connection; the standard library's client, since a heavy one shares our cores."""
    took = []
    http = HTTPConnection("127.0.0.1", made.port, timeout=60)
    for _ in range(requests):
        address = "/api/v1/datasets/rows/records?" + quote(query(), safe="=&,()")
        start = time.perf_counter()
        http.request("GET", address)
        answer = http.getresponse()
        body = answer.read()
        took.append(time.perf_counter() - start)
        if answer.status != 200:
            raise RuntimeError(body[:300].decode())
    http.close()
    return took[5:]


def _crowd(made: Embedded, clients: int, requests: int) -> list[float]:
    took: list[float] = []

    def one() -> None:
        took.extend(_client(made, lambda: f"limit=100&offset={random.randrange(ROWS)}", requests))

    threads = [threading.Thread(target=one) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took
