"""Bounds are estimated by a worker, for ε of the population's budget: asked for, charged, killed, read, put into the recipe."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.ledger.services import BudgetExceeded
from catalog.releases import estimates, estimating, services, sweeper
from catalog.releases.models import Estimate, Run
from catalog.review.binding import hands_in
from tests import factories
from tests.pages.html import Page
from tests.platform import makers

pytestmark = pytest.mark.django_db
RECIPE = {
    **makers.DP_RECIPE,
    "columns": {**makers.DP_RECIPE["columns"], "fare": {"role": "plain"}},
    "stages": [
        {**makers.DP_RECIPE["stages"][0], "measures": [{"name": "paid", "kind": "sum", "column": "fare", "lower": "0", "upper": "1"}]},
    ],
}  # fmt: skip


@pytest.fixture
def dataset(steward):
    """People enough for noise of this size to leave something to see."""
    made = makers.dataset(steward, population=makers.population())
    makers.ready_version(steward, made, makers.trips(300))
    return made


def asked(steward, dataset, **changes):
    return estimates.request_estimate(by=steward, dataset=dataset, **{"document": RECIPE, "epsilon": Decimal(4), **changes})


def done(estimate: Estimate) -> Estimate:
    estimating.execute_estimate(estimate.pk)
    estimate.refresh_from_db()
    return estimate


def spent(estimate: Estimate) -> Decimal:
    estimate.population.refresh_from_db()
    return estimate.population.epsilon_spent


def test_an_estimate_is_charged_once_and_its_bounds_go_into_the_recipe(steward, dataset):
    found = done(asked(steward, dataset, share=Decimal("0.7")))
    assert (found.state, found.percent, found.error, found.noise_drawn) == ("done", 100, None, True)
    assert spent(found) == 4 and found.population.spendings.get().subject_type == "estimate"
    assert [proposal["field"] for proposal in found.result["proposals"]] == ["max_cells_per_person", "max_rows_per_cell", "lower", "upper"]
    made = estimates.recipe_with(found)
    services.fit(services.read_recipe(made), dataset, found.version)
    assert made["stages"][0]["max_rows_per_cell"] == int(found.result["proposals"][1]["bound"])
    assert made["stages"][0]["measures"][0]["upper"] == found.result["proposals"][3]["bound"]
    assert found.recipe["stages"][0]["measures"][0]["upper"] == "1"
    assert TrailEntry.objects.filter(action="estimate.done", subject_id=str(found.pk)).exists()


def test_where_nothing_was_proposed_the_recipe_stays(steward, dataset):
    found = asked(steward, dataset)
    found.result = {"proposals": factories.PROPOSALS}
    made = estimates.recipe_with(found)
    assert (made["stages"][0]["max_cells_per_person"], made["stages"][0]["max_rows_per_cell"]) == (2, 3)


def test_an_estimate_that_the_budget_cannot_pay_is_refused_when_it_is_asked_for(steward, dataset):
    with pytest.raises(BudgetExceeded):
        asked(steward, dataset, epsilon=Decimal(6))
    assert not Estimate.objects.exists()


def test_a_budget_that_was_spent_meanwhile_stops_it_before_any_noise(steward, dataset):
    found = asked(steward, dataset)
    factories.ledger.charge(population_id=found.population_id, epsilon=Decimal(3), delta=Decimal(0), subject=("run", "x"), by=None)
    assert (done(found).state, found.noise_drawn, found.error["code"], found.result) == ("failed", False, "budget_exceeded", None)
    assert spent(found) == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"document": makers.K_RECIPE}, "no_bounds"), ({"epsilon": Decimal(0)}, "bounds"), ({"epsilon": Decimal("NaN")}, "bounds"), ({"share": Decimal(1)}, "bounds")],
)
def test_what_cannot_be_estimated_is_refused(steward, dataset, changes, code):
    with pytest.raises(Invalid) as refused:
        asked(steward, dataset, **changes)
    assert [problem.code for problem in refused.value.problems] == [code]


def test_one_estimate_of_a_dataset_is_open_at_a_time_and_only_its_stewards_ask(steward, dataset):
    found = asked(steward, dataset)
    with pytest.raises(Conflict):
        asked(steward, dataset)
    with pytest.raises(NotAllowed):
        asked(makers.steward(makers.organisation("elsewhere")), dataset)
    services.cancel(by=steward, job=found)
    asked(steward, dataset)


def test_an_estimate_whose_worker_died_is_tried_again_only_if_nothing_was_charged(steward, dataset):
    found = asked(steward, dataset)
    lost = {"state": "running", "attempt": 1, "lease_until": timezone.now() - timedelta(seconds=1)}
    Estimate.objects.filter(pk=found.pk).update(**lost)
    sweeper.sweep()
    found.refresh_from_db()
    assert found.state == "queued"
    Estimate.objects.filter(pk=found.pk).update(**lost, noise_drawn=True)
    sweeper.sweep()
    found.refresh_from_db()
    assert (found.state, found.error["code"]) == ("failed", "worker_lost_after_charge")


def test_whoever_had_bounds_estimated_has_configured_what_is_run_with_them(steward, officer, dataset):
    run = factories.run(dataset.versions.get(), by=steward, recipe=makers.DP_RECIPE)
    other = makers.steward()
    asked(other, dataset)
    assert (other.pk, "configured") in hands_in(Run.objects.get(pk=run.pk))


@pytest.mark.parametrize("change", [{"state": "done"}, {"result": {"proposals": []}}, {"state": "lost"}])
def test_the_database_refuses_an_estimate_that_contradicts_itself(steward, dataset, change):
    found = asked(steward, dataset)
    with pytest.raises(IntegrityError), transaction.atomic():
        Estimate.objects.filter(pk=found.pk).update(**change)


# --- pages and API -----------------------------------------------------------------------------------------------


def test_a_steward_asks_on_the_page_of_a_recipe_and_takes_the_bounds_over(steward, dataset, client, rung, django_capture_on_commit_callbacks):
    client.force_login(steward)
    form = f"/steward/datasets/{dataset.slug}/estimates"
    refused = client.post(form, {"recipe": json.dumps(RECIPE), "look_epsilon": "plenty", "look_share": "0.9"})
    assert refused.status_code == 422 and "plenty" in refused.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        made = client.post(form, {"recipe": json.dumps(RECIPE), "look_epsilon": "4", "look_share": "0.7"})
    found = Estimate.objects.get()
    assert made["Location"] == f"/estimates/{found.pk}" and ("releases.execute_estimate", found.pk) in rung
    assert client.get(f"/estimates/{found.pk}/progress").status_code == 200
    done(found)
    page = Page(client.get(f"/estimates/{found.pk}").content.decode())
    assert page.faults == [] and "costs ε 4 of the privacy budget" in page.text and "cells per person, at most" in page.text
    text = Page(client.get(f"/steward/datasets/{dataset.slug}/recipe?estimate={found.pk}").content.decode()).text
    assert f'"upper": "{found.result["proposals"][3]["bound"]}"' in text.replace("&quot;", '"') and "Estimated before" in text


def test_where_nothing_is_proposed_the_page_says_why_and_what_would_do(steward, dataset, client):
    found = done(asked(steward, dataset, share=Decimal("0.99")))
    assert found.result["proposals"][0]["why"] == "too_few_persons"
    client.force_login(steward)
    text = Page(client.get(f"/estimates/{found.pk}").content.decode()).text
    enough = found.result["proposals"][0]["enough_epsilon"]
    assert "too few people for this ε; about ε" in text and enough in text and "None" not in text


def test_the_same_over_the_api(steward, dataset, client):
    client.force_login(steward)
    where = f"/api/v1/datasets/{dataset.slug}/estimates"
    made = client.post(where, {"recipe": RECIPE, "epsilon": "4"}, content_type="application/json")
    assert made.status_code == 202 and made.json()["epsilon"] == "4.000000000000"
    done(Estimate.objects.get())
    shown = client.get(made["Location"]).json()
    assert (shown["state"], shown["noise_drawn"], shown["proposals"][0]["field"]) == ("done", True, "max_cells_per_person")
    assert client.get(where).json()["results"][0]["id"] == shown["id"]
    assert client.post(where, {"recipe": RECIPE, "epsilon": "NaN"}, content_type="application/json").status_code == 422
    assert client.delete(made["Location"]).status_code == 409
