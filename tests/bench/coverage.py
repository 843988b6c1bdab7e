"""How often the published 95 % intervals cover the truth, measure by measure and by size of cell; after post-processing.

Each figure is of :data:`CELLS` cells that hold the same rows, through the very functions of the stage. Of a quantile it is
how often the interval holds a value whose ranks include it; of a table of the largest, how often all that it shows hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from anonymize.aggregates import output, trees
from anonymize.aggregates import stage as staging
from anonymize.aggregates.noise import Integers, add_noise
from anonymize.aggregates.plan import MeasurePlan
from anonymize.recipe import DpTable
from tests.anonymize.aggregates.worlds import dp_stage
from tests.anonymize.oracles import quantiles as oracle
from tests.bench.measure import say

CELLS = 20_000
CELLS_OF_TREES = 4_000  # each has a hundred counts and more
BOUNDS = {"column": "amount", "lower": 0, "upper": 100}
MEASURES: dict[str, dict[str, Any]] = {
    "persons": {"kind": "persons"},
    "rows": {"kind": "rows"},
    "sum": {"kind": "sum", **BOUNDS},
    "mean": {"kind": "mean", **BOUNDS},
    "variance": {"kind": "variance", **BOUNDS},
    "median": {"kind": "median", **BOUNDS},
    "quantile 0.9": {"kind": "quantile", "quantile": "0.9", **BOUNDS},
}
SIZES = (0, 3, 30, 300, 3000, 100_000)


def main() -> None:
    for noise in ("laplace", "gaussian"):
        for name, fields in MEASURES.items():
            stage = dp_stage(
                measures=[{"name": "m", **fields}], noise=noise, epsilon="0.5", max_cells_per_person=5, max_rows_per_cell=2,
                group_by=[{"column": "place", "values": ["a"]}],
            )  # fmt: skip
            cells = CELLS if stage.measures[0].rank is None else CELLS_OF_TREES
            found = ", ".join(f"{size:,}: {covered(stage, size, cells):.3f}" for size in SIZES)
            say(f"{name}, {noise}", found, "")
        say(f"the 3 largest of 20, {noise}", ", ".join(f"{size:,}: {largest_covered(size, noise):.3f}" for size in SIZES), "")


def covered(stage: DpTable, persons: int, cells: int = CELLS) -> float:
    """The share of cells whose interval holds the truth, of ``persons`` persons with one row each."""
    amounts = np.random.default_rng(persons).integers(5, 60, persons)
    planned = staging.plan(stage)
    exact = staging.ExactCells(
        {"place": pa.array(np.arange(cells))}, {q.key: np.stack([_exact(q, amounts)] * cells) for q in planned.drawn}, cells
    )
    groups, noisy = staging.draw(exact, planned)
    table = output.table(groups, noisy, stage, planned)
    low, high = (table[f"m_{end}"].astype(float).to_numpy() for end in ("lower", "upper"))
    if persons == 0 and stage.measures[0].kind not in ("persons", "rows", "sum"):
        return 1.0  # there is no truth to miss
    if stage.measures[0].rank is not None:
        these = oracle.quantiles(np.bincount(amounts, minlength=101).tolist(), float(stage.measures[0].rank))
        return float(np.mean((low <= these[-1]) & (high >= these[0])))
    true = _truth(stage.measures[0].kind, amounts)
    return float(np.mean((low <= true + 1e-6) & (true <= high + 1e-6)))


def largest_covered(persons: int, noise: str, places: int = 20, tables: int = 1_000) -> float:
    """The share of tables all of whose intervals hold, where places that all have ``persons`` persons compete for three ranks."""
    stage = dp_stage(top={"dimension": "place", "measure": "people", "limit": 3}, noise=noise, epsilon="0.5")
    planned = staging.plan(stage)
    (quantity,) = planned.measures
    groups = {"table": pa.array(np.repeat(np.arange(tables), places)), "place": pa.array(list(range(places)) * tables)}
    noisy = add_noise(np.full(places * tables, persons, dtype=np.int64), quantity.noise)
    shown = output.table(groups, {quantity.key: noisy}, stage, planned)
    held = (shown["people_lower"] <= persons) & (shown["people_upper"] >= persons)
    return float(held.astype(float).groupby(shown["table"]).min().mean())


def _exact(quantity: MeasurePlan, amounts: Integers) -> Integers:
    if quantity.tree is not None:
        return np.asarray(trees.counts(quantity.tree, np.bincount(amounts, minlength=quantity.tree.leaves)[None])[0], dtype=np.int64)
    centred = amounts - 50
    found = {"sum": amounts.sum(), "centred": centred.sum(), "squares": (centred**2).sum()}
    return np.asarray(found.get(quantity.kind, amounts.size), dtype=np.int64)


def _truth(kind: str, amounts: Integers) -> float:
    found = {"sum": np.sum, "mean": np.mean, "variance": np.var}
    return float(found.get(kind, np.size)(amounts))
