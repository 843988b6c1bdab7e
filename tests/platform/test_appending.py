"""A run over two datasets of one population: rights, roles, contracts and hands of both count."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest
from django.db import IntegrityError, transaction

from catalog.audit.errors import Conflict, Invalid, PlatformError
from catalog.datasets import services as datasets
from catalog.datasets.models import Column, Version
from catalog.publishing.services import public_recipe
from catalog.releases import services, work
from catalog.releases.appending import versions_of
from catalog.review import services as reviews
from catalog.review.binding import configuration_sha256, hands_in
from catalog.review.selectors import red_flags
from tests.intruder import unguarded
from tests.platform import makers

pytestmark = pytest.mark.django_db

ROLES = {"caller": "person_key", "left": "place", "fare": "plain"}


def rides() -> pd.DataFrame:
    return pd.DataFrame([{"caller": f"p{i}", "left": "north", "fare": i} for i in range(40, 80)])


@pytest.fixture
def steward():
    return makers.steward()


@pytest.fixture
def people(steward):
    return makers.population()


@pytest.fixture
def seen(steward, people):
    made = makers.dataset(steward, population=people)
    makers.ready_version(steward, made)
    return made


@pytest.fixture
def taxis(people):
    """Looked after by a colleague."""
    colleague = makers.steward()
    made = makers.dataset(colleague, population=people)
    makers.ready_version(colleague, made, rides(), ROLES)
    return made


def recipe(taxis, **columns: str) -> dict[str, Any]:
    return {**makers.DP_RECIPE, "append": [{"table": taxis.slug, "columns": {"person": "caller", "town": "left", **columns}}]}


def test_a_run_counts_people_of_both_once(steward, seen, taxis):
    run = services.request_run(by=steward, dataset=seen, document=recipe(taxis))
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    assert run.report["internal"]["persons"] == 80  # 60 here, 40 there, 20 of them both
    assert run.report["internal"]["input"][f"rows_of_{taxis.slug}"] == 40
    assert run.appended == {taxis.slug: {"version": taxis.versions.get().pk, "sha256": taxis.versions.get().sha256}}


def test_a_recipe_that_appends_nothing_notes_nothing(steward, seen):
    run = services.request_run(by=steward, dataset=seen, document=makers.DP_RECIPE)
    assert run.appended == {}
    assert versions_of(run) == []


def problem(steward, seen, document: dict[str, Any]) -> str:
    with pytest.raises(Invalid) as error:
        services.request_run(by=steward, dataset=seen, document=document)
    return error.value.problems[0].code


@pytest.mark.parametrize(
    ("columns", "code"),
    [({"person": "fare"}, "no_person_key"), ({"person": "nobody"}, "unknown_column"), ({"town": "nowhere"}, "unknown_column")],
)
def test_columns_of_the_other_dataset_are_checked(steward, seen, taxis, columns, code):
    assert problem(steward, seen, recipe(taxis, **columns)) == code


def test_an_identifier_of_the_other_dataset_cannot_go_under_a_column(steward, seen, taxis):
    Column.objects.filter(version__dataset=taxis, name="left").update(role="direct_identifier")
    assert problem(steward, seen, recipe(taxis)) == "identifier_used"
    Column.objects.filter(version__dataset=taxis, name="left").update(role="")
    assert problem(steward, seen, recipe(taxis)) == "role_missing"


def test_another_population_would_not_be_charged_so_it_is_refused(steward, seen):
    other = makers.dataset(steward, population=makers.population())
    makers.ready_version(steward, other, rides(), ROLES)
    assert problem(steward, seen, recipe(other)) == "other_population"


def test_a_dataset_of_another_organisation_is_as_unknown_as_none(seen, steward, people):
    stranger = makers.steward(makers.organisation("elsewhere"))
    theirs = makers.dataset(stranger, population=people)
    makers.ready_version(stranger, theirs, rides(), ROLES)
    assert problem(steward, seen, recipe(theirs)) == "unknown_table"
    theirs.slug = "not-there"
    assert problem(steward, seen, recipe(theirs)) == "unknown_table"


def test_a_dataset_cannot_be_appended_to_itself(steward, seen):
    assert problem(steward, seen, recipe(seen, person="person", town="town")) == "unknown_table"


def test_a_version_that_was_destroyed_since_ends_the_run_before_any_charge(steward, seen, taxis):
    run = services.request_run(by=steward, dataset=seen, document=recipe(taxis))
    with unguarded("datasets_version"):
        Version.objects.filter(dataset=taxis).update(sha256="0" * 64)
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert not run.noise_drawn


def test_hands_in_the_other_dataset_are_hands_in_the_run(steward, seen, taxis):
    run = services.request_run(by=steward, dataset=seen, document=recipe(taxis))
    assert {(taxis.steward_id, "uploaded"), (taxis.steward_id, "configured")} <= hands_in(run)


def assessed(steward, seen, taxis) -> Any:
    run = services.request_run(by=steward, dataset=seen, document=recipe(taxis))
    work.execute_run(run.pk)
    run.refresh_from_db()
    return run


def test_whoever_uploaded_the_other_dataset_cannot_decide(steward, seen, taxis):
    review = reviews.submit(by=steward, run=assessed(steward, seen, taxis), context="For night buses.")
    colleague = taxis.steward
    colleague.groups.set(makers.officer().groups.all())
    colleague.mandates.create(organisation=seen.organisation)
    with pytest.raises((PlatformError, IntegrityError)), transaction.atomic():
        reviews.decide(
            by=colleague, review=review, verdict="approve", reason_code="risk_acceptable",
            reason="Looked at the risk and at the sample.", artefact_sha256=review.artefact_sha256,
        )  # fmt: skip


def test_a_role_that_changes_in_the_other_dataset_voids_the_approval(steward, seen, taxis):
    run = assessed(steward, seen, taxis)
    before = configuration_sha256(run)
    Column.objects.filter(version__dataset=taxis, name="left").update(role="sensitive")
    assert configuration_sha256(run) != before


def test_the_contract_of_the_other_dataset_counts_too(steward, seen, people):
    contract = {**makers.CONTRACT, "permits_aggregates": False, "valid_until": date(2021, 1, 1)}
    bought = makers.dataset(steward, population=people, source="purchased", contract=contract)
    makers.ready_version(steward, bought, rides(), ROLES)
    review = reviews.submit(by=steward, run=assessed(steward, seen, bought), context="For night buses.")
    assert {"contract_forbids", "contract_expired"} <= {flag.code for flag in red_flags(review)}


def test_the_public_recipe_does_not_name_the_key_of_the_other_table(steward, seen, taxis):
    run = services.request_run(by=steward, dataset=seen, document=recipe(taxis))
    assert public_recipe(run.recipe)["append"] == [{"table": taxis.slug, "columns": {"town": "left"}}]
    assert "caller" not in str(public_recipe(run.recipe))


def test_a_preview_names_what_does_not_fit(steward, seen, taxis):
    with pytest.raises(Invalid):
        services.fit(services.read_recipe(recipe(taxis, town="nowhere")), seen, seen.versions.get())
    with pytest.raises(Conflict):
        services.ready_version(datasets.create_dataset(by=steward, slug="empty", organisation=steward.organisation, title="Empty", source="government"))
