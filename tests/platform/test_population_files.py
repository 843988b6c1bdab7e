"""A population table is uploaded like a hierarchy, and is bound to runs, reviews and hands like one."""

from __future__ import annotations

import pytest

from catalog.audit.errors import Conflict, Invalid
from catalog.datasets import services as datasets
from catalog.datasets.services import set_hierarchy_file
from catalog.releases import services, work
from catalog.releases.models import Run
from catalog.review import binding
from catalog.review.services import submit
from tests.platform import makers

pytestmark = pytest.mark.django_db

POPULATION = b"age,persons\n20,40\n21,30\n22,25\n23,60\n99,5\n"
MODEL = {"model": "k_map", "k": 25, "population": {"file": "people.csv"}}
RECIPE = {**makers.K_RECIPE, "stages": [{"stage": "k_anonymity", "k": 5, "models": [MODEL]}]}


@pytest.fixture
def steward():
    return makers.steward()


@pytest.fixture
def dataset(steward):
    made = makers.dataset(steward, population=makers.population())
    makers.ready_version(steward, made)
    return made


def run_of(steward, dataset) -> Run:
    asked = services.request_run(by=steward, dataset=dataset, document=RECIPE)
    work.execute_run(asked.pk)
    asked.refresh_from_db()
    return asked


def test_a_recipe_that_speaks_of_a_population_that_was_not_uploaded_is_refused(steward, dataset):
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=RECIPE)
    assert refused.value.problems[0].code == "unknown_hierarchy"
    assert "people.csv" in refused.value.problems[0].message


def test_a_run_reads_the_population_that_was_uploaded_and_says_what_was_reached(steward, dataset):
    set_hierarchy_file(by=steward, dataset=dataset, name="people.csv", content=POPULATION)
    run = run_of(steward, dataset)
    assert run.error is None
    assert list(run.hierarchies) == ["people.csv"]
    (line,) = run.report["public"]["recheck"]["models"]
    assert (line["model"], line["reached"], line["margin"]) == ("k_map", 25, 0)
    assert "25" in run.report["guarantee"]["sentence"]


def test_a_population_with_a_fault_is_refused_when_it_is_uploaded(steward, dataset):
    for content in (b"age,persons\n20,none\n", b"age,town\n20\n", b"age,age\n1,2\n"):
        with pytest.raises(Invalid, match="population file"):
            set_hierarchy_file(by=steward, dataset=dataset, name="people.csv", content=content)
    assert not dataset.hierarchy_files.exists()


def test_another_population_stops_a_run_that_was_asked_for_with_the_first(steward, dataset):
    set_hierarchy_file(by=steward, dataset=dataset, name="people.csv", content=POPULATION)
    asked = services.request_run(by=steward, dataset=dataset, document=RECIPE)
    set_hierarchy_file(by=steward, dataset=dataset, name="people.csv", content=POPULATION.replace(b"25", b"90"))
    work.execute_run(asked.pk)
    asked.refresh_from_db()
    assert asked.state == "failed"


def test_a_population_is_part_of_what_is_decided_on_and_whoever_put_it_there_had_a_hand_in_it(steward, dataset):
    other = makers.user("steward", org=steward.organisation)
    datasets.set_hierarchy_file(by=other, dataset=dataset, name="people.csv", content=POPULATION)
    run = run_of(steward, dataset)
    before = binding.configuration_sha256(run)
    assert (other.pk, "configured") in binding.hands_in(run)
    set_hierarchy_file(by=steward, dataset=dataset, name="people.csv", content=POPULATION.replace(b"25", b"90"))
    assert binding.configuration_sha256(run) != before
    with pytest.raises(Conflict, match="changed since this run was made"):
        submit(by=steward, run=run)
