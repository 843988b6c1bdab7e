"""Bus stops: plain data that are about no person. UTF-8 with a byte order mark, as spreadsheets like to write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from opendata.demo import places
from opendata.demo.chance import pick, stream
from opendata.demo.files import write_csv

FILE = "bus_stops.csv"
ENCODING = "utf-8-sig"
HEADER = ("stop_id", "stop_name", "route", "dong_code", "lat", "lon", "opened_year")
STOPS = 200

_SPOTS = ("주민센터", "도서관", "시장 입구", "초등학교 앞", "사거리", "공원", "역 3번 출구", "체육관", "우체국", "아파트 정문")
_ROUTES = ("101", "102", "110", "205", "230", "301", "340", "455", "N13", "N26", "M7701", "M7705")


def write(folder: Path, seed: int) -> int:
    """Write the stops below ``folder``; answers the number of rows."""
    return write_csv(folder / FILE, HEADER, [_table(seed)], encoding=ENCODING)


def _table(seed: int) -> pa.Table:
    rng = stream(seed, "bus stops")
    at = pick(rng, places.weights("pull") + places.weights("homes"), STOPS)
    dongs = [places.dongs()[place] for place in at.tolist()]
    spots = pick(rng, np.ones(len(_SPOTS)), STOPS).tolist()
    routes = pick(rng, np.arange(len(_ROUTES), 0, -1.0), STOPS).tolist()
    drift = rng.normal(0, 0.004, (STOPS, 2)).tolist()
    columns = [
        pa.array([f"99-{number:04d}" for number in range(1, STOPS + 1)]),
        pa.array([f"{dong.name} {_SPOTS[spot]}" for dong, spot in zip(dongs, spots, strict=True)]),
        pa.array([_ROUTES[route] for route in routes]),
        pa.array([dong.code for dong in dongs]),
        pa.array([round(dong.latitude + north, 6) for dong, (north, _) in zip(dongs, drift, strict=True)]),
        pa.array([round(dong.longitude + east, 6) for dong, (_, east) in zip(dongs, drift, strict=True)]),
        pa.array(rng.integers(1988, 2026, STOPS)),
    ]
    return pa.table(columns, names=list(HEADER))
