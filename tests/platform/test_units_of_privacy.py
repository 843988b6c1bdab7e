"""A recipe and its population protect the same; what a release protects, and what its limits cut off, is said to those it concerns."""

from __future__ import annotations

from copy import deepcopy
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from django.utils import translation

from anonymize import promised_units as in_reports
from anonymize.aggregates.accounting import Loss
from catalog.audit.errors import Invalid
from catalog.datasets import services as datasets
from catalog.ledger.periods import following
from catalog.ledger.services import BudgetExceeded, create_population
from catalog.publishing import words
from catalog.releases import bounding, services, templates, work
from catalog.releases.assessed import exactness
from catalog.releases.models import Run
from catalog.releases.preview import preview
from catalog.review.flag import Flag
from catalog.review.selectors import red_flags
from catalog.review.table_flags import table_flags
from tests import factories
from tests.intruder import unguarded
from tests.platform import makers

pytestmark = pytest.mark.django_db

SEOUL = "Asia/Seoul"
DAY = {"period": "day", "column": "at", "time_zone": SEOUL}


def rides(people: int = 30) -> pd.DataFrame:
    """Everybody rides twice a day on the 30th and the 31st of January; some rides are nobody's."""
    rows = [
        {"person": f"p{i}", "at": datetime(2026, 1, 30 + day, 8 + ride), "left": datetime(2026, 1, 30 + day, 9 + ride), "fare": 5 if i else 900}
        for i in range(people) for day in range(2) for ride in range(2)
    ]  # fmt: skip
    return pd.DataFrame([*rows, *({**rows[0], "person": None} for _ in range(7))]).astype({"at": "datetime64[us]", "left": "datetime64[us]"})


def recipe(unit: dict[str, Any] | None = DAY, months: tuple[str, str] | None = ("2026-01-01", "2026-02-01"), **changes: Any) -> dict[str, Any]:
    column = unit["column"] if unit else "at"
    grouped: dict[str, Any] = {"column": column, "bucket": "day", "time_zone": SEOUL}
    if months:
        grouped |= {"start": months[0], "end": months[1]}
    made: dict[str, Any] = {
        "recipe": 1, "title": "Rides a day", "person_key": "person", "missing_person_key": "drop",
        "columns": {"person": {"role": "person_key"}, column: {"role": "event_time"}, "fare": {"role": "plain"}},
        "stages": [
            {
                "stage": "dp_table", "group_by": [grouped],
                "measures": [{"name": "rides", "kind": "rows"}, {"name": "spent", "kind": "sum", "column": "fare", "lower": "0", "upper": "10"}],
                "epsilon": "1", "delta": "1e-6", "max_cells_per_person": 1, "cells": "public" if months else "private",
            }
        ],
    }  # fmt: skip
    if unit:
        made["privacy_unit"] = unit
    return {**made, **changes}


@pytest.fixture
def by_day(steward):
    """A dataset whose people's budget is kept of each person's days."""
    people = create_population(
        by=None, slug="riders", name="Riders", owner=steward.organisation, epsilon_cap=Decimal("1.5"), delta_cap=Decimal("1e-4"),
        unit="person_day", time_zone=SEOUL,
    )  # fmt: skip
    made = makers.dataset(steward, population=people)
    makers.ready_version(steward, made, rides(), {"person": "person_key", "at": "event_time", "left": "event_time", "fare": "plain"})
    return made


def done(run: Run) -> Run:
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    return run


@pytest.mark.parametrize("unit", [None, {**DAY, "period": "week"}, {**DAY, "time_zone": "UTC"}])
def test_a_recipe_that_protects_another_unit_than_the_budget_is_kept_of_is_refused_at_once(steward, by_day, unit):
    for ask in (services.request_run, preview):
        with pytest.raises(Invalid) as refused:
            ask(by=steward, dataset=by_day, document=recipe(unit))
        assert [problem.code for problem in refused.value.problems] == ["other_unit"]
        assert "one day (Asia/Seoul)" in refused.value.detail
    assert not Run.objects.exists()


def test_a_recipe_of_days_is_refused_where_the_budget_is_kept_of_persons(steward, dataset):
    makers.ready_version(steward, dataset, rides(), {"person": "person_key", "at": "event_time", "fare": "plain"})
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=recipe())
    assert [problem.code for problem in refused.value.problems] == ["other_unit"]


