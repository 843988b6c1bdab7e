"""Keys of pseudonyms on the platform: one a run, thrown away; or one a dataset, which only workers can open."""

from __future__ import annotations

import io
import logging
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from django.db import IntegrityError, OperationalError, transaction

from catalog.audit.errors import Invalid, PlatformError
from catalog.audit.models import TrailEntry
from catalog.datasets import pseudonym_keys, vault
from catalog.datasets.models import PseudonymKey
from catalog.datasets.pseudonym_keys import RunKeys, dataset_key
from catalog.publishing import words
from catalog.publishing.services import public_recipe
from catalog.releases import services, work
from catalog.releases.models import Run
from catalog.review.selectors import red_flags
from tests import factories
from tests.platform import makers

pytestmark = pytest.mark.django_db
REASON = "the institute follows patients over the years"
ROLES = {"person": "person_key", "age": "quasi_identifier", "card": "direct_identifier", "fare": "plain"}


@pytest.fixture
def steward():
    return makers.steward()


@pytest.fixture
def dataset(steward):
    made = makers.dataset(steward)
    rows = pd.DataFrame([{"person": f"p{i}", "age": 20 + i % 2, "card": f"card {i:04}", "fare": i % 3} for i in range(30)])
    makers.ready_version(steward, made, rows, ROLES)
    return made


def recipe(how: dict[str, Any] | None = None, column: str = "card") -> dict[str, Any]:
    return {
        "recipe": 1, "title": "Trips, one row each", "person_key": "person", "stages": [{"stage": "k_anonymity", "k": 5}],
        "columns": {"age": {"role": "quasi_identifier"}, column: {"role": "direct_identifier", "release_as": how or lasting()}},
    }  # fmt: skip


def lasting() -> dict[str, Any]:
    return {"as": "pseudonym", "key": "dataset", "reason": REASON}


def released(run: Run) -> list[str]:
    """The pseudonyms of an assessed run."""
    run.refresh_from_db()
    assert run.error is None
    sink = io.BytesIO()
    vault.unseal(run.artefact_name, sink, out_of="artefacts")
    return pq.read_table(io.BytesIO(sink.getvalue()))["card"].to_pylist()


def ran(steward: Any, dataset: Any, how: dict[str, Any] | None = None) -> Run:
    run = services.request_run(by=steward, dataset=dataset, document=recipe(how))
    work.execute_run(run.pk)
    return run


# --- the key of a run, the key of a dataset --------------------------------------------------------------------------


def test_releases_of_a_dataset_share_their_pseudonyms_only_if_the_recipe_says_so(steward, dataset):
    same = [set(released(ran(steward, dataset))) for _ in range(2)]
    assert same[0] == same[1] and len(same[0]) == 30
    assert not set(released(ran(steward, dataset, {"as": "pseudonym"}))) & same[0]


def test_two_datasets_have_two_keys_and_a_run_has_one_of_its_own(steward, dataset):
    other = makers.dataset(steward)
    assert dataset_key(dataset) == dataset_key(dataset) == RunKeys(dataset).key("dataset") != dataset_key(other)
    assert len({RunKeys(dataset).key("release"), RunKeys(dataset).key("release"), dataset_key(dataset)}) == 3


def test_a_run_that_keeps_no_key_leaves_none(steward, dataset):
    ran(steward, dataset, {"as": "pseudonym"})
    assert not PseudonymKey.objects.exists()


def test_the_key_stands_sealed_and_in_no_log_trail_report_or_error(steward, dataset, caplog):
    with caplog.at_level(logging.DEBUG):
        run = ran(steward, dataset)
    key = dataset_key(dataset)
    sealed = vault.store("vault").open(PseudonymKey.objects.get().sealed_name).read()
    run.refresh_from_db()
    told = f"{caplog.text}{run.report}{run.recipe}{list(TrailEntry.objects.values())}{RunKeys(dataset)!r}"
    assert key not in sealed and key.hex() not in told and repr(key)[2:-1] not in told
    assert sealed.startswith(b"age-encryption.org/v1")
    assert TrailEntry.objects.filter(action="pseudonym_key.made", subject_type="dataset", subject_id=str(dataset.pk)).count() == 1


def test_a_process_without_the_vaults_identity_cannot_have_it(steward, dataset, settings):
    dataset_key(dataset)
    settings.VAULT_IDENTITY_FILE = ""
    with pytest.raises(vault.VaultLocked):
        dataset_key(dataset)
    run = ran(steward, dataset)
    run.refresh_from_db()
    assert (run.state, run.error["code"]) == ("failed", "vault_locked")


def test_of_two_workers_that_make_the_key_at_once_one_wins_and_the_other_uses_it(dataset, monkeypatch):
    """The second has looked before the first has written: it seals a key of its own, finds the row, and destroys its own."""
    first = dataset_key(dataset)
    destroyed: list[str] = []
    monkeypatch.setattr(vault, "destroy", lambda name, **_: destroyed.append(name))
    made = pseudonym_keys._made(dataset)
    assert PseudonymKey.objects.get() == made
    assert dataset_key(dataset) == first
    assert len(destroyed) == 1 and destroyed[0] != made.sealed_name


