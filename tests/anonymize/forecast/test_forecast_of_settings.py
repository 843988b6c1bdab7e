"""The forecast of other settings: each is a whole recipe, and says what a run of it would say; nothing is drawn."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest

from anonymize import pipeline, recipe
from anonymize.aggregates import noise
from anonymize.aggregates import stage as staging
from anonymize.aggregates.dimensions import dimensions
from anonymize.columns.hierarchies import build
from anonymize.errors import BudgetRefused, PrivacyNotMet, RecipeError
from anonymize.forecast import forecast, to_markdown, words
from anonymize.forecast.candidates import begin, of_epsilon, of_grid
from tests.anonymize.forecast.worlds import AREAS, declared, document, visits

PEOPLE = {"name": "people", "kind": "persons"}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return visits(tmp_path_factory.mktemp("forecast"))


@pytest.fixture(scope="module")
def private(source):
    return forecast(recipe.parse(document()), source)


@pytest.fixture(autouse=True)
def no_noise(monkeypatch):
    """Whoever draws noise here fails."""
    for name in ("add_noise", "add_truncated"):
        monkeypatch.setattr(noise, name, lambda *_: pytest.fail("noise was drawn"))


def named(points):
    return {point["name"]: point for point in points}


def test_other_epsilons_and_coarser_grids_stand_beside_the_recipes_own(private):
    assert list(named(private["points"])) == [
        "ε = 0.5", "ε = 1", "ε = 2", "ε = 4", "ε = 8", "area at level 1", "without area", "at by week", "without at (day)",
    ]  # fmt: skip
    assert [point["name"] for point in private["points"] if point["own"]] == ["ε = 2"]
    assert all(point["met"] for point in private["points"])
    json.dumps(private, allow_nan=False)


def test_more_epsilon_and_fewer_cells_make_smaller_errors(private):
    found = named(private["points"])
    errors = [found[f"ε = {epsilon}"]["measures"][0]["classes"][0]["absolute_error"] for epsilon in ("0.5", "1", "2", "4", "8")]
    assert errors == sorted(errors, reverse=True)
    own, coarser = (found[name]["measures"][0]["overall"]["usable_share"] for name in ("ε = 2", "without at (day)"))
    assert coarser > own


def test_no_value_of_anybody_is_in_it(private):
    text = json.dumps(private["points"])
    assert not [value for value in ("N11", "S11", "p12", "2024-02") if value in text]


def test_bounding_is_told_for_each_grid(private):
    found = named(private["points"])
    own, coarse = found["ε = 2"]["bounding"], found["without at (day)"]["bounding"]
    assert own["rows_after"] < own["rows_before"] == 900
    assert own["person_cells_after"] < own["person_cells_before"]
    assert coarse["person_cells_before"] < own["person_cells_before"]
    assert own["sums"]["spend"]["after"] < own["sums"]["spend"]["before"]


@pytest.mark.parametrize("asked", [document(), declared(noise="gaussian")], ids=["private", "public"])
def test_every_setting_is_a_whole_recipe_whose_run_would_say_the_same(source, tmp_path, monkeypatch, asked):
    """Limits that cut nothing off leave nothing to chance: the run's own forecast is the same to the last digit."""
    asked["stages"][0] |= {"max_cells_per_person": 1000, "max_rows_per_cell": 100}

    def caught(loss):
        raise BudgetRefused("seen enough")

    found = forecast(recipe.parse(asked), source, factors=[Decimal("0.5")])["points"]
    seen, telling = [], staging.Counted.forecast
    monkeypatch.setattr(staging.Counted, "forecast", lambda self, *given: seen.append(telling(self, *given)) or seen[-1])
    for point in (found[0], found[-1]):
        with pytest.raises(BudgetRefused):
            pipeline.run(recipe.parse(point["recipe"]), source, tmp_path, before_noise=caught)
        assert seen.pop() == {key: point[key] for key in ("unreliable_above", "cells", "classes", "measures")}


# --- which settings there are ------------------------------------------------------------------------------------


def coarser(asked):
    """Candidates by name, with no table read: the ladder is that of the areas."""
    parsed = recipe.parse(asked)
    ladders = {"area": build("area", parsed.columns["area"].hierarchy, list(AREAS), None)}
    dims = dimensions(parsed.final, {"who": "text", "area": "text", "at": "timestamp", "amount": "integer"})
    return {candidate.name: candidate for candidate in of_grid(parsed, dims, ladders)}


def test_a_coarser_time_is_made_of_whole_buckets_of_the_declared_range():
    found = coarser(declared())
    assert set(found) == {"area at level 1", "without area", "at by month", "without at (day)"}  # February 2024 begins on a Thursday
    assert found["at by month"].recipe.final.group_by[1].bucket == "month"
    assert found["at by month"].change.as_dict() == {"kind": "time", "column": "at", "before": "day", "after": "month"}