def test_a_dataset_that_moved_to_another_population_meanwhile_is_refused_before_any_noise(steward, by_day, rung):
    run = services.request_run(by=steward, dataset=by_day, document=recipe())
    datasets.update_dataset(by=steward, dataset=by_day, population=makers.population())
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.noise_drawn, run.error["problems"][0]["code"]) == ("failed", False, "other_population")
    assert not run.population.spendings.exists()


def test_a_population_of_another_unit_is_not_charged_for_a_run_that_was_asked_for_before(steward, by_day):
    run, other = services.request_run(by=steward, dataset=by_day, document=recipe()), makers.population()
    datasets.update_dataset(by=steward, dataset=by_day, population=other)
    with unguarded("releases_run"):
        Run.objects.filter(pk=run.pk).update(population=other)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.noise_drawn, run.error["problems"][0]["code"]) == ("failed", False, "other_unit")
    by_day.refresh_from_db()
    assert not by_day.charged


def test_months_about_different_days_cost_the_month_that_costs_most(steward, by_day):
    january = services.request_run(by=steward, dataset=by_day, document=recipe())
    assert preview(by=steward, dataset=by_day, document=recipe())["budget"]["forecast"] == {
        "releases": 12, "epsilon": "1", "cap": "1.5", "enough": True,
    }  # fmt: skip
    run = done(january)
    assert run.population.spendings.get().covers_from == date(2026, 1, 1)
    services.request_run(by=steward, dataset=by_day, document=recipe(months=("2026-02-01", "2026-03-01")))
    with pytest.raises(BudgetExceeded) as refused:
        services.request_run(by=steward, dataset=by_day, document=recipe(months=("2026-01-31", "2026-03-01")))
    assert refused.value.remaining.epsilon == Decimal("0.5")
    with pytest.raises(BudgetExceeded):
        services.request_run(by=steward, dataset=by_day, document=recipe(months=None))
    again = preview(by=steward, dataset=by_day, document=recipe(months=("2026-02-01", "2026-03-01")))["budget"]
    assert (again["left"]["epsilon"], again["enough"]) == ("1.5", True)


def test_days_are_taken_from_one_column_of_times_in_all_releases_of_a_dataset(steward, by_day, monkeypatch):
    other = recipe({**DAY, "column": "left"}, months=("2026-02-01", "2026-03-01"))
    queued = services.request_run(by=steward, dataset=by_day, document=other)
    done(services.request_run(by=steward, dataset=by_day, document=recipe()))
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=by_day, document=other)
    assert [problem.code for problem in refused.value.problems] == ["other_time_column"]
    work.execute_run(queued.pk)  # asked for before the other one had drawn noise
    queued.refresh_from_db()
    assert (queued.state, queued.noise_drawn, queued.error["problems"][0]["code"]) == ("failed", False, "other_time_column")
    assert queued.population.spendings.count() == 1


def test_an_offer_protects_what_the_budget_is_kept_of(steward, by_day):
    offer = templates.dp_table(by_day, list(by_day.versions.get().columns.all()))
    assert "on one day" in offer.promise
    assert offer.recipe["privacy_unit"] == DAY
    services.fit(services.read_recipe(offer.recipe), by_day, by_day.versions.get())
    without = [column for column in by_day.versions.get().columns.all() if column.role != "event_time"]
    assert not templates.dp_table(by_day, without).fits


def test_a_budget_that_one_period_has_spent_is_offered_for_others(steward, by_day):
    by_day.population.epsilon_spent = by_day.population.epsilon_cap
    by_day.population.save()
    assert templates.dp_table(by_day, list(by_day.versions.get().columns.all())).fits


# --- the next ones -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("covers", "third"),
    [
        ((date(2026, 1, 1), date(2026, 2, 1)), (date(2026, 3, 1), date(2026, 4, 1))),
        ((date(2026, 11, 1), date(2027, 2, 1)), (date(2027, 5, 1), date(2027, 8, 1))),
        ((date(2026, 1, 5), date(2026, 1, 12)), (date(2026, 1, 19), date(2026, 1, 26))),
        ((date(9999, 11, 1), date(9999, 12, 1)), None),
        (None, None),
    ],
)
def test_releases_that_go_on_are_about_the_dates_that_follow(covers, third):
    loss = Loss(Decimal(1), covers=covers)
    assert [found.covers for found in following(loss, 3)][::2] == [covers, third]
    assert {found.epsilon for found in following(loss, 3)} == {Decimal(1)}


# --- said to those it concerns -----------------------------------------------------------------------------------