def test_the_database_keeps_one_key_a_dataset_and_refuses_to_change_it(dataset):
    dataset_key(dataset)
    kept = PseudonymKey.objects.get()
    for change in (
        lambda: PseudonymKey.objects.create(dataset=dataset, sealed_name="keys/other.age", sha256="0" * 64),
        lambda: PseudonymKey.objects.filter(pk=kept.pk).update(sealed_name="keys/other.age"),
        kept.delete,
    ):
        with pytest.raises((IntegrityError, OperationalError)), transaction.atomic():
            change()


def test_a_key_that_is_not_the_one_that_was_made_is_not_used(steward, dataset):
    vault_name = vault.seal(io.BytesIO(b"k" * 32), prefix="keys").name
    PseudonymKey.objects.create(dataset=dataset, sealed_name=vault_name, sha256="0" * 64)
    with pytest.raises(PlatformError, match="not the one that was made"):
        dataset_key(dataset)
    run = ran(steward, dataset)
    run.refresh_from_db()
    assert run.state == "failed"


# --- what a recipe may ask for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{"as": "pseudonym"}, {"as": "truncated", "keep": 3}, {"as": "surrogate", "kind": "same_format"}], ids=lambda how: how["as"])
def test_nothing_that_is_made_of_the_person_key_is_released(steward, dataset, how):
    with pytest.raises(Invalid, match="person key of this version") as refused:
        services.request_run(by=steward, dataset=dataset, document={key: part for key, part in recipe(how, column="person").items() if key != "person_key"})
    assert [problem.pointer for problem in refused.value.problems] == ["/columns/person/release_as", "/person_key"]


@pytest.mark.parametrize("key", [None, "card"])
def test_a_recipe_cannot_forget_whose_row_it_is(steward, dataset, key):
    """Counted in rows, a thousand rows of one person would be a class of a thousand."""
    made = {name: part for name, part in recipe({"as": "pseudonym"}).items() if name != "person_key"}
    if key is not None:
        made |= {"person_key": key, "columns": {"age": {"role": "quasi_identifier"}}}
    with pytest.raises(Invalid, match="rows are no persons") as refused:
        services.request_run(by=steward, dataset=dataset, document=made)
    assert refused.value.problems[0].pointer == "/person_key"


# --- what the officer and the public see -----------------------------------------------------------------------------


def flags_of(how: dict[str, Any], report: dict[str, Any] | None = None) -> dict[str, tuple[str, str]]:
    owner = factories.steward()
    version = factories.version(factories.dataset(owner))
    version.columns.filter(name="answer").update(role="direct_identifier")
    asked = {**factories.K_ANONYMOUS, "columns": {**factories.K_ANONYMOUS["columns"], "answer": {"role": "direct_identifier", "release_as": how}}}
    run = factories.run(version, recipe=asked)
    Run.objects.filter(pk=run.pk).update(report={**run.report, "internal": report or {}})
    run.refresh_from_db()
    return {flag.code: (flag.level, flag.figure) for flag in red_flags(factories.review(run))}


def test_pseudonyms_are_a_red_flag_with_their_number_and_lasting_ones_with_their_reason():
    assert flags_of({"as": "pseudonym"})["pseudonyms"] == ("warning", "1 (answer)")


def test_lasting_pseudonyms_stop_the_officer_with_the_stewards_reason():
    found = flags_of(lasting())
    assert found["lasting_pseudonyms"] == ("stop", f"answer: {REASON}") and "pseudonyms" not in found


@pytest.mark.parametrize("how", [{"as": "truncated", "keep": 1}, {"as": "surrogate", "kind": "same_format"}], ids=lambda how: how["as"])
def test_surrogates_and_truncated_codes_are_no_red_flag(how):
    assert not {"pseudonyms", "lasting_pseudonyms"} & set(flags_of(how))


def test_a_column_that_puts_rows_together_is_a_red_flag_from_one_row_in_a_hundred_on():
    assert flags_of({"as": "pseudonym"}, {"linked_rows": {"receipt": 0.31, "fare": 0.001}})["linked_rows"] == ("warning", "receipt 31%")


@pytest.mark.parametrize("code", ["pseudonyms", "lasting_pseudonyms", "linked_rows"])
def test_every_flag_is_said_in_words_with_its_figure(code):
    assert "the figure" in words.flag_sentence(code, "the figure")


def test_readers_are_told_that_pseudonyms_last():
    promise = {"family": "k_anonymity", "pseudonyms": "dataset"}
    assert "same in other releases" in words.limits(promise)
    assert "same in other releases" not in words.limits({**promise, "pseudonyms": "release"})


def test_the_public_recipe_names_an_identifier_only_if_something_of_it_left():
    shown = public_recipe({**recipe(), "columns": {**recipe()["columns"], "name": {"role": "direct_identifier"}, "person": {"role": "person_key"}}})
    assert set(shown["columns"]) == {"age", "card"}
