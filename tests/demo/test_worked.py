"""The worked examples on a small simulated week, through the engine, and the living population beside its truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonymize import pipeline, recipe
from opendata.demo import compare, totals, truth, week, worked
from opendata.demo.truth import Truth
from tests.bench.city import seen

PEOPLE, SEED = 900, 4


@pytest.fixture(scope="module")
def lived() -> Truth:
    """A Monday and a Tuesday."""
    whole = totals.made_up()
    return truth.follow(replace(whole, present=whole.present[:, :48]), PEOPLE, SEED)


@pytest.fixture(scope="module")
def folder(lived: Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("week")
    week.write(made, lived, SEED)
    return made


def run(document: worked.Document, folder: Path, name: str, output: Path, **given: Path) -> pipeline.RunResult:
    return pipeline.run(recipe.parse(document), folder / name, output, tables=given)


def test_the_living_population_is_near_the_truth_where_noise_is_small(
    lived: Truth, folder: Path, tmp_path: Path
) -> None:
    """With little noise what is left is what signalling missed: a test of the way, not of the noise."""
    document = worked.living_population(lived.totals, epsilon="10")
    result = run(document, folder, week.SIGNALLING, tmp_path)
    rows = compare.compared(pd.read_parquet(result.artefact), week.present(lived).to_pandas())
    assert sum(row.cells for row in rows) == 60 * 48
    assert result.report["guarantee"]["family"] == "differential_privacy"
    both = compare.joined(pd.read_parquet(result.artefact), week.present(lived).to_pandas())
    known = compare.joined(pd.read_parquet(result.artefact), seen(folder / week.SIGNALLING, document))
    held = (known["people_lower"] <= known["persons"]) & (known["persons"] <= known["people_upper"])
    assert held.mean() > 0.9, "what is missing from the truth is not the noise's doing"
    day = both[both["hour"].dt.hour.between(8, 20)]
    assert 0.5 < day["people"].sum() / day["persons"].sum() < 1.3
    assert np.corrcoef(both["people"], both["persons"])[0, 1] > 0.5


def test_card_spending_is_by_place_kind_of_shop_and_hour(lived: Truth, folder: Path, tmp_path: Path) -> None:
    result = run(worked.card_spending(lived.totals), folder, week.CARDS, tmp_path)
    names = {column["name"] for column in result.report["artefact"]["columns"]}
    assert {"dong_code", "category", "paid_at_hour_of_day", "customers", "payments", "spend", "spend_upper"} <= names


def test_night_buses_count_signalling_and_taxis_of_one_person_together(
    lived: Truth, folder: Path, tmp_path: Path
) -> None:
    given = {worked.TAXIS: folder / week.TAXIS}
    document = worked.night_bus(lived.totals)
    result = run(document, folder, week.SIGNALLING, tmp_path / "both", **given)
    alone = run({**document, "append": []}, folder, week.SIGNALLING, tmp_path / "alone")
    both, one = result.report["internal"], alone.report["internal"]
    assert both["input"]["rows_of_taxi-trips"] == len(pd.read_parquet(folder / week.TAXIS))
    assert both["persons"] < 1.1 * one["persons"], "nobody is two people"
    assert both["input"]["rows_used"] > one["input"]["rows_used"], "taxis show ways that signalling missed"
    assert result.rows == 12 * 12 * 24


# --- the comparison ----------------------------------------------------------------------------------------------


def cells(people: list[float], persons: list[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    hours = pd.date_range("2026-03-02", periods=len(people), freq="h")
    release = pd.DataFrame({"dong_code": "a", "event_at_hour": hours, "people": people})
    release = release.assign(people_lower=release["people"] - 5, people_upper=release["people"] + 5)
    return release, pd.DataFrame({"dong_code": "a", "hour": hours, "persons": persons})


def test_errors_are_told_by_the_true_size_of_the_cell() -> None:
    rows = compare.compared(*cells([1, 8, 4, 90, 110, 1_100], [0, 4, 8, 100, 100, 1_000]))
    found = [(row.low, row.cells, row.absolute, row.covered) for row in rows]
    assert found == [(0, 1, 1, 1.0), (1, 2, 4, 1.0), (100, 2, 10, 0.0), (1_000, 1, 100, 0.0)]
    assert np.isnan(rows[0].relative)
    assert [row.relative for row in rows[1:]] == pytest.approx([0.75, 0.1, 0.1])


def test_a_release_without_a_cell_of_the_truth_is_refused() -> None:
    release, known = cells([1], [1])
    with pytest.raises(ValueError, match="no cell in common"):
        compare.compared(release.assign(dong_code="b"), known)


def test_the_table_says_none_where_nobody_was() -> None:
    said = compare.table(compare.compared(*cells([1, 12], [0, 10])))
    assert "none" in said
    assert "20.0 %" in said
