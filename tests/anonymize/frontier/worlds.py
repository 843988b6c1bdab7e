"""A small table about people, in files, and the recipe that a steward would begin with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = {
    "age": {"role": "quasi_identifier", "hierarchy": {"intervals": [10, 20, 40]}},
    "area": {"role": "quasi_identifier", "hierarchy": {"prefix": [1]}},
    "height": {"role": "quasi_identifier"},
    "illness": {"role": "sensitive"},
}


def document(*, keyed: bool = False, **stage):
    person = {"person_key": "person"} if keyed else {}
    return {
        "recipe": 1, "title": "Survey", **person, "columns": COLUMNS,
        "stages": [{"stage": "k_anonymity", "k": 3, "max_suppressed": "0.1", **stage}],
    }  # fmt: skip


def survey(folder: Path, *, rows: int = 160, keyed: bool = False, seed: int = 4, shuffled: bool = False) -> Path:
    """Rows of a survey; with ``keyed``, about a third of the people have a second row, some elsewhere."""
    draw = np.random.default_rng(seed)
    columns = {
        "age": draw.integers(18, 60, rows),
        "area": [f"{side}{n}" for side, n in zip(draw.choice(["N", "S"], rows), draw.integers(0, 4, rows), strict=True)],
        "height": draw.integers(155, 190, rows),
        "illness": draw.choice(["flu", "cold", "gout", "none"], rows, p=[0.3, 0.3, 0.1, 0.3]).tolist(),
        "person": [f"p{i}" for i in draw.integers(0, rows * 3 // 4, rows)],
    }
    table = pa.table(columns if keyed else {name: values for name, values in columns.items() if name != "person"})
    table = table.take(draw.permutation(rows)) if shuffled else table
    path = folder / f"survey-{keyed}-{shuffled}.parquet"
    pq.write_table(table, path)
    return path
