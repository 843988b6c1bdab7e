"""Small originals and releases as Arrow tables, coded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from anonymize.recipe import IntervalHierarchy, PrefixHierarchy
from anonymize.risk.coded import Coded
from anonymize.risk.coding import code_tables

AGES = IntervalHierarchy(intervals=(10, 20))
AREAS = PrefixHierarchy(prefix=(1,))
QUASI = {"age": AGES, "area": AREAS}


def people(rng: np.random.Generator, rows: int) -> pa.Table:
    return pa.table(
        {
            "age": rng.integers(20, 60, rows),
            "area": [f"{a}{b}" for a, b in zip(rng.choice(list("NS"), rows), rng.integers(0, 4, rows), strict=True)],
            "illness": rng.choice(["flu", "cold", "gout", "none"], rows),
        }
    )


def decade(ages: Sequence[int]) -> list[str]:
    return [f"[{age // 10 * 10}, {age // 10 * 10 + 10})" for age in ages]


def coarse(table: pa.Table) -> pa.Table:
    """Ages in tens, areas by their first letter."""
    return pa.table(
        {
            "age": decade(table["age"].to_pylist()),
            "area": [area[:1] for area in table["area"].to_pylist()],
            "illness": table["illness"],
        }
    )


def coded(original: pa.Table, release: pa.Table, holdout: pa.Table | None = None) -> Coded:
    return code_tables(original, release, quasi_identifiers=QUASI, others=["illness"], holdout=holdout)