def guarantee(unit: str, **more: str) -> dict[str, Any]:
    return {"family": "differential_privacy", "unit": unit, "epsilon": "1", "delta": "0", **more}


@pytest.mark.parametrize(("unit", "said"), [("person_day", "several days"), ("person_week", "several weeks"), ("person_month", "several months")])
def test_a_citizen_is_told_that_more_can_be_learnt_over_several_periods(unit, said):
    assert said in words.sentence(guarantee(unit)) and said not in words.sentence(guarantee("person"))
    assert "everything they did" in words.sentence(guarantee("person"))
    assert "ε 1 for each person's" in words.badge(guarantee(unit)) and words.badge(guarantee("person")).endswith("ε 1")
    assert "same period" in words.limits(guarantee(unit))
    for language in ("ko", "zh-hans"):
        with translation.override(language):
            assert words.sentence(guarantee(unit)) not in (words.sentence(guarantee("person")), said)


@pytest.mark.parametrize(
    ("epsilon", "said"),
    [("0.000001", "about 1.01"), ("0.1", "about 1.1"), ("1", "about 2.7"), ("4", "about 55"), ("10", "about 22,000"), ("64", "about 6.2 × 10²⁷")],
)
def test_a_citizen_is_told_the_factor_that_epsilon_stands_for(epsilon, said):
    strength = {"4": "moderate", "10": "weak", "64": "weak"}.get(epsilon, "strong")
    told = in_reports.sentence({"unit": "person"}, epsilon)
    assert f"{said} (ε = {epsilon})." in told and f"That is a {strength} promise" in told
    on_page = words.sentence(guarantee("person") | {"epsilon": epsilon})
    assert on_page == told.replace(f" (ε = {epsilon})", "")


@pytest.mark.parametrize("unit", ["person", "person_day", "person_week", "person_month"])
def test_a_citizen_is_told_of_the_chance_that_nothing_is_promised(unit):
    asked = guarantee(unit) | {"delta": "0.01"}
    for large in (False, True):
        on_page = words.sentence(asked | {"allow_large_delta": True} if large else asked)
        assert "up to 0.01 it does not hold" in on_page and ("published as is" in on_page) == large
        assert on_page == in_reports.sentence({"unit": unit}, "1", "0.01", large_delta=large).replace(" (ε = 1)", "")
    assert "does not hold" not in words.sentence(guarantee(unit))


def test_a_citizen_is_told_of_rows_that_nothing_protects():
    assert "nothing protects" in words.limits(guarantee("person", missing_person_key="nobody"))
    assert "nothing protects" not in words.limits(guarantee("person"))


def test_a_release_says_its_unit_in_report_page_and_preview(steward, officer, by_day):
    document = recipe(missing_person_key="nobody")
    said = preview(by=steward, dataset=by_day, document=document)["sentences"]
    assert said[0] == "Protected is what a person did on one day (Asia/Seoul)." and "nobody's" in said[1]
    run = done(services.request_run(by=steward, dataset=by_day, document=document))
    found = run.report["guarantee"]
    assert (found["unit"], found["time_zone"], found["from"], found["until"]) == ("person_day", SEOUL, "2026-01-01", "2026-02-01")
    assert "Over several days more can be learnt" in found["sentence"] and "nothing protects whoever" in found["sentence"]
    assert "on one day (Asia/Seoul)" in found["formal"]
    review = factories.review(run, by=steward)
    assert {flag.code for flag in red_flags(review)} >= {"rows_of_nobody", "unit_of_a_period", "bounds_cut_much"}
    told = {flag.code: flag.figure for flag in red_flags(review, officer)}
    assert told["rows_of_nobody"] == "7" and "rows 50.0 %" in told["bounds_cut_much"] and "spent" in told["bounds_cut_much"]
    assert {flag.code: flag.figure for flag in red_flags(review, steward)}["rows_of_nobody"] == "–"


def test_a_delta_that_allows_one_person_as_is_stops_the_officer():
    flags = {flag.code: flag for flag in table_flags({"guarantee": {"allow_large_delta": True, "delta": "0.01", "epsilon": "1"}})}
    assert (flags["large_delta"].level, flags["large_delta"].figure) == ("stop", "0.01")
    assert not list(table_flags({"guarantee": {"delta": "0.01", "epsilon": "1"}}))


# --- what limits cut off -----------------------------------------------------------------------------------------

