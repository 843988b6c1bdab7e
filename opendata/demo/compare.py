"""A living-population release beside the truth: how far off it is, by size of cell.

``python -m opendata.demo.compare data.parquet truth.parquet``

Two errors are told apart by nobody who has only the release: the noise, which its intervals cover, and what signalling
missed (telephones that were off, stays without an event, limits per person), which they do not.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

SIZES: Final = ((0, 0), (1, 9), (10, 99), (100, 999), (1_000, None))


@dataclass(frozen=True)
class Row:
    """Cells that truly hold from ``low`` to ``high`` persons: how many; median relative error (share of the truth, nan for
    empty cells); median absolute error (persons); share of intervals that hold the truth.
    """

    low: int
    high: int | None
    cells: int
    relative: float
    absolute: float
    covered: float


def compared(release: pd.DataFrame, truth: pd.DataFrame) -> list[Row]:
    """``release``: dong_code, event_at_hour, people and its ends; ``truth``: dong_code, hour, persons. Cells of both.

    Raises ValueError where they share no cell.
    """
    both = joined(release, truth)
    if both.empty:
        raise ValueError("the release and the truth have no cell in common")
    return [row for low, high in SIZES if (row := _row(both, low, high)) is not None]


def joined(release: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """One row a cell: dong_code, hour, persons (the truth), people and its ends."""
    hours = pd.to_datetime(release["event_at_hour"]).dt.tz_localize(None).astype("datetime64[s]")
    left = release.assign(hour=hours, dong_code=release["dong_code"].astype(str))
    right = truth.assign(hour=truth["hour"].astype("datetime64[s]"), dong_code=truth["dong_code"].astype(str))
    found = left.merge(right, on=["dong_code", "hour"])
    kept = ["people", "people_lower", "people_upper", "persons"]
    return found[["dong_code", "hour"]].join(found[kept].astype(float))


def _row(both: pd.DataFrame, low: int, high: int | None) -> Row | None:
    within = both[(both["persons"] >= low) & (both["persons"] <= (np.inf if high is None else high))]
    if within.empty:
        return None
    off = (within["people"] - within["persons"]).abs()
    covered = (within["people_lower"] <= within["persons"]) & (within["persons"] <= within["people_upper"])
    relative = float((off / within["persons"]).median()) if low else float("nan")
    return Row(low, high, len(within), relative, float(off.median()), float(covered.mean()))


def table(rows: Sequence[Row]) -> str:
    """As lines of text."""
    head = f"{'persons in the cell':>20}{'cells':>9}{'median relative error':>23}{'median error':>14}{'in the interval':>17}"
    return "\n".join([head, *map(_line, rows)])


def _line(row: Row) -> str:
    size = f"{row.low:,} or more" if row.high is None else "none" if not row.high else f"{row.low:,} to {row.high:,}"
    relative = "–" if np.isnan(row.relative) else f"{row.relative * 100:.1f} %"
    return f"{size:>20}{row.cells:>9,}{relative:>23}{row.absolute:>14.1f}{row.covered * 100:>15.1f} %"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m opendata.demo.compare", description="A release beside the truth, by size of cell."
    )
    parser.add_argument("release", type=Path, help="the released living population")
    parser.add_argument("truth", type=Path, help="truth.parquet of the simulated week")
    asked = parser.parse_args(arguments)
    print(table(compared(pd.read_parquet(asked.release), pd.read_parquet(asked.truth))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
