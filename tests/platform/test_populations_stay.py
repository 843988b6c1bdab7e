"""What was spent on people's rows is spent: a dataset cannot be moved to a population that has not spent yet."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from catalog.audit.errors import Invalid
from catalog.datasets import services as datasets
from catalog.datasets.models import Dataset
from catalog.releases import estimates, estimating, services, work
from catalog.releases.models import Run
from tests.platform import makers
from tests.platform.test_appending import recipe as appending

pytestmark = pytest.mark.django_db

BY_CALLER = {
    "person_key": "caller", "columns": {"caller": {"role": "person_key"}, "left": {"role": "plain"}},
    "stages": [{**makers.DP_RECIPE["stages"][0], "group_by": [{"column": "left", "values": ["north", "south"]}]}],
}  # fmt: skip


def done(run: Run) -> Run:
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    return run


def other_dataset(steward, population) -> Dataset:
    made = makers.dataset(steward, population=population)
    makers.ready_version(steward, made, makers.trips().rename(columns={"person": "caller", "town": "left"}), {"caller": "person_key", "left": "plain"})
    return made


@pytest.mark.parametrize("to", [None, "another"])
def test_a_dataset_that_noise_was_drawn_about_stays_with_its_population(steward, dataset, to):
    done(services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE))
    with pytest.raises(Invalid) as refused:
        datasets.update_dataset(by=steward, dataset=dataset, population=to and makers.population())
    assert [problem.code for problem in refused.value.problems] == ["population_stays"]
    described = datasets.update_dataset(by=steward, dataset=dataset, title="Trips of all", population=dataset.population)
    assert (described.title, described.population) == ("Trips of all", dataset.population)


def test_an_estimate_of_bounds_holds_it_too(steward, dataset):
    estimate = estimates.request_estimate(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    estimating.execute_estimate(estimate.pk)
    with pytest.raises(Invalid, match="stays with it"):
        datasets.update_dataset(by=steward, dataset=dataset, population=makers.population())


def test_a_dataset_whose_rows_were_appended_stays_as_well(steward, dataset):
    taxis = other_dataset(steward, dataset.population)
    done(services.request_run(by=steward, dataset=dataset, document=appending(taxis)))
    with pytest.raises(Invalid, match="stays with it"):
        datasets.update_dataset(by=steward, dataset=taxis, population=makers.population())


def test_a_dataset_that_only_released_without_noise_can_be_moved(steward, dataset):
    done(services.request_run(by=steward, dataset=dataset, document=makers.K_RECIPE))
    other = makers.population()
    assert datasets.update_dataset(by=steward, dataset=dataset, population=other).population == other


@pytest.mark.parametrize("appended", [False, True])
def test_a_run_in_flight_is_refused_where_a_dataset_of_it_was_moved_meanwhile(steward, dataset, appended):
    taxis = other_dataset(steward, dataset.population)
    run = services.request_run(by=steward, dataset=dataset, document=appending(taxis))
    datasets.update_dataset(by=steward, dataset=taxis if appended else dataset, population=makers.population())
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert (run.state, run.noise_drawn, run.error["problems"][0]["code"]) == ("failed", False, "other_population")
    assert not run.population.spendings.exists()
    assert not Dataset.objects.filter(charged=True).exists()


def test_a_charge_that_is_refused_leaves_the_dataset_free(steward, dataset):
    run = services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    type(dataset.population).objects.update(epsilon_cap="0.5")
    work.execute_run(run.pk)
    dataset.refresh_from_db()
    assert not dataset.charged
    datasets.update_dataset(by=steward, dataset=dataset, population=makers.population())


@pytest.mark.parametrize("change", [{"population": None}, {"charged": False}, {"population": "another"}])
def test_the_database_refuses_to_move_it(steward, dataset, change):
    done(services.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE))
    wanted = {**change, "population": makers.population()} if change.get("population") else change
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        Dataset.objects.filter(pk=dataset.pk).update(**wanted)


def test_datasets_that_were_charged_before_are_found_when_a_database_is_brought_up_to_date(steward, dataset):
    taxis, free = other_dataset(steward, dataset.population), other_dataset(steward, dataset.population)
    run = services.request_run(by=steward, dataset=dataset, document=appending(taxis))
    services.request_run(by=steward, dataset=free, document={**makers.DP_RECIPE, **BY_CALLER})
    Run.objects.filter(pk=run.pk).update(noise_drawn=True)
    import_module("catalog.releases.migrations.0006_charged_datasets").mark(apps, None)
    assert set(Dataset.objects.filter(charged=True)) == {dataset, taxis}
