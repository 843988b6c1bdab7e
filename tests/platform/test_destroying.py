"""What is destroyed takes its words with it: names of columns and files, notes, errors, recipes of what came to nothing."""

from __future__ import annotations

import json

import pytest
from django.apps import apps
from django.core import serializers
from django.urls import reverse

from catalog.audit.errors import Conflict
from catalog.audit.models import TrailEntry
from catalog.datasets import services as datasets
from catalog.datasets.models import Version
from catalog.people.models import IdempotentAnswer
from catalog.releases.models import Run
from catalog.releases.services import request_run
from tests import factories
from tests.api.client import Api

pytestmark = pytest.mark.django_db
CANARY = "Qzvkwhtyrplmnbx"


@pytest.fixture
def steward():
    return factories.steward()


@pytest.fixture
def version(steward):
    """A version whose every word is the canary, or has it in it."""
    made = factories.version(factories.dataset(steward, population=factories.population(steward.organisation)))
    Version.objects.filter(pk=made.pk).update(file_name=f"{CANARY}.csv", notes=[f"column '{CANARY}' has leading zeros"], declared_types={CANARY: "text"}, names=[CANARY])
    made.refresh_from_db()
    return made


def marked(version) -> None:
    """Set what a steward sets, with the canary in it, and have one column called so, and one as destroyed ones are."""
    version.columns.filter(name="answer").update(name=CANARY, reason=f"{CANARY} says so")
    version.columns.filter(name="month").update(name="column 1")
    ladder = {"values": [["11110", CANARY], ["11140", CANARY]]}
    settings = {"role": "quasi_identifier", "title": CANARY, "description": CANARY}
    datasets.set_columns(by=version.uploaded_by, version=version, columns={CANARY: settings, "district": {"role": "plain", "title": CANARY}})
    version.columns.filter(name="district").update(hierarchy=ladder)


def everything_kept() -> str:
    rows = [row for model in apps.get_models() for row in model._default_manager.all()]
    return json.dumps(json.loads(serializers.serialize("json", rows)), ensure_ascii=False)


def test_roles_stand_in_the_trail_by_position(version, steward):
    marked(version)
    detail = TrailEntry.objects.get(action="columns.set").detail
    assert detail["roles"] == {"1": "plain", "3": "quasi_identifier"}
    assert detail.keys() == {"roles", "columns_sha256"}
    assert CANARY not in str(detail)


def test_a_version_that_was_never_run_keeps_no_word_when_it_is_destroyed(version, steward):
    marked(version)
    before = list(version.columns.values_list("position", "type", "role", "nulls", "distinct"))
    assert CANARY in everything_kept()
    datasets.destroy_version(by=steward, version=version, reason="no longer needed")
    assert CANARY not in everything_kept()
    assert list(version.columns.values_list("position", "type", "role", "nulls", "distinct")) == before
    assert list(version.columns.values_list("name", flat=True)) == [f"column {i}" for i in range(1, 6)]
    assert (version.file_name, version.notes, version.sha256) == ("", [], Version.objects.get().sha256)


def test_a_rejected_version_can_be_destroyed_and_then_says_its_code_only(version, steward):
    error = {"code": "invalid_input", "message": f"column {CANARY!r} holds", "who": "you", "problems": [{"code": "misfit", "message": "x", "column": CANARY, "line": 3}]}
    Version.objects.filter(pk=version.pk).update(state="rejected", error=error)
    version.refresh_from_db()
    datasets.destroy_version(by=steward, version=version, reason="a mistake")
    assert version.error == {"code": "invalid_input", "message": "", "who": "you", "problems": []}
    assert CANARY not in everything_kept()
    with pytest.raises(Conflict):
        datasets.destroy_version(by=steward, version=version, reason="again")


def with_canary(recipe):
    """The recipe with the canary for a title and for the meaning of a column."""
    document = {**recipe, "title": CANARY}
    document["columns"] = {name: {**column, "title": CANARY} for name, column in recipe["columns"].items()}
    return document


def test_what_was_tried_and_came_to_nothing_forgets_its_recipe(version, steward):
    run = request_run(by=steward, dataset=version.dataset, document=with_canary(factories.K_ANONYMOUS), version=version)
    Run.objects.filter(pk=run.pk).update(state="failed", error={"code": "privacy_not_met", "message": f"{CANARY} too few", "who": "you", "problems": []})
    compared = factories.comparison(version, recipe=with_canary(factories.K_ANONYMOUS))
    foreseen = factories.forecast(version)
    assert CANARY in everything_kept()
    datasets.destroy_version(by=steward, version=version, reason="no longer needed")
    assert CANARY not in everything_kept()
    api = Api(steward)
    for address in (f"runs/{run.pk}", f"comparisons/{compared.pk}", f"comparisons/{foreseen.pk}", f"datasets/{version.dataset.slug}/runs"):
        assert api.get(address).status_code == 200, address
    api.client.force_login(steward)
    pages = [("run", run.pk), ("comparison", compared.pk), ("comparison", foreseen.pk), ("steward_dataset", version.dataset.slug)]
    for address in (reverse(name, args=[part]) for name, part in pages):
        assert api.client.get(address).status_code == 200, address


def test_what_an_approval_is_bound_to_stays_and_the_approved_is_still_published(version, steward):
    waiting = factories.review(factories.run(version, recipe=factories.DP_TABLE))
    names = list(version.columns.values_list("name", "role", "hierarchy"))
    datasets.destroy_version(by=steward, version=version, reason="no longer needed")
    assert list(version.columns.values_list("name", "role", "hierarchy")) == names
    assert not version.columns.exclude(reason="", title="", description="").exists()
    assert version.file_name == ""
    factories.decide(waiting, factories.officer(of=steward.organisation))
    waiting.refresh_from_db()
    assert factories.publish(waiting).state == "published"


def test_answers_kept_for_repeated_requests_go_with_the_version(steward, version):
    IdempotentAnswer.objects.create(
        user=steward, key="k", method="POST", path=f"/api/v1/datasets/{version.dataset.slug}/versions", request_sha256="0" * 64, status=202, body=f'{{"file_name": "{CANARY}"}}'
    )
    datasets.destroy_version(by=steward, version=version, reason="no longer needed")
    assert not IdempotentAnswer.objects.exists()
