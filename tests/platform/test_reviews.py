"""A review: nobody decides on their own, an approval is bound to bytes, the database says so too."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.datasets import services as datasets
from catalog.people.models import OfficerMandate, User
from catalog.publishing.models import Copy
from catalog.releases import services as runs
from catalog.releases import work
from catalog.releases.models import Run
from catalog.review import binding, selectors, services
from catalog.review.models import Decision, Involvement, Review
from catalog.review.policies import can_decide
from tests.intruder import unguarded
from tests.platform import makers

pytestmark = pytest.mark.django_db
WHY = "The measured risk is small enough for this use."


def decide(by: User, review: Review, verdict: str = "approve", code: str = "risk_acceptable", **changes) -> Decision:
    values = {"reason": WHY, "artefact_sha256": review.artefact_sha256, **changes}
    return services.decide(by=by, review=review, verdict=verdict, reason_code=code, **values)


def test_an_officer_approves_and_a_copy_is_ordered_in_the_same_transaction(review, officer):
    decision = decide(officer, review)
    review.refresh_from_db()
    assert (review.state, decision.artefact_sha256) == ("approved", review.artefact_sha256)
    assert Copy.objects.filter(review=review, state="waiting").exists()


@pytest.mark.parametrize(("verdict", "code", "state"), [("return", "more_protection", "returned"), ("reject", "risk_too_high", "rejected")])
def test_a_release_that_is_not_approved_is_not_copied(review, officer, verdict, code, state):
    decide(officer, review, verdict, code)
    review.refresh_from_db()
    assert review.state == state
    assert not Copy.objects.exists()


@pytest.mark.parametrize("how", list(Involvement.How.values))
def test_whoever_had_a_hand_in_it_cannot_decide_whatever_their_roles(review, how):
    everything = makers.user("steward", "officer", "lead_officer", "administrator", org=makers.organisation(), mandate=makers.organisation())
    User.objects.filter(pk=everything.pk).update(is_superuser=True, is_staff=True)
    Involvement.objects.create(review=review, user=everything, how=how)
    assert not can_decide(everything, review)
    with pytest.raises(NotAllowed, match="somebody else"):
        decide(everything, review)


def test_the_steward_who_is_also_an_officer_cannot_approve_their_own(review, steward):
    steward.groups.add(*makers.user("officer").groups.all())
    OfficerMandate.objects.create(user=steward, organisation=review.dataset.organisation)
    with pytest.raises(NotAllowed):
        decide(steward, review)


def test_the_database_refuses_a_decision_by_somebody_involved_even_when_code_forgets(review, steward):
    values = {"review": review, "verdict": "approve", "reason_code": "x", "reason": WHY, "decided_by": steward}
    hashes = {"artefact_sha256": review.artefact_sha256, "recipe_sha256": review.recipe_sha256}
    with pytest.raises(IntegrityError, match="nobody decides"), transaction.atomic():
        Decision.objects.create(**values, **hashes)


def test_the_database_refuses_a_decision_where_nobody_is_recorded_as_involved(review, officer):
    bare = Review.objects.create(
        run=review.run, dataset=review.dataset, state="withdrawn", artefact_sha256="0" * 64, recipe_sha256="0" * 64, version_sha256="0" * 64,
        submitted_by=review.submitted_by,
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="nobody decides"), transaction.atomic():
        Decision.objects.create(review=bare, verdict="approve", reason_code="x", reason=WHY, artefact_sha256="0" * 64, recipe_sha256="0" * 64, decided_by=officer)


def test_a_decision_and_an_involvement_are_never_changed_or_removed(review, officer):
    decision = decide(officer, review)
    for rows in (Decision.objects.filter(pk=decision.pk), Involvement.objects.filter(review=review)):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            rows.update(review=review)
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            rows._raw_delete(rows.db)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE review_decision SET verdict = 'reject'")


@pytest.mark.parametrize("who", ["nobody", "developer", "administrator", "auditor", "officer_elsewhere", "inactive"])
def test_only_an_active_officer_with_a_mandate_decides(review, officer, who):
    person = {
        "nobody": lambda: makers.user(), "developer": lambda: makers.user("developer"), "administrator": lambda: makers.user("administrator"),
        "auditor": lambda: makers.user("auditor"), "officer_elsewhere": lambda: makers.officer(makers.organisation("tax-office")),
        "inactive": lambda: officer,
    }[who]()  # fmt: skip
    if who == "inactive":
        User.objects.filter(pk=officer.pk).update(is_active=False)
        person.refresh_from_db()
    with pytest.raises(NotAllowed):
        decide(person, review)
    assert not Decision.objects.exists()


def test_a_mandate_taken_away_between_opening_and_deciding_counts(review, officer):
    services.open_review(by=officer, review=review)
    OfficerMandate.objects.filter(user=officer).delete()
    with pytest.raises(NotAllowed):
        decide(officer, review)


def test_a_decision_on_another_hash_than_the_one_under_review_is_refused(review, officer):
    with pytest.raises(Conflict, match="SHA-256"):
        decide(officer, review, artefact_sha256="0" * 64)


@pytest.mark.parametrize("change", [{"artefact_sha256": "1" * 64}, {"recipe_sha256": "1" * 64}])
def test_any_change_of_what_was_submitted_voids_the_review(review, officer, change):
    with unguarded("releases_run"):
        Run.objects.filter(pk=review.run_id).update(**change)
    with pytest.raises(Conflict, match="changed after it was submitted"):
        decide(officer, review)


@pytest.mark.parametrize("what", ["columns", "dataset", "hierarchy", "replaced hierarchy"])
def test_whoever_configured_anything_of_it_cannot_decide_even_if_another_ran_and_submitted_it(steward, what):
    both = makers.user("steward", "officer", org=steward.organisation, mandate=steward.organisation)
    dataset = makers.dataset(steward, population=makers.population())
    version = makers.ready_version(steward, dataset)
    if what == "columns":
        datasets.set_columns(by=both, version=version, columns={"fare": {"role": "plain"}})
    elif what == "dataset":
        datasets.update_dataset(by=both, dataset=dataset, description="Better words.")
    else:
        datasets.set_hierarchy_file(by=both, dataset=dataset, name="town.csv", content=b"north;*\nsouth;*\n")
    if what == "replaced hierarchy":
        datasets.set_hierarchy_file(by=steward, dataset=dataset, name="town.csv", content=b"north;n;*\nsouth;s;*\n")
    run = runs.request_run(by=steward, dataset=dataset, document=makers.DP_RECIPE)
    work.execute_run(run.pk)
    review = services.submit(by=steward, run=Run.objects.get(pk=run.pk))
    with pytest.raises(NotAllowed, match="configured"):
        decide(both, review)
    assert review.involved.filter(user=both, how="configured").exists()  # so the database refuses it as well


def test_an_officer_who_configures_something_after_the_submission_cannot_decide_either(review, steward):
    both = makers.user("steward", "officer", org=steward.organisation, mandate=steward.organisation)
    datasets.update_dataset(by=both, dataset=review.dataset, description="Better words.")
    with pytest.raises(NotAllowed, match="configured"):
        decide(both, review)


@pytest.mark.parametrize("change", ["role", "hierarchy", "code"])
def test_a_change_of_roles_hierarchies_or_code_voids_the_review(review, steward, officer, monkeypatch, change):
    if change == "role":
        datasets.set_columns(by=steward, version=review.run.version, columns={"town": {"role": "direct_identifier"}})
    elif change == "hierarchy":
        datasets.set_hierarchy_file(by=steward, dataset=review.dataset, name="town.csv", content=b"north;*\nsouth;*\n")
    else:
        monkeypatch.setattr(binding, "code_version", lambda: "0" * 64)
    with pytest.raises(Conflict, match="changed after it was submitted"):
        decide(officer, review)


def test_a_run_whose_roles_were_tightened_since_cannot_be_submitted(review, steward, officer):
    decide(officer, review, "return", "more_protection")
    datasets.set_columns(by=steward, version=review.run.version, columns={"town": {"role": "direct_identifier"}})
    with pytest.raises(Conflict, match="roles were changed"):
        services.submit(by=steward, run=Run.objects.get(pk=review.run_id))


def test_of_two_officers_who_decide_at_once_one_is_told_that_the_other_was_faster(review, officer):
    second = makers.officer()
    stale = Review.objects.get(pk=review.pk)
    decide(officer, review)
    with pytest.raises(Conflict):
        decide(second, stale, "reject", "risk_too_high")
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"verdict": "maybe"}, {"code": "other"}, {"reason": "ok"}, {"reason": " " * 50}, {"reason": "x" * 5001}], ids=str
)
def test_a_decision_without_a_proper_reason_is_refused(review, officer, change):
    with pytest.raises(Invalid):
        decide(officer, review, **change)


def test_a_run_is_under_one_review_at_a_time_and_can_come_again_after_it_was_returned(review, steward, officer):
    with pytest.raises(Conflict):
        services.submit(by=steward, run=review.run)
    decide(officer, review, "return", "more_protection")
    again = services.submit(by=steward, run=review.run)
    assert again.state == "submitted"


def test_the_steward_withdraws_before_the_decision_and_not_after(review, steward, officer):
    services.withdraw(by=steward, review=review)
    assert review.state == "withdrawn"
    with pytest.raises(Conflict):
        decide(officer, review)
    with pytest.raises(Conflict):
        services.withdraw(by=steward, review=review)


def test_the_queue_shows_what_waits_for_this_officer_longest_first_and_nothing_of_their_own(review, officer, steward):
    elsewhere = makers.officer(makers.organisation("tax-office"))
    assert list(selectors.queue(officer)) == [review]
    assert list(selectors.queue(elsewhere)) == []
    OfficerMandate.objects.create(user=steward, organisation=review.dataset.organisation)
    assert list(selectors.queue(steward)) == []


def test_red_flags_name_a_contract_that_forbids_and_microdata_of_the_same_people(steward, officer):
    dataset = makers.dataset(steward, source="purchased", contract=makers.CONTRACT, population=makers.population())
    makers.ready_version(steward, dataset)
    reviews = []
    for _ in range(2):
        run = runs.request_run(by=steward, dataset=dataset, document=makers.K_RECIPE)
        work.execute_run(run.pk)
        reviews.append(services.submit(by=steward, run=Run.objects.get(pk=run.pk)))
    decide(officer, reviews[0])
    found = [flag.code for flag in selectors.red_flags(reviews[1])]  # what attacks add to them is chance
    assert found[:3] == ["contract_forbids", "microdata_of_the_same_people", "microdata"]
    assert "not_assessed" not in found


def test_red_flags_name_a_method_that_can_be_refined_and_a_scan_of_people(review):
    def flags_of(recipe_stage, report) -> set[str]:
        run = Run.objects.get(pk=review.run_id)
        run.recipe, run.report = {"stages": [recipe_stage]}, report
        review.run = run
        return {flag.code for flag in selectors.red_flags(review)}

    micro = {"guarantee": {"family": "k_anonymity", "measured_k": 5}}
    assert "local_recoding" in flags_of({"stage": "k_anonymity", "method": "local_recoding"}, micro)
    assert "local_recoding" not in flags_of({"stage": "k_anonymity"}, micro)
    scanned = {"guarantee": {"family": "none"}, "internal": {"about_persons": True}}
    assert "about_persons" in flags_of({"stage": "scan"}, scanned)
    assert flags_of({"stage": "scan"}, {"guarantee": {"family": "none"}, "internal": {"about_persons": False}}) == set()
