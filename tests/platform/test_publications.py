"""A publication: exactly the approved bytes; stopped by one person, at once."""

from __future__ import annotations

import hashlib
import io
import json

import pyarrow.parquet as pq
import pytest
from django.db import IntegrityError, transaction

from catalog.audit.errors import Conflict, Gone, Invalid, NotAllowed
from catalog.datasets import vault
from catalog.datasets.services import set_columns
from catalog.publishing import selectors, services, store
from catalog.publishing.models import Copy, Publication
from catalog.releases import services as runs
from catalog.releases import work
from catalog.releases.models import Run
from catalog.review import services as reviews
from tests.intruder import unguarded
from tests.platform import makers

pytestmark = pytest.mark.django_db
WHY = "A column turned out to be wrong in this release."


@pytest.fixture
def approve(steward, officer, dataset):
    """Take a recipe from request to approval; returns the ordered copy."""

    def go(recipe=makers.DP_RECIPE) -> Copy:
        run = runs.request_run(by=steward, dataset=dataset, document=recipe)
        work.execute_run(run.pk)
        review = reviews.submit(by=steward, run=Run.objects.get(pk=run.pk))
        reviews.decide(
            by=officer, review=review, verdict="approve", reason_code="risk_acceptable", reason=WHY, artefact_sha256=review.artefact_sha256
        )
        return Copy.objects.get(review=review)

    return go


def test_the_published_bytes_are_those_that_the_officer_approved(approve):
    copy = approve()
    services.publish(copy.pk)
    publication = Publication.objects.get()
    bytes_ = store.local_path(publication.store_name, publication.artefact_sha256).read_bytes()
    assert hashlib.sha256(bytes_).hexdigest() == copy.review.decisions.get().artefact_sha256
    assert pq.read_table(io.BytesIO(bytes_)).num_rows == publication.rows == 2


def test_an_artefact_changed_after_the_approval_is_not_published(approve, tmp_path):
    copy = approve()
    forged = tmp_path / "forged"
    forged.write_bytes(b"other bytes")
    Run.objects.filter(pk=copy.review.run_id).update(artefact_name=vault.seal_file(forged, prefix="runs", into="artefacts").name)
    services.publish(copy.pk)
    copy.refresh_from_db()
    assert (copy.state, copy.error["code"]) == ("refused", "artefact_mismatch")
    assert not Publication.objects.exists()


@pytest.mark.parametrize("field", ["artefact_sha256", "recipe_sha256"])
def test_a_run_that_no_longer_speaks_of_the_approved_hash_is_not_published(approve, field):
    copy = approve()
    with unguarded("releases_run"):
        Run.objects.filter(pk=copy.review.run_id).update(**{field: "1" * 64})
    services.publish(copy.pk)
    copy.refresh_from_db()
    assert copy.state == "refused"


def test_publishing_twice_has_one_effect(approve):
    copy = approve()
    services.publish(copy.pk)
    services.publish(copy.pk)
    assert Publication.objects.count() == 1


def test_a_copy_whose_worker_died_is_taken_up_again(approve, rung):
    copy = approve()
    services.claim(Copy.objects.filter(pk=copy.pk), old="waiting", new="copying")
    Copy.objects.filter(pk=copy.pk).update(lease_until="2020-01-01T00:00Z")
    services.sweep_copies()
    assert ("publishing.publish", copy.pk) in rung
    services.publish(copy.pk)
    assert Publication.objects.get().number == 1


def test_a_new_release_supersedes_the_one_before_which_stays_readable_under_its_number(approve, dataset):
    services.publish(approve().pk)
    services.publish(approve().pk)
    old, new = dataset.publications.order_by("number")
    assert (old.state, new.state, old.superseded_by) == ("superseded", "published", new)
    assert selectors.readable(old) == old
    assert selectors.current(dataset) == new


def test_what_is_public_of_a_release_names_no_person_key_and_no_exact_count(approve):
    services.publish(approve().pk)
    publication = Publication.objects.get()
    shown = json.dumps([publication.public_recipe, publication.public_report, publication.columns])
    assert '"person_key"' not in shown
    assert '"person"' not in json.dumps(publication.public_recipe)
    assert "internal" not in publication.public_report
    assert publication.public_report["guarantee"]["family"] == "differential_privacy"
    assert "rows_before_bounding" not in shown


