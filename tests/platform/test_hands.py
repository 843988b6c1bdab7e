"""Whose hands were in a release: whatever was done on a version of its datasets counts, before and after it was submitted."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from catalog.audit.errors import NotAllowed
from catalog.people.models import OfficerMandate
from catalog.releases import services as releases
from catalog.releases.preview import preview
from catalog.review import policies, selectors, services
from catalog.review.binding import hands_in
from catalog.review.models import Decision, Involvement
from tests import factories
from tests.intruder import unguarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def home():
    return factories.organisation()


@pytest.fixture
def both(home):
    """A steward who has become an officer for the same organisation."""
    made = factories.steward("both", of=home)
    made.groups.add(Group.objects.get(name="officer"))
    OfficerMandate.objects.create(user=made, organisation=home)
    return made


@pytest.fixture
def colleague(home):
    return factories.steward("colleague", of=home)


@pytest.fixture
def dataset(colleague):
    return factories.dataset(colleague, "survey", population=factories.population())


@pytest.fixture
def version(dataset):
    return factories.version(dataset)


def tried(k: int) -> dict:
    return {**factories.K_ANONYMOUS, "stages": [{"stage": "k_anonymity", "k": k, "max_suppressed": "0.05"}]}


TRIES = {
    "a run": lambda both, version: factories.run(version, by=both, recipe=tried(3)),
    "a run that was cancelled": lambda both, version: releases.cancel(
        by=both, job=releases.request_run(by=both, dataset=version.dataset, document=tried(4))
    ),
    "a comparison": lambda both, version: factories.comparison(version, by=both),
    "an estimate": lambda both, version: factories.estimate(version, by=both),
    "a file": lambda both, version: factories.version(version.dataset, by=both),
}


def decide(by, review):
    return factories.decide(review, by)


def refused(by, review) -> bool:
    """By the pages' question, the service, and the queue alike."""
    assert not policies.can_decide(by, review)
    assert review not in selectors.queue(by)
    with pytest.raises(NotAllowed, match="somebody else must decide"):
        decide(by, review)
    return not Decision.objects.exists()


def test_who_ran_three_settings_cannot_approve_a_colleagues_rerun_of_one(both, version):
    for k in (3, 4, 5):
        factories.run(version, by=both, recipe=tried(k))
    assert refused(both, factories.review(factories.run(version, recipe=tried(5))))


@pytest.mark.parametrize("what", TRIES)
def test_what_was_done_on_an_earlier_version_counts(both, version, what):
    TRIES[what](both, version)
    newer = factories.version(version.dataset)
    assert refused(both, factories.review(factories.run(newer)))


@pytest.mark.parametrize("what", TRIES)
def test_what_was_done_after_the_submission_counts(both, version, what):
    review = factories.review(factories.run(version))
    assert policies.can_decide(both, review) and review in selectors.queue(both)
    TRIES[what](both, version)
    assert refused(both, review)


@pytest.mark.parametrize("what", TRIES)
def test_the_database_refuses_it_when_the_code_forgets_to_ask(both, version, what, monkeypatch):
    review = factories.review(factories.run(version))
    TRIES[what](both, version)
    monkeypatch.setattr(services, "check_can_decide", lambda by, review: None)
    with pytest.raises(NotAllowed, match="had a hand"):
        decide(both, review)
    assert not Decision.objects.exists()


def test_a_run_of_somebody_elses_table_to_which_the_rows_were_appended_counts(both, version, colleague):
    other = factories.dataset(colleague, "other", population=version.dataset.population)
    run = factories.run(factories.version(other), by=both)
    with unguarded("releases_run"):
        type(run).objects.filter(pk=run.pk).update(appended={"survey": {"version": version.pk, "sha256": version.sha256}})
    assert refused(both, factories.review(factories.run(version)))


def test_whoever_set_the_roles_of_an_earlier_version_counts(both, version):
    from catalog.datasets.services import set_columns

    set_columns(by=both, version=version, columns={"age": {"title": "Age in years"}})
    assert refused(both, factories.review(factories.run(factories.version(version.dataset))))


def test_what_was_done_on_another_dataset_does_not_count(both, version, colleague):
    factories.run(factories.version(factories.dataset(colleague, "another")), by=both)
    review = factories.review(factories.run(version))
    assert review in selectors.queue(both)
    assert decide(both, review).verdict == "approve"


def test_a_preview_reads_no_rows_and_leaves_no_hand(both, version):
    preview(by=both, dataset=version.dataset, document=factories.K_ANONYMOUS)
    assert both.pk not in {pk for pk, _ in hands_in(factories.run(version))}


def test_hands_since_the_submission_are_on_the_record_once_somebody_else_decides(both, version, home):
    review = factories.review(factories.run(version))
    factories.run(version, by=both)
    decide(factories.officer(of=home), review)
    assert Involvement.objects.filter(review=review, user=both, how="ran").exists()
