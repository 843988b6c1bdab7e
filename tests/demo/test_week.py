"""A simulated week: its hourly totals are those of the table it follows, and what is sold of it does not contradict it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from opendata.demo import sources, totals, truth, week, worked
from opendata.demo.totals import Totals
from opendata.demo.truth import Truth
from tests.conftest import SHARED
from tests.needs import REAL_DATA

PEOPLE, SEED = 1_500, 5
REAL = SHARED / "data" / "seoul_living_population" / "living_population_20190304.parquet"


@pytest.fixture(scope="module")
def lived() -> Truth:
    return truth.follow(totals.made_up(), PEOPLE, SEED)


@pytest.fixture(scope="module")
def seen(lived: Truth) -> pd.DataFrame:
    return sources.signalling(lived, SEED).to_pandas()


def hour_of(lived: Truth, moments: pd.Series) -> np.ndarray:
    """Index of the hour that each instant lies in."""
    local = moments.dt.tz_convert(sources.TIME_ZONE).dt.tz_localize(None).to_numpy()
    return ((local - lived.totals.first.astype("datetime64[s]")) // np.timedelta64(1, "h")).astype(np.int64)


def place_of(lived: Truth, codes: pd.Series) -> np.ndarray:
    return pd.Index(lived.totals.codes).get_indexer(codes)


def person_of(lived: Truth, numbers: pd.Series) -> np.ndarray:
    return pd.Index(sources.telephones(lived, SEED)).get_indexer(numbers)


# --- totals ------------------------------------------------------------------------------------------------------


def test_hourly_totals_are_the_tables_up_to_rounding(lived: Truth) -> None:
    assert np.array_equal(lived.present(), lived.totals.scaled(PEOPLE))
    off = truth.error(lived)
    assert off.largest < 1
    assert off.correlation > 0.995
    assert off.median < 3


def test_a_larger_city_follows_its_table_more_closely(lived: Truth) -> None:
    larger = truth.error(truth.follow(totals.made_up(), 12_000, SEED))
    assert larger.median < truth.error(lived).median / 4
    assert larger.correlation > 0.9999


def test_the_real_week_of_424_districts_is_followed_hour_by_hour() -> None:
    if not REAL.is_file():
        REAL_DATA.missing()
    lived = truth.follow(totals.published(REAL), 12_000, SEED)
    off = truth.error(lived)
    assert lived.place.shape == (168, 12_000)
    assert off.largest < 1
    assert off.correlation > 0.9998
    assert off.median < 1.5


def test_whole_persons_are_less_than_one_from_their_share_and_add_up() -> None:
    exact = np.random.default_rng(4).gamma(1.0, 3.0, 200)
    whole = totals.apportioned(exact)
    assert np.abs(whole - exact).max() < 1
    assert whole.sum() == np.rint(exact.sum())


@pytest.mark.parametrize("present", [[[1.0, -1.0]], [[np.nan, 1.0]], [[0.0, 1.0]], [[1.0], [2.0]]])
def test_totals_that_nobody_could_follow_are_refused(present: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="totals are"):
        Totals(("a",), totals.MONDAY, np.array(present))


def test_hours_that_are_missing_from_a_published_week_are_refused(tmp_path: Path) -> None:
    moments = pd.to_datetime(["2019-03-04 00:00", "2019-03-04 02:00"])
    pd.DataFrame({"dong_code8": 1, "datetime": moments, "total": 5}).to_parquet(tmp_path / "week.parquet")
    with pytest.raises(ValueError, match="gap"):
        totals.published(tmp_path / "week.parquet")


# --- people ------------------------------------------------------------------------------------------------------


def test_people_sleep_at_home_and_work_where_they_work(lived: Truth) -> None:
    of_day = np.arange(lived.totals.hours) % 24
    office = (of_day >= 11) & (of_day < 16) & (np.arange(lived.totals.hours) < 5 * 24)
    assert (lived.place[(of_day >= 2) & (of_day < 5)] == lived.homes).mean() > 0.9
    assert (lived.place[office] == lived.works)[:, lived.works >= 0].mean() > 0.6


def test_most_people_stay_for_hours(lived: Truth) -> None:
    assert (lived.place[1:] == lived.place[:-1]).mean() > 0.8


def test_only_as_many_are_moved_on_as_are_too_many() -> None:
    rng = np.random.default_rng(6)
    now, room = rng.integers(0, 5, 400), np.array([100, 60, 90, 70, 80])
    after = truth._moved_on(rng, now, now, room)
    assert np.array_equal(np.bincount(after), room)
    assert (after != now).sum() == np.maximum(np.bincount(now) - room, 0).sum()


def test_the_same_seed_gives_the_same_week_and_another_does_not(lived: Truth, seen: pd.DataFrame) -> None:
    again = truth.follow(totals.made_up(), PEOPLE, SEED)
    assert np.array_equal(again.place, lived.place)
    assert sources.signalling(again, SEED).to_pandas().equals(seen)
    assert not np.array_equal(truth.follow(totals.made_up(), PEOPLE, SEED + 1).place, lived.place)


@pytest.mark.parametrize("people", [-1, 0, 99])
def test_a_week_of_too_few_people_is_refused(people: int) -> None:
    with pytest.raises(ValueError, match="100 people"):
        truth.follow(totals.made_up(), people, SEED)


# --- what is sold ------------------------------------------------------------------------------------------------


def test_everybody_is_seen_where_the_truth_has_them(lived: Truth, seen: pd.DataFrame) -> None:
    who, hour = person_of(lived, seen["subscriber"]), hour_of(lived, seen["event_at"])
    assert (lived.place[hour, who] == place_of(lived, seen["dong_code"])).all()
    assert (who >= 0).all()


def test_few_subscribers_cause_many_events_and_all_have_gaps(lived: Truth, seen: pd.DataFrame) -> None:
    counts = seen["subscriber"].value_counts().to_numpy()
    assert 20 < len(seen) / PEOPLE / 7 < 26
    assert counts[: PEOPLE // 10].sum() > 0.25 * len(seen)
    hours = seen.groupby("subscriber")["event_at"].apply(lambda at: len(np.unique(hour_of(lived, at))))
    assert hours.max() < lived.totals.hours
    assert hours.min() < 40 < hours.median()


def test_who_comes_first_in_an_hour_is_chance(seen: pd.DataFrame) -> None:
    first = seen.groupby(seen["event_at"].dt.floor("h"))["subscriber"].first()
    assert first.nunique() > 0.5 * len(first)


def test_payments_are_whole_won_made_where_the_customer_was(lived: Truth) -> None:
    paid = sources.cards(lived, SEED).to_pandas()
    assert paid["amount"].dtype == np.int64
    assert (paid["amount"] >= 500).all()
    assert paid["paid_at"].is_monotonic_increasing
    present = lived.present()[place_of(lived, paid["dong_code"]), hour_of(lived, paid["paid_at"])]
    assert (present > 0).all()
    assert 3 < len(paid) / PEOPLE < 5
    assert paid["category"].nunique() == 12


def test_taxi_trips_join_what_signalling_saw_before_and_after(lived: Truth) -> None:
    trips = sources.taxis(lived, SEED).to_pandas()
    who = person_of(lived, trips["caller"])
    before, after = hour_of(lived, trips["pickup_at"]), hour_of(lived, trips["dropoff_at"])
    assert len(trips) > 100
    assert (after == before + 1).all()
    assert (lived.place[before, who] == place_of(lived, trips["pickup_dong"])).all()
    assert (lived.place[after, who] == place_of(lived, trips["dropoff_dong"])).all()
    assert set(after % 24) <= set(sources.TAXI_HOURS)


# --- the command -------------------------------------------------------------------------------------------------


def test_the_command_writes_the_sources_and_the_truth(
    lived: Truth, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert week.main(["--people", "300", "--seed", "3", "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "300 simulated people, 60 places, 168 hours: nobody among them exists." in said
    rows = {path.name: pq.read_metadata(path).num_rows for path in tmp_path.glob("*.parquet")}
    assert {path.name for path in tmp_path.glob("*.json")} == {f"{slug}.recipe.json" for slug in worked.recipes(lived.totals)}
    assert rows[week.TRUTH] == 60 * 168
    assert min(rows.values()) > 0


def test_the_command_refuses_totals_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert week.main(["--totals", str(tmp_path / "none.parquet"), "--output", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")
