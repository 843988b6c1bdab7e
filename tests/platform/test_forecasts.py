"""The errors of a table: asked for, reckoned by a worker on the real rows, never charged, and no noise drawn."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anonymize.aggregates import noise
from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.releases import compare, compared, comparisons, services
from catalog.releases.models import Run
from tests.platform import makers

pytestmark = pytest.mark.django_db


@pytest.fixture
def steward():
    return makers.steward()


@pytest.fixture
def dataset(steward):
    made = makers.dataset(steward, population=makers.population())
    makers.ready_version(steward, made)
    return made


def asked(steward, dataset, **changes):
    return comparisons.request_forecast(by=steward, dataset=dataset, **{"document": makers.DP_RECIPE, **changes})


def test_a_worker_reckons_the_errors_and_nothing_is_drawn_charged_or_published(steward, dataset, monkeypatch):
    for name in ("add_noise", "add_truncated"):
        monkeypatch.setattr(noise, name, lambda *_: pytest.fail("noise was drawn"))
    found = asked(steward, dataset, factors=[Decimal("0.50"), Decimal(3)])
    compare.execute_comparison(found.pk)
    found.refresh_from_db()
    assert (found.state, found.error, found.settings) == ("done", None, {"factors": ["0.5", "3"]})
    assert "rows_before" not in str(found.result)  # what limits cut off is for officers, at the run
    assert [point["epsilon"] for point in found.result["points"]] == ["0.5", "1", "3"]
    assert found.result["points"][1]["cells"] == {"with_data": 2, "empty": 0, "median_persons": 60.0, "hidden_share": 0.0}
    for i, point in enumerate(found.result["points"]):
        recipe = services.read_recipe(compared.recipe_of(found, i))
        services.fit(recipe, dataset, found.version)
        assert str(recipe.final.epsilon) == point["epsilon"]
    assert [compared.recipe_of(found, i) for i in (-1, 3)] == [None, None]
    dataset.population.refresh_from_db()
    assert dataset.population.epsilon_spent == 0
    assert not Run.objects.exists()
    told = TrailEntry.objects.filter(subject_type="comparison", subject_id=str(found.pk))
    assert list(told.values_list("action", flat=True)) == ["comparison.requested", "comparison.done"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"document": makers.K_RECIPE}, "not_a_table"), ({"factors": [Decimal(0)]}, "values"), ({"factors": [Decimal(1), Decimal("1.0")]}, "values"),
        ({"factors": [Decimal(5000)]}, "values"), ({"factors": [Decimal(i) for i in range(1, 10)]}, "values"), ({"factors": [Decimal("NaN")]}, "values"),
    ],
)  # fmt: skip
def test_what_cannot_be_forecast_is_refused_and_named(steward, dataset, changes, code):
    with pytest.raises(Invalid) as refused:
        asked(steward, dataset, **changes)
    assert code in {problem.code for problem in refused.value.problems}


def test_the_same_people_ask_and_only_one_comparison_of_either_kind_is_open(steward, dataset):
    for user in (makers.officer(), makers.steward(makers.organisation("tax-office"))):
        with pytest.raises(NotAllowed):
            asked(user, dataset)
    asked(steward, dataset)
    with pytest.raises(Conflict, match="under way"):
        comparisons.request_comparison(by=steward, dataset=dataset, document=makers.K_RECIPE, ks=[2])
