"""How often the published 95 % intervals cover the truth, measure by measure and by size of cell; after post-processing.

Each figure is of :data:`CELLS` cells that hold the same rows, through the very functions of the stage.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from anonymize.aggregates import output
from anonymize.aggregates import stage as staging
from anonymize.aggregates.noise import Integers
from anonymize.recipe import DpTable
from tests.anonymize.aggregates.worlds import dp_stage
from tests.bench.measure import say

CELLS = 20_000
BOUNDS = {"column": "amount", "lower": 0, "upper": 100}
MEASURES: dict[str, dict[str, Any]] = {
    "persons": {"kind": "persons"},
    "rows": {"kind": "rows"},
    "sum": {"kind": "sum", **BOUNDS},
    "mean": {"kind": "mean", **BOUNDS},
    "variance": {"kind": "variance", **BOUNDS},
}
SIZES = (0, 3, 30, 300, 3000, 100_000)


def main() -> None:
    for noise in ("laplace", "gaussian"):
        for name, fields in MEASURES.items():
            stage = dp_stage(
                measures=[{"name": "m", **fields}], noise=noise, epsilon="0.5", max_cells_per_person=5, max_rows_per_cell=2,
                group_by=[{"column": "place", "values": ["a"]}],
            )  # fmt: skip
            found = ", ".join(f"{size:,}: {covered(stage, size):.3f}" for size in SIZES)
            say(f"{name}, {noise}", found, "")


def covered(stage: DpTable, persons: int, cells: int = CELLS) -> float:
    """The share of cells whose interval holds the truth, of ``persons`` persons with one row each."""
    amounts = np.random.default_rng(persons).integers(5, 60, persons)
    planned = staging.plan(stage)
    exact = staging.ExactCells(
        {"place": pa.array(np.arange(cells))}, {q.key: np.full(cells, _exact(q.kind, amounts), dtype=np.int64) for q in planned.drawn}, cells
    )
    groups, noisy = staging.draw(exact, planned)
    table = output.table(groups, noisy, stage, planned)
    low, high = (table[f"m_{end}"].astype(float).to_numpy() for end in ("lower", "upper"))
    if persons == 0 and stage.measures[0].kind in ("mean", "variance"):
        return 1.0  # there is no truth to miss
    true = _truth(stage.measures[0].kind, amounts)
    return float(np.mean((low <= true + 1e-6) & (true <= high + 1e-6)))


def _exact(kind: str, amounts: Integers) -> int:
    centred = amounts - 50
    found = {"sum": amounts.sum(), "centred": centred.sum(), "squares": (centred**2).sum()}
    return int(found.get(kind, amounts.size))


def _truth(kind: str, amounts: Integers) -> float:
    found = {"sum": np.sum, "mean": np.mean, "variance": np.var}
    return float(found.get(kind, np.size)(amounts))
