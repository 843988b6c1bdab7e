"""A small table of visits, in files, and the recipe that a steward would begin with."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = {
    "who": {"role": "person_key"},
    "area": {"role": "place", "hierarchy": {"prefix": [2, 1]}},
    "at": {"role": "event_time"},
    "amount": {"role": "plain"},
}
AREAS = ("N11", "N12", "N21", "S11")
SPEND = {"name": "spend", "kind": "sum", "column": "amount", "lower": 0, "upper": 50}


def document(**stage: Any) -> dict[str, Any]:
    asked = {
        "stage": "dp_table", "group_by": [{"column": "area"}, {"column": "at", "bucket": "day"}],
        "measures": [{"name": "people", "kind": "persons"}, SPEND],
        "epsilon": "2", "delta": "1e-4", "max_cells_per_person": 2, "cells": "private",
    }  # fmt: skip
    return {"recipe": 1, "title": "Visits", "person_key": "who", "columns": COLUMNS, "stages": [asked | stage]}


def declared(**stage: Any) -> dict[str, Any]:
    """The same with public cells: four areas and the days of February 2024, which begins on a Thursday."""
    days = {"column": "at", "bucket": "day", "start": "2024-02-01", "end": "2024-03-01"}
    return document(**{"group_by": [{"column": "area", "values": list(AREAS)}, days], "cells": "public", **stage})


def visits(folder: Path, *, rows: int = 900, seed: int = 4) -> Path:
    draw = np.random.default_rng(seed)
    begin = dt.datetime(2024, 2, 1)
    columns = {
        "who": [f"p{i}" for i in draw.integers(0, rows // 3, rows)],
        "area": draw.choice(AREAS, rows, p=[0.6, 0.25, 0.1, 0.05]).tolist(),
        "at": [begin + dt.timedelta(hours=int(hour)) for hour in draw.integers(0, 29 * 24, rows)],
        "amount": draw.integers(0, 80, rows),
    }
    path = folder / "visits.parquet"
    pq.write_table(pa.table(columns), path)
    return path
