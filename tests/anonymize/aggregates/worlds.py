"""Small tables and stages to release, and the release cut open: the exact part once, its noise many times."""

from __future__ import annotations

import atexit
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from anonymize.aggregates import stage as staging
from anonymize.aggregates.dimensions import dimensions
from anonymize.aggregates.noise import Integers
from anonymize.recipe import DpTable
from anonymize.tables import DuckEngine, TableEngine

TYPES = {"who": "text", "place": "text", "amount": "decimal", "at": "timestamp"}

_ARROW = {"who": pa.string(), "place": pa.string(), "amount": pa.decimal128(18, 2), "at": pa.timestamp("us")}


def dp_stage(**changes: Any) -> DpTable:
    fields: dict[str, Any] = {
        "stage": "dp_table",
        "group_by": [{"column": "place", "values": ["a", "b", "c"]}],
        "measures": [{"name": "people", "kind": "persons"}],
        "epsilon": "1",
        "delta": "1e-6",
        "max_cells_per_person": 1,
        "max_rows_per_cell": 1,
        "cells": "public",
    }
    return DpTable.model_validate(fields | changes)


def table_of(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows with the columns of :data:`TYPES`; what a row does not name is null."""
    columns = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in _ARROW.items()}
    table: pd.DataFrame = pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)
    return table


def release(
    engine: TableEngine, rows: pd.DataFrame, stage: DpTable, types: dict[str, str] = TYPES, **arguments: Any
) -> staging.Aggregated:
    given: dict[str, Any] = {
        "unit": ("who",),
        "ladders": {},
        "before_noise": lambda loss: None,
        "progress": lambda step, share: None,
    }
    return staging.release_table(
        engine, engine.from_pandas(rows), stage=stage, column_types=types, **(given | arguments)
    )


def exact(rows: pd.DataFrame, stage: DpTable) -> staging.ExactCells:
    """The cells just before noise, by the very functions of the stage."""
    dims = dimensions(stage, TYPES)
    planned = staging.plan(stage)
    engine = _engine()
    frame = engine.from_pandas(rows)
    shaped = staging.shape(engine, frame, stage=stage, dimensions=dims, unit=("who",), ladders={})
    cells, bounded = staging.bounded_cells(engine, shaped, max_cells=planned.max_cells, max_rows=planned.max_rows, in_all=planned.max_rows_in_all)
    return staging.exact_cells(cells, stage, planned, dims, bounded.leaves)


@cache
def _engine() -> TableEngine:
    """One for all small tables of a process: to start it takes longer than to count them."""
    return DuckEngine(threads=1)


atexit.register(_engine.cache_clear)  # DuckDB complains of what is still open when the interpreter is taken apart


def many_draws(rows: pd.DataFrame, stage: DpTable, copies: int, places: list[str], measure: str) -> Integers:
    """``measure`` of each place in ``copies`` releases: (copies, places); a place that is not shown is far below all.

    The bounding is done once, which is no loss in worlds where it has nothing to choose.
    """
    cells = exact(rows, stage)
    size = len(cells.groups["place"])
    tiled = staging.ExactCells(
        {
            "place": pa.array(cells.groups["place"].to_pylist() * copies, pa.string()),
            "copy": pa.array(np.repeat(np.arange(copies), size)),
        },
        {name: np.concatenate([values] * copies) for name, values in cells.values.items()},
        cells.with_data,
    )
    groups, noisy = staging.draw(tiled, staging.plan(stage))
    found = next(values for (name, _), values in noisy.items() if name == measure)
    wide = np.full((copies, len(places)), _HIDDEN, dtype=np.int64)
    for i, place in enumerate(places):
        there = pc.equal(groups["place"], place).to_numpy(zero_copy_only=False)
        wide[groups["copy"].to_numpy()[there], i] = found[there]
    return wide


_HIDDEN = -(2**50)
