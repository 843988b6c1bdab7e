"""A simulated week that follows a table of totals: what companies would sell of it, recipes, and the truth to compare with.

``python -m opendata.demo.week --people 100000 --totals WEEK.parquet --output DIR``

Without ``--totals`` it is a made-up week of Haneul. Nobody in it exists, wherever the totals are from.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from opendata.demo import sources, totals, truth, worked
from opendata.demo.truth import Truth

SIGNALLING, CARDS, TAXIS, TRUTH = "signalling.parquet", "cards.parquet", "taxis.parquet", "truth.parquet"
DEFAULT_PEOPLE: Final = 20_000


def write(folder: Path, lived: Truth, seed: int) -> dict[str, int]:
    """Write the three sources, the truth, and a recipe for each worked example below ``folder``; rows of each table."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        SIGNALLING: sources.signalling(lived, seed),
        CARDS: sources.cards(lived, seed),
        TAXIS: sources.taxis(lived, seed),
        TRUTH: present(lived),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / name, compression="zstd")
    for slug, recipe in worked.recipes(lived.totals).items():
        text = json.dumps(recipe, ensure_ascii=False, indent=1)
        (folder / f"{slug}.recipe.json").write_text(text + "\n", encoding="utf-8")
    return {name: table.num_rows for name, table in tables.items()}


def present(lived: Truth) -> pa.Table:
    """The truth as rows: ``dong_code``, ``hour`` (local time), ``persons`` present; empty cells are there."""
    codes = lived.totals.codes
    moments = lived.totals.moments().astype("datetime64[s]")
    columns = {
        "dong_code": pa.array(codes).take(pa.array(np.repeat(np.arange(len(codes)), lived.totals.hours))),
        "hour": pa.array(np.tile(moments, len(codes))),
        "persons": pa.array(lived.present().ravel()),
    }
    return pa.table(columns)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m opendata.demo.week", description="Write a simulated week's data.")
    parser.add_argument("--people", type=int, default=DEFAULT_PEOPLE, help="people in the fullest hour (default 20000)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the simulation, never of privacy noise")
    parser.add_argument("--totals", type=Path, help="Parquet file of dong_code8, datetime and total; else a made-up week")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    asked = parser.parse_args(arguments)
    try:
        table = totals.made_up() if asked.totals is None else totals.published(asked.totals)
        lived = truth.follow(table, asked.people, asked.seed)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    off = truth.error(lived)
    print(f"{lived.people:,} simulated people, {len(table.codes)} places, {table.hours} hours: nobody among them exists.")
    print(
        f"Totals met: correlation {off.correlation:.6f}, median error {off.median:.2f} %, largest {off.largest:.2f} persons"
    )
    for name, rows in write(asked.output, lived, asked.seed).items():
        print(f"{name:<24}{rows:>12,} rows")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
