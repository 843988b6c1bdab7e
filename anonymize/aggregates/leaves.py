"""Which rows fall where on the grid of a quantile: counted from the very rows that bounding chose for all else.

A tree over column ``l<i>`` counts a row in cell and leaf; a row without a value has leaf -1 and is counted nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd

from anonymize.aggregates.noise import Integers
from anonymize.tables.base import Frame, TableEngine


def count(engine: TableEngine, rows: Frame, groups: Sequence[str], trees: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Each tree's (cell, ``leaf``) → rows ``n``, where there are any: exact, only for the eyes of the noise.

    ``rows`` are bounded already, with columns ``groups`` and ``trees``.
    """
    found = {}
    for tree in trees:
        there = rows.filter(nw.col(tree) >= 0).select(*groups, nw.col(tree).alias("leaf"))
        counted = there.group_by(*groups, "leaf").agg(nw.len().alias("n"))
        found[tree] = engine.collect(counted.with_columns(nw.col("leaf", "n").cast(nw.Int64())))
    return found


def chosen(rows: Frame, pairs: Frame, keys: Sequence[str]) -> Frame:
    """The ``rows`` of the pairs of person and cell, ``keys``, that bounding left."""
    return rows.join(pairs.select(*keys), on=list(keys), how="semi")


def together(parts: Sequence[dict[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """The counts of several parts of the rows, below each other: they still have to be added up."""
    return {tree: pd.concat([part[tree] for part in parts], ignore_index=True) for tree in (parts[0] if parts else {})}


def dense(cells: pd.DataFrame, counted: pd.DataFrame, groups: Sequence[str], leaves: int) -> Integers:
    """(cell, leaf), the cells in the order of ``cells``."""
    keys = cells[list(groups)].assign(cell=np.arange(len(cells)))
    placed = counted.merge(keys, on=list(groups), how="inner")
    found = np.zeros((len(cells), leaves), dtype=np.int64)
    at = placed["cell"].to_numpy(dtype=np.int64), placed["leaf"].to_numpy(dtype=np.int64)
    np.add.at(found, at, placed["n"].to_numpy(dtype=np.int64))
    return found