CUT = {
    "persons": 1200, "rows_before": 1000, "rows_after": 810, "person_cells_before": 500, "person_cells_after": 400, "rows_of_nobody": 0,
    "sums": {"spent": {"before": 1000.0, "after": 700.0}, "refunds": {"before": -50.0, "after": -45.0}, "none": {"before": 0.0, "after": 0.0}},
}  # fmt: skip


def test_the_officer_reads_what_was_cut_off_in_words():
    said = bounding.said({"guarantee": guarantee("person"), "internal": {"bounding": CUT}})
    assert said[:3] == [
        "The rows that count are those of 1,200 people.",
        "Of 1,000 rows the limits cut off 190 (19.0 %).",
        "Of 500 times that somebody is in a cell the limits cut off 100 (20.0 %).",
    ]
    assert "30.0 % less" in said[3] and "10.0 % more" in said[4] and len(said) == 6
    assert "people's periods" in bounding.said({"guarantee": guarantee("person_day"), "internal": {"bounding": CUT}})[0]
    assert bounding.said(None) == bounding.said({"internal": {}}) == []


def test_more_than_a_fifth_is_flagged_and_less_is_not():
    def flags(**changes: Any) -> list[Flag]:
        return list(table_flags({"guarantee": guarantee("person"), "internal": {"bounding": {**CUT, **changes}}}))

    assert flags() == [Flag("warning", "bounds_cut_much", "spent 30.0 %")]
    assert flags(sums={}) == []
    assert flags(sums={}, rows_after=799) == [Flag("warning", "bounds_cut_much", "rows 20.1 %")]
    rounded = {"spent": {"before": 600.0, "after": 1000.0}, "small": {"before": 400.0, "after": 0.0}}
    assert flags(sums=rounded) == [Flag("warning", "bounds_cut_much", "spent +66.7 %; small 100.0 %")]


def test_a_measure_that_noise_drowns_is_flagged_by_name_and_the_steward_reads_it_too():
    overall: dict[str, Any] = {"people": {"unreliable_share": 0.2}, "spent": {"unreliable_share": 0.9}, "owed": {"unreliable_share": None}, "means": None}
    classes = [{"from": 1, "to": None, "cells": 0, "median_persons": None, "hidden_share": None}]
    foretold = {
        "unreliable_above": "0.5", "cells": {"empty": 0}, "classes": classes,
        "measures": [{"name": name, "overall": figures, "forecast": True, "classes": [None]} for name, figures in overall.items()],
    }  # fmt: skip
    report = {"guarantee": guarantee("person"), "internal": {"forecast": foretold}}
    assert list(table_flags(report)) == [Flag("warning", "nearly_all_unreliable", "spent 90.0 %")]
    assert words.flag_sentence("nearly_all_unreliable", "spent 90.0 %").endswith("Share of its numbers: spent 90.0 %.")
    assert exactness.errors(foretold).note.startswith("Nearly every number is unreliable of: spent 90.0 %.")
    overall["spent"]["unreliable_share"] = 0.89
    assert not list(table_flags(report))
    assert exactness.errors(foretold).note.startswith("A number is unreliable")


def test_what_was_cut_off_is_for_officers_and_auditors_alone(steward, officer):
    report = {"guarantee": guarantee("person"), "public": {}, "internal": {"bounding": CUT, "rows_before_bounding": 1000, "persons": 1200}}
    before = deepcopy(report)
    for user in (officer, makers.user("auditor"), makers.user("lead_officer")):
        assert bounding.report_for(user, report) == before
    seen = bounding.report_for(steward, report)
    assert seen is not None and seen["internal"] == {"persons": 1200}
    assert report == before and bounding.report_for(steward, None) is None


def test_the_page_of_a_review_shows_it_to_the_officer_and_not_to_the_steward(steward, officer, review, client):
    Run.objects.filter(pk=review.run_id).update(report={**review.run.report, "internal": {"bounding": CUT}})
    for user, seen in ((officer, True), (steward, False)):
        client.force_login(user)
        for address in (f"/reviews/{review.pk}", f"/runs/{review.run_id}", f"/api/v1/runs/{review.run_id}", f"/api/v1/reviews/{review.pk}"):
            answer = client.get(address)
            assert answer.status_code == 200
            assert ("person_cells_before" in answer.content.decode()) is seen, address
    client.force_login(officer)
    assert "Of 1,000 rows the limits cut off 190" in client.get(f"/reviews/{review.pk}").content.decode()