def test_listed_hours_become_their_days():
    hours = {"column": "at", "bucket": "hour", "values": [f"2024-02-0{day}T0{hour}:00:00" for day in (1, 2) for hour in range(9)]}
    (days,) = coarser(declared(group_by=[hours])).values()
    assert days.recipe.final.group_by[0].values == ("2024-02-01", "2024-02-02")


@pytest.mark.parametrize(
    ("bucket", "above"), [("hour", "day"), ("day", "week"), ("week", "month"), ("month", "quarter"), ("quarter", "year"), ("year", None), ("hour_of_day", None)]
)
def test_every_bucket_has_the_next_one_above_it(bucket, above):
    found = coarser(document(group_by=[{"column": "at", "bucket": bucket, "time_zone": "Asia/Seoul"}]))
    assert list(found) == ([] if above is None else [f"at by {above}"])
    assert all(candidate.recipe.final.group_by[0].time_zone == "Asia/Seoul" for candidate in found.values())


def test_days_lie_in_weeks_months_quarters_and_years():
    dates = [begin(dt.datetime(2024, 5, 16, 7), bucket).isoformat() for bucket in ("day", "week", "month", "quarter", "year")]
    assert dates == ["2024-05-16", "2024-05-13", "2024-05-01", "2024-04-01", "2024-01-01"]


def test_declared_values_climb_their_hierarchy_level_by_level_but_never_to_the_top():
    first = coarser(declared())["area at level 1"].recipe
    assert first.final.group_by[0].values == ("N1", "N2", "S1")
    second = coarser(json.loads(first.to_json()))["area at level 2"].recipe
    assert second.final.group_by[0].values == ("N", "S")
    assert "area at level 3" not in coarser(json.loads(second.to_json()))


def test_a_declared_value_without_a_known_place_is_the_reason_and_is_not_named():
    refused = coarser(declared(group_by=[{"column": "area", "level": 1, "values": ["N1", "X9"]}]))["area at level 2"]
    assert refused.recipe is None
    assert "level 2" in refused.reason
    assert "X9" not in refused.reason
    point = {"name": refused.name, "own": False, "met": False, "reason": refused.reason}
    assert "not possible" in to_markdown({"points": [point], "notes": []})


def test_an_epsilon_beyond_the_limits_is_left_out():
    asked = recipe.parse(document(epsilon="10"))
    assert [candidate.epsilon for candidate in of_epsilon(asked, [Decimal("1e-30"), Decimal("0.5"), Decimal(10**6)])] == [5, 10]


def test_a_quantile_has_the_interval_it_would_have_without_noise_and_rounding_is_said_not_to_be_in_it(source):
    measures = [{"name": "typical", "kind": "median", "column": "amount", "lower": 0, "upper": 50}, {"name": "people", "kind": "persons", "round_to": 5}]
    found = forecast(recipe.parse(document(measures=measures, group_by=[{"column": "area", "level": 1}])), source, factors=())
    assert [measure["forecast"] for measure in found["points"][0]["measures"]] == [True, True]
    assert 0 <= found["points"][0]["measures"][0]["overall"]["half_width"] <= 25
    assert found["notes"][-1] == "Rounding is not in it."


def test_totals_over_a_dimension_go_with_it(source):
    totals = [{"at_day": "all", "area": "all"}, {"area": "all"}]
    found = named(forecast(recipe.parse(declared(totals=totals, noise="gaussian", measures=[PEOPLE])), source, factors=())["points"])
    assert all(point["met"] for point in found.values())
    assert found["without area"]["recipe"]["stages"][0].get("totals", []) == []
    assert found["at by month"]["recipe"]["stages"][0]["totals"] == [{"area": "all"}]


def test_only_tables_with_noise_have_a_forecast(source):
    asked = {"recipe": 1, "title": "t", "columns": {"area": {"role": "plain"}}, "stages": [{"stage": "scan"}]}
    with pytest.raises(RecipeError, match="dp_table"):
        forecast(recipe.parse(asked), source)


def test_what_the_recipe_itself_cannot_do_is_refused_as_a_run_would(source):
    with pytest.raises(PrivacyNotMet, match="delta"):
        forecast(recipe.parse(document(delta="0.009")), source)


def test_shares_and_numbers_are_written_for_people():
    told = [words._share(share) for share in (None, 0, 1.1e-17, 1.4e-6, 0.0014, 0.5, 25.0)]
    assert told == ["–", "0.0%", "under 0.01%", "under 0.01%", "0.14%", "50.0%", "25 ×"]
    assert [words._number(number) for number in (None, 0.00001234567, 2.5, 12345.6)] == ["", "0.00001235", "2.5", "12,346"]
