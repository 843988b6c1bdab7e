"""A run: asked for, worked on, charged, killed, found again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from anonymize.aggregates.accounting import Loss
from anonymize.errors import PrivacyNotMet
from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.leases import claim
from catalog.audit.models import TrailEntry
from catalog.datasets.models import Column, HierarchyFile
from catalog.datasets.services import set_hierarchy_file
from catalog.ledger.services import BudgetExceeded
from catalog.releases import jobs, services, sweeper, work
from catalog.releases.models import Run
from tests.platform import makers

pytestmark = pytest.mark.django_db


def expire(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def spent(run: Run) -> Decimal:
    run.population.refresh_from_db()
    return run.population.epsilon_spent


def test_a_dp_run_ends_assessed_with_its_artefact_and_is_charged_once(steward, dataset):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    assert (run.state, run.percent, run.artefact_rows) == ("assessed", 100, 2)
    assert run.report["guarantee"]["family"] == "differential_privacy"
    assert spent(run) == Decimal(1)
    assert run.noise_drawn


def test_a_k_anonymous_run_costs_nothing_and_its_artefact_carries_no_person_key(steward, dataset):
    run = services.request_run(by=steward, dataset=dataset, document=makers.K_RECIPE)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.state == "assessed"
    assert run.report["guarantee"]["measured_k"] >= 5
    assert {c["name"] for c in run.report["artefact"]["columns"]} == {"age", "town"}
    assert spent(run) == 0


def test_a_run_that_two_workers_hear_of_is_done_once(steward, dataset):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    work.execute_run(run.pk)
    first = Run.objects.get(pk=run.pk).artefact_sha256
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.artefact_sha256, run.attempt, spent(run)) == (first, 1, Decimal(1))


def test_a_second_run_of_the_same_recipe_draws_fresh_noise_and_is_charged_again(steward, dataset):
    runs = [services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE) for _ in range(4)]
    for run in runs:
        work.execute_run(run.pk)
    assert len({Run.objects.get(pk=run.pk).artefact_sha256 for run in runs}) > 1
    assert runs[0].population.spendings.count() == 4
    assert Decimal(3) < spent(runs[0]) < Decimal(4)  # three add up, the fourth composes with them


def test_a_worker_lost_before_the_charge_gives_the_run_back_to_the_queue(steward, dataset, rung):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    assert claim(Run.objects.filter(pk=run.pk), old="queued", new="running")
    expire(run)
    sweeper.sweep()
    run.refresh_from_db()
    assert run.state == "queued"
    assert ("releases.execute_run", run.pk) in rung
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt) == ("assessed", 2)


def test_a_worker_lost_after_the_charge_ends_the_run_and_keeps_the_charge(steward, dataset):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    claim(Run.objects.filter(pk=run.pk), old="queued", new="running")
    run.refresh_from_db()
    work.charge(run, Loss(Decimal(1), Decimal("1e-6")))
    expire(run)
    sweeper.sweep()
    run.refresh_from_db()
    assert (run.state, run.error["code"]) == ("failed", "worker_lost_after_charge")
    assert spent(run) == 1


def test_a_worker_that_is_lost_again_and_again_ends_the_run(steward, dataset, settings):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    for _ in range(settings.MAX_ATTEMPTS):
        assert claim(Run.objects.filter(pk=run.pk), old="queued", new="running")
        expire(run)
        sweeper.sweep()
    run.refresh_from_db()
    assert (run.state, run.error["who"]) == ("failed", "us")


def test_a_worker_thought_dead_that_comes_back_changes_nothing(steward, dataset, monkeypatch):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    real = work.pipeline.run

    def slow(*args, **kwargs):
        expire(run)
        sweeper.sweep()  # the run is given back …
        claim(Run.objects.filter(pk=run.pk), old="queued", new="running")  # … and taken by another worker
        return real(*args, **kwargs)

    monkeypatch.setattr(work.pipeline, "run", slow)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempt, run.artefact_sha256) == ("running", 2, "")
    assert spent(run) == 0


def test_a_cancelled_run_stops_at_the_next_step_and_keeps_no_artefact(steward, dataset, monkeypatch):
    run = services.request_run(by=steward, dataset=dataset, document=makers.K_RECIPE)
    real = work.pipeline.run

    def cancelled(*args, **kwargs):
        services.cancel(by=steward, job=Run.objects.get(pk=run.pk))
        return real(*args, **kwargs)

    monkeypatch.setattr(work.pipeline, "run", cancelled)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.artefact_name) == ("cancelled", "")
    with pytest.raises(Conflict):
        services.cancel(by=steward, job=run)


def test_an_overdraft_is_refused_when_asked_for_and_again_when_noise_would_be_drawn(steward):
    dataset = makers.dataset(steward, population=makers.population(epsilon="1.5"))
    makers.ready_version(steward, dataset)
    first, second = (services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE) for _ in range(2))
    work.execute_run(first.pk)
    work.execute_run(second.pk)
    second.refresh_from_db()
    assert (second.state, second.error["code"], second.noise_drawn) == ("failed", "budget_exceeded", False)
    assert spent(second) == 1
    with pytest.raises(BudgetExceeded):
        services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)


def test_a_run_that_cannot_keep_its_promise_fails_with_the_reason_and_no_artefact(steward, dataset):
    impossible = {**makers.K_RECIPE, "stages": [{"stage": "k_anonymity", "k": 1000, "max_suppressed": "0"}]}
    run = services.request_run(by=steward, dataset=dataset, document=impossible)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["code"], run.artefact_name) == ("failed", PrivacyNotMet.code, "")


def test_a_fault_of_ours_fails_the_run_without_quoting_what_it_choked_on(steward, dataset, monkeypatch, caplog):
    run = services.request_run(by=steward, dataset=dataset, document=makers.K_RECIPE)

    def choke(*args, **kwargs):
        raise ValueError("could not convert 'p17' to a number")

    monkeypatch.setattr(work.pipeline, "run", choke)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["who"]) == ("failed", "us")
    assert "p17" not in str(run.error)


def test_the_log_keeps_where_a_fault_happened_and_not_the_value_it_quotes():
    import logging
    import sys

    from opendata.logs import NoValues

    value = "p" + str(17)
    try:
        raise ValueError(f"could not convert {value} to a number")
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "run %s failed", (3,), sys.exc_info())
    NoValues().filter(record)
    text = logging.Formatter().format(record)
    assert "p17" not in text
    assert "run 3 failed" in text
    assert "ValueError" in text


@pytest.mark.parametrize("change", ["hierarchy", "code"])
def test_a_run_is_refused_when_what_it_was_asked_for_has_changed(steward, dataset, monkeypatch, change):
    set_hierarchy_file(by=steward, dataset=dataset, name="town.csv", content=b"north;*\nsouth;*\n")
    document = {**makers.K_RECIPE, "columns": {**makers.K_RECIPE["columns"], "town": {"role": "quasi_identifier", "hierarchy": {"file": "town.csv"}}}}
    run = services.request_run(by=steward, dataset=dataset, document=document)
    if change == "hierarchy":
        set_hierarchy_file(by=steward, dataset=dataset, name="town.csv", content=b"north;n;*\nsouth;s;*\n")
    else:
        monkeypatch.setattr(jobs, "code_version", lambda: "0" * 64)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "Ask for it again" in run.error["message"]


def test_a_recipe_may_not_treat_a_column_more_loosely_than_its_role(steward, dataset):
    looser = {**makers.K_RECIPE, "columns": {"person": {"role": "plain"}, "age": {"role": "quasi_identifier"}}, "person_key": None}
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document={k: v for k, v in looser.items() if v is not None})
    assert refused.value.problems[0].code == "role_loosened"
    Column.objects.filter(version__dataset=dataset, name="town").update(role="quasi_identifier")
    with pytest.raises(Invalid):
        services.request_run(by=steward, dataset=dataset, document=makers.K_RECIPE)


def test_a_derived_column_cannot_be_computed_from_an_identifier(steward, dataset):
    Column.objects.filter(version__dataset=dataset, name="fare").update(role="direct_identifier")
    stage = {**makers.DP_RECIPE["stages"][0], "measures": [{"name": "s", "kind": "sum", "column": "copy", "lower": 0, "upper": 9}]}
    sneaky = {
        **makers.DP_RECIPE, "columns": {**makers.DP_RECIPE["columns"], "copy": {"role": "plain"}},
        "stages": [{"stage": "derive", "name": "copy", "product": ["fare", "age"]}, stage],
    }  # fmt: skip
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=sneaky)
    assert "identifier_used" in {p.code for p in refused.value.problems}


@pytest.mark.parametrize("product", [["age", "one"], ["hidden", "one"]])
def test_a_derived_column_does_not_slip_past_the_stage_that_protects_its_source(steward, dataset, product):
    columns = {"age": {"role": "quasi_identifier"}, "one": {"role": "plain"}, "copy": {"role": "plain"}}
    sneaky = {
        "recipe": 1, "title": "x", "columns": columns,
        "stages": [{"stage": "derive", "name": "copy", "product": product}, {"stage": "k_anonymity", "k": 5}],
    }  # fmt: skip
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=sneaky)
    assert refused.value.problems[0].pointer == "/stages/0/product"


def test_a_column_whose_role_nobody_set_cannot_be_let_through(steward, dataset):
    """Its telephone numbers may be marked by the profile alone; without the steward's word nothing passes."""
    Column.objects.filter(version__dataset=dataset, name="fare").update(role="", suggested_role="direct_identifier")
    loose = {**makers.K_RECIPE, "columns": {**makers.K_RECIPE["columns"], "fare": {"role": "plain"}}}
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=loose)
    assert [p.code for p in refused.value.problems] == ["role_missing"]


