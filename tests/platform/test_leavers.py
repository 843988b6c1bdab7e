"""What somebody leaves behind: open work is listed, a review in hand is put back, datasets are handed over."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command

from catalog.audit.errors import Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.datasets import services as datasets
from catalog.datasets.policies import can_hand_over
from catalog.people import leaving, open_work
from catalog.people import services as people
from catalog.people.models import OfficerMandate
from catalog.releases import services as releases
from catalog.releases.models import Run
from catalog.review import selectors, services
from catalog.review.policies import can_decide
from tests import factories

pytestmark = pytest.mark.django_db
WHY = "Left the city."


@pytest.fixture
def home():
    return factories.organisation()


@pytest.fixture
def boss():
    return factories.user("boss", "administrator")


@pytest.fixture
def steward(home):
    return factories.steward(of=home)


@pytest.fixture
def officer(home):
    return factories.officer(of=home)


@pytest.fixture
def review(steward):
    return factories.review(factories.run(factories.version(factories.dataset(steward, "waiting"))))


def kinds(user) -> list[tuple[str, str]]:
    return [(work.kind, work.name) for work in open_work.of(user)]


def test_a_stewards_open_work(steward, home):
    population = factories.population(home)
    for slug in ("a-submission", "b-finished", "c-running", "d-upload"):
        factories.dataset(steward, slug, population=population)
    by_slug = {dataset.slug: dataset for dataset in steward.datasets.all()}
    factories.review(factories.run(factories.version(by_slug["a-submission"])))
    factories.run(factories.version(by_slug["b-finished"]))
    on = factories.version(by_slug["c-running"])
    releases.request_run(by=steward, dataset=on.dataset, document=factories.K_ANONYMOUS)
    version = factories.version(by_slug["d-upload"])
    type(version).objects.filter(pk=version.pk).update(state="received")
    factories.key(steward)
    assert kinds(steward) == [
        ("dataset", "a-submission"), ("dataset", "b-finished"), ("dataset", "c-running"), ("dataset", "d-upload"), ("version", "d-upload"),
        ("run", "c-running"), ("run_not_submitted", "b-finished"), ("submission", "a-submission"), ("key", "for a test"),
    ]  # fmt: skip


@pytest.mark.parametrize("ask", ["request_comparison", "request_estimate"])
def test_comparisons_and_estimates_that_workers_have_are_open_work(steward, home, ask):
    from catalog.releases import comparisons, estimates

    on = factories.version(factories.dataset(steward, "asked", population=factories.population(home)))
    if ask == "request_comparison":
        comparisons.request_comparison(by=steward, dataset=on.dataset, document=factories.K_ANONYMOUS, ks=[3])
    else:
        estimates.request_estimate(by=steward, dataset=on.dataset, document=factories.DP_TABLE)
    assert (ask.removeprefix("request_"), "asked") in kinds(steward)


def test_an_officers_open_work_says_what_nobody_else_may_decide(review, officer, home):
    assert kinds(officer) == [("decision_theirs_alone", "waiting")]
    factories.officer("second", of=home)
    assert kinds(officer) == [("decision_waiting", "waiting")]
    services.open_review(by=officer, review=review)
    assert kinds(officer) == [("review_in_hand", "waiting")]


def test_what_workers_have_goes_on_when_the_account_is_closed_and_stays_listed(boss, steward):
    on = factories.version(factories.dataset(steward, "running"))
    run = releases.request_run(by=steward, dataset=on.dataset, document=factories.K_ANONYMOUS)
    leaving.close_account(by=boss, user=steward, reason=WHY)
    assert Run.objects.get(pk=run.pk).state == "queued"
    assert kinds(steward) == [("dataset", "running"), ("run", "running")]


LOSSES = {
    "the account": lambda boss, officer, home: leaving.close_account(by=boss, user=officer, reason=WHY),
    "the role": lambda boss, officer, home: people.withdraw_role(by=boss, user=officer, role="officer"),
    "the mandate": lambda boss, officer, home: people.withdraw_mandate(by=boss, user=officer, organisation=home),
}


@pytest.mark.parametrize("what", LOSSES)
def test_a_review_in_the_hands_of_somebody_who_loses_it_waits_for_another_officer(boss, officer, home, review, what):
    second = factories.officer("second", of=home)
    services.open_review(by=officer, review=review)
    LOSSES[what](boss, officer, home)
    review.refresh_from_db()
    assert (review.state, review.officer) == ("submitted", None)
    entry = TrailEntry.objects.get(action="review.put_back")
    assert (entry.actor, entry.subject_id, entry.detail["to"]) == (boss, str(review.pk), "submitted")
    assert review in selectors.queue(second)
    services.open_review(by=second, review=review)
    assert factories.decide(review, second).verdict == "approve"


def test_a_review_stays_in_the_hands_of_somebody_who_may_still_decide(boss, officer, home, review):
    elsewhere = factories.organisation("elsewhere", "Elsewhere")
    OfficerMandate.objects.create(user=officer, organisation=elsewhere)
    officer.groups.add(Group.objects.get(name="auditor"))
    services.open_review(by=officer, review=review)
    people.withdraw_mandate(by=boss, user=officer, organisation=elsewhere)
    people.withdraw_role(by=boss, user=officer, role="auditor")
    review.refresh_from_db()
    assert (review.state, review.officer) == ("in_review", officer)


# --- handing over ------------------------------------------------------------------------------------------------


def test_an_administrator_hands_a_dataset_to_another_steward_of_its_organisation(boss, steward, home):
    dataset, heir = factories.dataset(steward), factories.steward("heir", of=home)
    leaving.close_account(by=boss, user=steward, reason=WHY)
    datasets.hand_over(by=boss, dataset=dataset, to=heir)
    dataset.refresh_from_db()
    assert dataset.steward == heir
    assert kinds(steward) == []
    entry = TrailEntry.objects.get(action="dataset.handed_over")
    assert (entry.actor, entry.detail) == (boss, {"from": steward.pk, "to": heir.pk})


def test_nobody_takes_over_who_could_not_be_its_steward(boss, steward, home):
    dataset = factories.dataset(steward)
    closed = factories.steward("closed", of=home)
    leaving.close_account(by=boss, user=closed, reason=WHY)
    elsewhere = factories.steward("stranger", of=factories.organisation("elsewhere", "Elsewhere"))
    for to in (closed, elsewhere, factories.user("officer", "officer", organisation=home), steward):
        assert not can_hand_over(boss, dataset, to)
        for by in (boss, None):
            with pytest.raises(Invalid):
                datasets.hand_over(by=by, dataset=dataset, to=to)


@pytest.mark.parametrize("role", ["steward", "officer", "lead_officer", "developer", "auditor"])
def test_only_administrators_hand_over(steward, home, role):
    dataset, heir = factories.dataset(steward), factories.steward("heir", of=home)
    someone = factories.user("someone", role, organisation=home, mandates=[home])
    assert not can_hand_over(someone, dataset, heir)
    with pytest.raises(NotAllowed):
        datasets.hand_over(by=someone, dataset=dataset, to=heir)


def test_a_hand_in_a_dataset_does_not_end_with_handing_it_over(boss, steward, home):
    dataset, heir, third = factories.dataset(steward), factories.steward("heir", of=home), factories.steward("third", of=home)
    version = factories.version(dataset, by=third)
    datasets.hand_over(by=boss, dataset=dataset, to=heir)
    datasets.hand_over(by=boss, dataset=dataset, to=third)
    dataset.refresh_from_db()
    version.dataset.refresh_from_db()
    review = factories.review(factories.run(version, by=third), by=third)
    for user in (steward, heir, third):
        user.groups.add(Group.objects.get(name="officer"))
        OfficerMandate.objects.create(user=user, organisation=home)
        assert not can_decide(user, review), user


def test_the_operator_hands_over_on_the_command_line(steward, home, capsys):
    factories.dataset(steward), factories.steward("heir", of=home)
    call_command("hand_over", "survey", "heir")
    assert "heir is the steward of survey" in capsys.readouterr().out
    for wrong in (("nothing", "heir"), ("survey", "nobody"), ("survey", "heir")):
        with pytest.raises(CommandError):
            call_command("hand_over", *wrong)


def test_the_command_that_closes_an_account_lists_what_is_open(steward, capsys):
    factories.dataset(steward)
    call_command("close_account", "steward", "--reason", WHY)
    assert "open: dataset" in capsys.readouterr().out