@pytest.mark.parametrize("stop", [services.suspend, services.withdraw])
def test_one_person_stops_a_release_at_once_and_a_tombstone_says_why(approve, officer, dataset, stop):
    services.publish(approve().pk)
    publication = Publication.objects.get()
    stop(by=officer, publication=publication, reason=WHY)
    with pytest.raises(Gone, match="turned out to be wrong"):
        selectors.readable(publication)
    with pytest.raises(Gone):
        selectors.newest_or_gone(dataset)
    with pytest.raises(Conflict):
        services.suspend(by=officer, publication=publication, reason=WHY)


def test_a_tombstone_tells_when_it_was_stopped_not_when_it_was_published(approve, officer):
    services.publish(approve().pk)
    publication = Publication.objects.get()
    published = publication.changed_at
    services.suspend(by=officer, publication=publication, reason=WHY)
    with pytest.raises(Gone) as gone:
        selectors.readable(publication)
    assert publication.changed_at > published
    assert gone.value.extra["since"] == publication.changed_at.isoformat().replace("+00:00", "Z")


def test_roles_changed_between_approval_and_publication_stop_it(approve, steward):
    copy = approve()
    set_columns(by=steward, version=copy.review.run.version, columns={"town": {"role": "direct_identifier"}})
    services.publish(copy.pk)
    copy.refresh_from_db()
    assert (copy.state, copy.error["code"]) == ("refused", "artefact_mismatch")


def test_a_withdrawn_file_leaves_the_public_store_and_a_suspended_one_stays(approve, officer, django_capture_on_commit_callbacks):
    services.publish(approve().pk)
    publication = Publication.objects.get()
    services.suspend(by=officer, publication=publication, reason=WHY)
    assert store.store("public").exists(publication.store_name)
    with django_capture_on_commit_callbacks(execute=True):
        services.withdraw(by=officer, publication=publication, reason=WHY)
    services.remove_withdrawn(publication.pk)
    assert not store.store("public").exists(publication.store_name)


def test_starting_again_takes_a_new_decision(approve, officer, dataset):
    services.publish(approve().pk)
    services.suspend(by=officer, publication=Publication.objects.get(), reason=WHY)
    services.publish(approve().pk)
    assert selectors.current(dataset).number == 2


def test_a_stranger_stops_nothing_and_no_reason_is_no_reason(approve, officer):
    services.publish(approve().pk)
    publication = Publication.objects.get()
    for stranger in (makers.user("developer"), makers.officer(makers.organisation("tax-office")), makers.user("administrator")):
        with pytest.raises(NotAllowed):
            services.suspend(by=stranger, publication=publication, reason=WHY)
    with pytest.raises(Invalid):
        services.suspend(by=officer, publication=publication, reason="no")


def test_the_database_keeps_one_current_release_per_dataset_and_a_reason_for_each_stop(approve):
    services.publish(approve().pk)
    services.publish(approve().pk)
    for wrong in ({"state": "published"}, {"state": "suspended"}, {"tombstone": "gone"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Publication.objects.filter(state="superseded").update(**wrong)


def test_the_public_store_keeps_nothing_under_a_hash_that_is_not_its_own(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    with pytest.raises(store.ArtefactMismatch):
        store.keep(path, "0" * 64)
    digest = hashlib.sha256(b"abc").hexdigest()
    assert store.keep(path, digest) == store.keep(path, digest)


def test_the_catalogue_finds_by_words_and_counts_its_facets(approve, dataset):
    assert not selectors.find(selectors.Search()).exists()
    services.publish(approve().pk)
    found = selectors.find(selectors.Search(q="tri"))
    assert [d.pk for d in found] == [dataset.pk]
    assert selectors.facets(found)["guarantee"] == [{"value": "differential_privacy", "label": "differential_privacy", "count": 1}]
    for nothing in ({"q": "zebra"}, {"source": "purchased"}, {"theme": "health"}, {"organisation": "x"}, {"guarantee": "none"}):
        assert not selectors.find(selectors.Search(**nothing)).exists()
