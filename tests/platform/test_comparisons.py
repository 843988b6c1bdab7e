"""A comparison of settings: asked for, measured by a worker, killed, found again; limited, seen by few, and never charged."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from anonymize.errors import InputError
from catalog.audit.errors import Conflict, Invalid, NotAllowed, TooMany
from catalog.audit.leases import claim
from catalog.audit.models import TrailEntry
from catalog.datasets.services import set_hierarchy_file
from catalog.releases import compare, compared, comparisons, jobs, services, sweeper
from catalog.releases.models import Comparison, Run
from catalog.review.binding import hands_in
from tests.platform import makers

pytestmark = pytest.mark.django_db
DIVERSE = {
    **makers.K_RECIPE, "columns": {**makers.K_RECIPE["columns"], "fare": {"role": "sensitive"}},
    "stages": [{"stage": "k_anonymity", "k": 5, "max_suppressed": "0.05"}],
}  # fmt: skip


SCANNED = {"recipe": 1, "title": "Towns", "columns": {"town": {"role": "plain"}}, "stages": [{"stage": "scan"}]}


@pytest.fixture
def steward():
    return makers.steward()


@pytest.fixture
def dataset(steward):
    made = makers.dataset(steward, population=makers.population())
    makers.ready_version(steward, made, roles={"person": "person_key", "town": "plain", "age": "quasi_identifier", "fare": "sensitive"})
    return made


def asked(steward, dataset, **changes):
    return comparisons.request_comparison(by=steward, dataset=dataset, **{"document": makers.K_RECIPE, "ks": [2, 5], **changes})


def done(comparison: Comparison) -> Comparison:
    compare.execute_comparison(comparison.pk)
    comparison.refresh_from_db()
    return comparison


def test_a_comparison_ends_with_a_point_for_every_combination(steward, dataset):
    found = done(asked(steward, dataset, document=DIVERSE, ls=[1, 2], methods=["local_recoding", "full_domain"]))
    assert (found.state, found.percent, found.error) == ("done", 100, None)
    assert [(p["method"], p["k"], p["l"]) for p in found.result["points"]] == [
        (method, k, diverse) for method in ("full_domain", "local_recoding") for k in (2, 5) for diverse in (1, 2)
    ]
    assert all(p["smallest_class"] >= p["k"] for p in found.result["points"] if p["met"])


def test_nothing_is_charged_published_or_kept_but_the_figures(steward, dataset):
    done(asked(steward, dataset))
    dataset.population.refresh_from_db()
    assert dataset.population.epsilon_spent == 0
    assert not Run.objects.exists()


def test_a_setting_that_cannot_be_had_says_why_and_the_others_stand(steward, dataset):
    points = {p["k"]: p for p in done(asked(steward, dataset, ks=[5, 1000])).result["points"] if p["method"] == "full_domain"}
    assert points[5]["met"]
    assert not points[1000]["met"]
    assert "1000" in points[1000]["reason"]


def test_every_point_that_can_be_had_gives_a_recipe_that_can_be_run(steward, dataset):
    found = done(asked(steward, dataset, document=DIVERSE, ls=[1, 2]))
    chosen = [(p, compared.recipe_of(found, i)) for i, p in enumerate(found.result["points"]) if p["met"]]
    assert len(chosen) > 4
    for point, recipe in chosen:
        stage = services.read_recipe(recipe).final
        services.fit(services.read_recipe(recipe), dataset, found.version)
        assert (stage.k, stage.method, len(stage.models)) == (point["k"], point["method"], int(point["l"] > 1))


def test_a_point_that_is_not_there_or_cannot_be_had_gives_no_recipe(steward, dataset):
    found = done(asked(steward, dataset, ks=[1000]))
    assert [compared.recipe_of(found, i) for i in (-1, 0, 99)] == [None, None, None]


def test_only_stewards_of_the_organisation_ask_for_one_and_only_they_cancel_it(steward, dataset):
    for user in (makers.officer(), makers.steward(makers.organisation("tax-office")), makers.user("administrator"), makers.user("auditor")):
        with pytest.raises(NotAllowed):
            asked(user, dataset)
    open_one = asked(steward, dataset)
    with pytest.raises(NotAllowed):
        services.cancel(by=makers.officer(), job=open_one)


def test_whoever_compared_settings_had_a_hand_in_the_runs_of_that_version(steward, dataset):
    colleague = makers.steward()
    done(asked(colleague, dataset))
    run = services.request_run(by=steward, dataset=dataset, document=makers.K_RECIPE)
    assert (colleague.pk, "configured") in hands_in(run)


def test_one_comparison_of_a_dataset_is_open_at_a_time(steward, dataset):
    first = asked(steward, dataset)
    with pytest.raises(Conflict, match="under way"):
        asked(steward, dataset)
    services.cancel(by=steward, job=first)
    assert first.state == "cancelled"
    assert asked(steward, dataset).state == "queued"


def test_a_cancelled_comparison_keeps_no_figures(steward, dataset, monkeypatch):
    comparison = asked(steward, dataset)
    real = compare.frontier

    def cancelled(*args, **kwargs):
        services.cancel(by=steward, job=Comparison.objects.get(pk=comparison.pk))
        return real(*args, **kwargs)

    monkeypatch.setattr(compare, "frontier", cancelled)
    assert (done(comparison).state, comparison.result) == ("cancelled", None)


def test_no_more_than_so_many_a_day(steward, dataset, monkeypatch):
    monkeypatch.setattr(comparisons, "MOST_A_DAY", 2)
    for _ in range(2):
        services.cancel(by=steward, job=asked(steward, dataset))
    with pytest.raises(TooMany) as refused:
        asked(steward, dataset)
    assert 0 < refused.value.extra["retry_after"] <= 24 * 3600
    Comparison.objects.update(requested_at=timezone.now() - timedelta(days=2))
    assert asked(steward, dataset).state == "queued"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"document": SCANNED}, "not_microdata"), ({"document": makers.DP_RECIPE}, "not_microdata"),
        ({"ks": []}, "too_many"), ({"ks": [1]}, "values"), ({"ks": [5, 5]}, "values"), ({"ks": [10**9]}, "values"), ({"ks": list(range(2, 15))}, "too_many"),
        ({"ls": [0]}, "values"), ({"ls": [2]}, "no_sensitive"), ({"methods": []}, "values"), ({"methods": ["magic"]}, "values"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_compared_are_refused_and_named(steward, dataset, changes, code):
    with pytest.raises(Invalid) as refused:
        asked(steward, dataset, **changes)
    assert code in {problem.code for problem in refused.value.problems}
    assert not Comparison.objects.exists()


def test_a_recipe_that_treats_a_column_too_loosely_is_not_even_compared(steward, dataset):
    loose = {**makers.K_RECIPE, "columns": {**makers.K_RECIPE["columns"], "fare": {"role": "plain"}}}
    with pytest.raises(Invalid) as refused:
        asked(steward, dataset, document=loose)
    assert refused.value.problems[0].code == "role_loosened"


def test_a_worker_that_is_lost_gives_it_back_and_in_the_end_it_fails(steward, dataset, rung, settings):
    comparison = asked(steward, dataset)
    for _ in range(settings.MAX_ATTEMPTS):
        assert claim(Comparison.objects.filter(pk=comparison.pk), old="queued", new="running")
        Comparison.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweeper.sweep()
    comparison.refresh_from_db()
    assert ("releases.execute_comparison", comparison.pk) in rung
    assert (comparison.state, comparison.error["who"]) == ("failed", "us")


def test_a_worker_thought_dead_that_comes_back_changes_nothing(steward, dataset, monkeypatch):
    comparison = asked(steward, dataset)
    real = compare.frontier

    def slow(*args, **kwargs):
        Comparison.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
        sweeper.sweep()
        claim(Comparison.objects.filter(pk=comparison.pk), old="queued", new="running")
        return real(*args, **kwargs)

    monkeypatch.setattr(compare, "frontier", slow)
    assert (done(comparison).state, comparison.attempt, comparison.result) == ("running", 2, None)


@pytest.mark.parametrize("change", ["hierarchy", "code", "destroyed"])
def test_it_is_refused_when_what_it_was_asked_for_has_changed(steward, dataset, monkeypatch, change):
    set_hierarchy_file(by=steward, dataset=dataset, name="town.csv", content=b"north;*\nsouth;*\n")
    document = {**makers.K_RECIPE, "columns": {**makers.K_RECIPE["columns"], "town": {"role": "quasi_identifier", "hierarchy": {"file": "town.csv"}}}}
    comparison = asked(steward, dataset, document=document)
    if change == "hierarchy":
        set_hierarchy_file(by=steward, dataset=dataset, name="town.csv", content=b"north;n;*\nsouth;s;*\n")
    elif change == "code":
        monkeypatch.setattr(jobs, "code_version", lambda: "0" * 64)
    else:
        dataset.versions.update(state="destroyed")
    assert done(comparison).state == "failed"
    assert comparison.result is None


@pytest.mark.parametrize(("fault", "who"), [(InputError("a column is missing"), "you"), (ValueError("could not convert 'p17'"), "us")])
def test_a_failure_says_who_must_act_and_quotes_no_value(steward, dataset, monkeypatch, fault, who):
    def choke(*args, **kwargs):
        raise fault

    monkeypatch.setattr(compare, "frontier", choke)
    found = done(asked(steward, dataset))
    assert (found.state, found.error["who"]) == ("failed", who)
    assert "p17" not in str(found.error)


def test_every_step_is_in_the_trail(steward, dataset):
    comparison = done(asked(steward, dataset))
    told = TrailEntry.objects.filter(subject_type="comparison", subject_id=str(comparison.pk))
    assert list(told.values_list("action", flat=True)) == ["comparison.requested", "comparison.done"]
    assert told[0].detail["ks"] == [2, 5]


def test_the_database_refuses_a_comparison_that_is_done_without_figures(steward, dataset):
    comparison = asked(steward, dataset)
    for wrong in ({"state": "done"}, {"state": "failed"}, {"state": "nonsense"}, {"state": "running"}, {"result": {}}, {"percent": 101}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Comparison.objects.filter(pk=comparison.pk).update(**wrong)
