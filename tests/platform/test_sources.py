"""All releases of a dataset tell persons and periods by the same columns, whether its rows are their own or appended."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from anonymize.errors import RecipeError
from anonymize.recipe import parse
from catalog.audit.errors import Invalid
from catalog.datasets.models import Column
from catalog.ledger.services import create_population
from catalog.releases import charging, estimates, estimating, services, sources, work
from catalog.releases.models import Run
from tests.platform import makers
from tests.platform.test_units_of_privacy import DAY, SEOUL, recipe

pytestmark = pytest.mark.django_db

FEBRUARY = ("2026-02-01", "2026-03-01")
ROLES = {"person": "person_key", "at": "event_time", "left": "event_time", "fare": "plain"}
LATE = pd.DataFrame([{"person": f"p{i}", "at": "2026-01-31T23:50", "left": "2026-02-01T00:10", "fare": 5} for i in range(30)]).astype(
    {"at": "datetime64[us]", "left": "datetime64[us]"}
)


@pytest.fixture
def people(steward):
    return create_population(
        by=None, slug="riders", name="Riders", owner=steward.organisation, epsilon_cap=Decimal(1), delta_cap=Decimal("1e-4"), unit="person_day", time_zone=SEOUL,
    )  # fmt: skip


@pytest.fixture
def pair(steward, people):
    """Two datasets about the same days; each row of the second begins in January and ends in February."""
    made = []
    for frame in (LATE.head(1).assign(person="zz"), LATE):
        made.append(makers.dataset(steward, population=people))
        makers.ready_version(steward, made[-1], frame, ROLES)
    return made


def done(run: Run) -> Run:
    work.execute_run(run.pk)
    run.refresh_from_db()
    assert run.error is None
    return run


def codes(steward, dataset, document: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        services.request_run(by=steward, dataset=dataset, document=document)
    return [(problem.code, problem.pointer) for problem in refused.value.problems]


def with_rows_of(dataset, column: str, **changes: Any) -> dict[str, Any]:
    columns = {"person": "person", "at": column, "fare": "fare"}
    return recipe(append=[{"table": dataset.slug, "columns": columns}], **changes)


def test_an_appended_dataset_takes_days_from_the_column_of_its_own_releases(steward, pair):
    first, second = pair
    queued = services.request_run(by=steward, dataset=first, document=with_rows_of(second, "left", months=FEBRUARY))
    done(services.request_run(by=steward, dataset=second, document=recipe()))
    asked = with_rows_of(second, "left", months=FEBRUARY)
    assert codes(steward, first, asked) == [("other_time_column", "/append/0/columns/at")]
    work.execute_run(queued.pk)  # asked for before the other one had drawn noise
    queued.refresh_from_db()
    assert (queued.state, queued.noise_drawn, queued.error["problems"][0]["code"]) == ("failed", False, "other_time_column")
    assert queued.population.spendings.count() == 1
    services.request_run(by=steward, dataset=first, document=with_rows_of(second, "at", months=FEBRUARY))


def test_a_dataset_takes_days_from_the_column_that_was_mapped_when_it_was_appended(steward, pair):
    first, second = pair
    done(services.request_run(by=steward, dataset=first, document=with_rows_of(second, "left", months=FEBRUARY)))
    assert codes(steward, second, recipe()) == [("other_time_column", "/privacy_unit/column")]
    assert codes(steward, first, with_rows_of(second, "at")) == [("other_time_column", "/append/0/columns/at")]
    services.request_run(by=steward, dataset=second, document=recipe({**DAY, "column": "left"}))
    services.request_run(by=steward, dataset=first, document=recipe())


def test_an_estimate_of_bounds_counts_as_a_release(steward, pair):
    first, second = pair
    estimating.execute_estimate(estimates.request_estimate(by=steward, dataset=second, document=recipe()).pk)
    assert codes(steward, first, with_rows_of(second, "left", months=FEBRUARY)) == [("other_time_column", "/append/0/columns/at")]


def test_without_the_check_in_the_charge_one_trip_would_be_charged_as_if_it_were_two_peoples(steward, pair, monkeypatch):
    """The planted fault: what the check is for."""
    first, second = pair
    queued = services.request_run(by=steward, dataset=first, document=with_rows_of(second, "left", months=FEBRUARY))
    done(services.request_run(by=steward, dataset=second, document=recipe()))
    monkeypatch.setattr(charging, "refuse_other_sources", lambda recipe, dataset: None)
    done(queued)
    queued.population.refresh_from_db()
    assert queued.population.spendings.count() == 2 and queued.population.epsilon_spent == 1


def test_nothing_is_said_of_releases_of_another_organisation(steward, pair, people):
    stranger = makers.steward(makers.organisation("elsewhere"))
    theirs = makers.dataset(stranger, population=people)
    makers.ready_version(stranger, theirs, LATE, ROLES)
    done(services.request_run(by=stranger, dataset=theirs, document=recipe()))
    assert codes(steward, pair[0], with_rows_of(theirs, "left", months=FEBRUARY)) == [("unknown_table", "/append/0/table")]


def test_one_recipe_cannot_put_a_table_into_two_days():
    twice = [{"table": "trips", "columns": {"person": "person", "at": column}} for column in ("at", "left")]
    with pytest.raises(RecipeError) as refused:
        parse(recipe(append=twice))
    assert [problem.pointer for problem in refused.value.problems] == ["/append/1/columns/at"]
    parse(recipe(None, append=twice))  # a person's rows are one person's, whenever they were
    parse(recipe(append=[twice[0], {**twice[0], "columns": {**twice[0]["columns"], "fare": "toll"}}]))
    parse(recipe(append=[twice[0], {**twice[1], "table": "other-trips"}]))


# --- persons -----------------------------------------------------------------------------------------------------

TWO_KEYS = pd.DataFrame([{"customer": f"c{i % 5}", "card": f"k{i}", "town": "north"} for i in range(50)])


def by(key: str) -> dict[str, Any]:
    columns = {key: {"role": "person_key"}, "town": {"role": "plain"}}
    return {**makers.DP_RECIPE, "person_key": key, "columns": columns}


@pytest.fixture
def customers(steward):
    made = makers.dataset(steward, population=makers.population())
    makers.ready_version(steward, made, TWO_KEYS, {"customer": "person_key", "card": "plain", "town": "plain"})
    return made


def give_roles(dataset, **roles: str) -> None:
    for name, role in roles.items():
        Column.objects.filter(version__dataset=dataset, name=name).update(role=role)


def test_a_second_key_is_refused_once_noise_was_drawn_by_the_first(steward, customers):
    done(services.request_run(by=steward, dataset=customers, document=by("customer")))
    give_roles(customers, customer="plain", card="person_key")
    assert codes(steward, customers, by("card")) == [("other_person_key", "/person_key")]


def test_a_run_by_another_key_that_was_asked_for_before_is_refused_before_any_noise(steward, customers):
    queued = services.request_run(by=steward, dataset=customers, document=by("customer"))
    give_roles(customers, customer="plain", card="person_key")
    done(services.request_run(by=steward, dataset=customers, document=by("card")))
    work.execute_run(queued.pk)
    queued.refresh_from_db()
    assert (queued.state, queued.noise_drawn, queued.error["problems"][0]["code"]) == ("failed", False, "other_person_key")


def test_an_appended_dataset_keeps_its_key_too(steward, customers):
    other = makers.dataset(steward, population=customers.population)
    makers.ready_version(steward, other)
    done(services.request_run(by=steward, dataset=customers, document=by("customer")))
    give_roles(customers, customer="plain", card="person_key")
    asked = {**makers.DP_RECIPE, "append": [{"table": customers.slug, "columns": {"person": "card", "town": "town"}}]}
    assert codes(steward, other, asked) == [("other_person_key", "/append/0/columns/person")]


@pytest.mark.parametrize("role", ["plain", "quasi_identifier", "sensitive", "place"])
def test_a_column_without_the_role_is_no_person_key(steward, customers, role):
    give_roles(customers, customer=role)
    assert codes(steward, customers, by("customer")) == [("no_person_key", "/person_key")]
    give_roles(customers, card="person_key")
    assert codes(steward, customers, by("customer")) == [("person_key_left_out", "/person_key")]


def test_two_columns_of_one_release_are_the_same_in_all_of_its_tables():
    """The own table's columns under their names, and an appended one's under those that were mapped."""
    appended = [{"table": "b", "columns": {"who": "caller", "at": "left"}}, {"table": "c", "columns": {"who": "rider"}}]
    found = {(one.table, one.what, one.column) for one in sources._taken("a", "who", "at", appended)}
    assert found == {("a", "person", "who"), ("b", "person", "caller"), ("c", "person", "rider"), ("a", "period", "at"), ("b", "period", "left")}