@pytest.mark.parametrize("role", ["place", "event_time", "sensitive", "quasi_identifier", "person_key", "direct_identifier"])
def test_no_role_but_plain_is_published_as_plain_in_microdata(steward, dataset, role):
    Column.objects.filter(version__dataset=dataset, name="fare").update(role=role)
    loose = {**makers.K_RECIPE, "columns": {**makers.K_RECIPE["columns"], "fare": {"role": "plain"}}}
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=loose)
    assert [p.code for p in refused.value.problems] == ["role_loosened"]


def test_noise_needs_a_population_to_pay_for_it(steward):
    dataset = makers.dataset(steward)
    makers.ready_version(steward, dataset)
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    assert refused.value.problems[0].code == "no_population"


@pytest.mark.parametrize("epsilon", ["0", "-1", "NaN", "Infinity", "1e308", "1e-400", ""])
def test_a_budget_that_is_no_budget_is_refused(steward, dataset, epsilon):
    stage = {**makers.DP_RECIPE["stages"][0], "epsilon": epsilon}
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document={**makers.DP_RECIPE, "stages": [stage]})
    assert refused.value.problems[0].pointer == "/stages/0/epsilon"
    assert not Run.objects.exists()


def test_only_a_steward_of_the_organisation_runs_recipes(dataset):
    for user in (makers.officer(), makers.steward(makers.organisation("tax-office")), makers.user("administrator")):
        with pytest.raises(NotAllowed):
            services.request_run(by=user, dataset=dataset, document=makers.DP_RECIPE)


def test_the_database_refuses_a_run_that_is_assessed_without_an_artefact(steward, dataset):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    for wrong in ({"state": "assessed"}, {"state": "failed"}, {"state": "nonsense"}, {"state": "running"}, {"artefact_sha256": "0" * 64}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Run.objects.filter(pk=run.pk).update(**wrong)


def test_every_step_of_a_run_is_in_the_trail(steward, dataset):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    work.execute_run(run.pk)
    told = list(TrailEntry.objects.filter(subject_type="run", subject_id=str(run.pk)).values_list("action", flat=True))
    assert told == ["run.requested", "run.assessed"]
    assert TrailEntry.objects.filter(action="budget.charged").exists()


def test_a_hierarchy_file_is_kept_as_text_under_a_plain_name(steward, dataset):
    for name in ("../x.csv", "a/b.csv", "x.exe", ".csv", ""):
        with pytest.raises(Invalid):
            set_hierarchy_file(by=steward, dataset=dataset, name=name, content=b"a;*")
    for content in (b"", b"\xff\xfe\x00", b"a\0b"):
        with pytest.raises(Invalid):
            set_hierarchy_file(by=steward, dataset=dataset, name="x.csv", content=content)
    assert not HierarchyFile.objects.exists()
