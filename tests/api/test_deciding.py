"""Deciding and stopping over the API: never on one's own work, only on the hash that was seen, and stopping is at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from catalog.api.idempotency import HEADER
from catalog.datasets.services import set_hierarchy_file
from catalog.publishing import services as publishing
from catalog.publishing.models import Copy
from catalog.review.models import Decision, Involvement, Review
from catalog.review.states import WAITING
from tests import factories
from tests.api.client import Api
from tests.api.test_reading import body

STOP = {"reason": "A mistake was found in the source."}


def verdict(sha256: str, **changes: Any) -> dict[str, Any]:
    said = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": factories.REASON, "artefact_sha256": sha256}
    return {**said, **changes}


@pytest.fixture
def steward(db):
    return factories.steward()


@pytest.fixture
def officer(db):
    return factories.officer()


@pytest.fixture
def review(steward):
    return factories.review(factories.run(factories.version(factories.dataset(steward))))


def both_hats(name: str) -> Any:
    """Somebody who is a steward and an officer of the same organisation."""
    here = factories.organisation()
    return factories.user(name, "steward", "officer", organisation=here, mandates=[here])


# --- nobody decides on what they had a hand in ---------------------------------------------------------------------


def made_by(how: str, both: Any, steward: Any) -> Review:
    """A review in whose making ``both`` had exactly this hand."""
    dataset = factories.dataset(both if how == "configured" else steward, "mixed")
    if how == "ladder":
        set_hierarchy_file(by=both, dataset=dataset, name="age.csv", content=b"1;*\n")
    version = factories.version(dataset, by=both if how == "uploaded" else steward)
    run = factories.run(version, by=both if how == "ran" else steward)
    return factories.review(run, by=both if how == "submitted" else steward)


@pytest.mark.parametrize("how", ["uploaded", "configured", "ladder", "ran", "submitted"])
def test_nobody_decides_on_what_they_had_a_hand_in(steward, officer, how):
    both = both_hats("both")
    review = made_by(how, both, steward)
    caller = Api(both)
    assert caller.get("reviews", state="waiting").json()["results"] == []
    shown = caller.get(f"reviews/{review.pk}").json()
    assert shown["may_decide"] is False
    assert {"user": "both", "how": "configured" if how == "ladder" else how} in shown["involved"]
    for route, said in (("opening", None), ("decisions", verdict(review.artefact_sha256))):
        refused = caller.post(f"reviews/{review.pk}/{route}", said)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert not Decision.objects.exists()
    assert Api(officer).post(f"reviews/{review.pk}/decisions", verdict(review.artefact_sha256)).status_code == 201


def test_the_database_refuses_them_too(review, steward):
    """The fault is planted: code that forgets to ask."""
    said = {"verdict": "approve", "reason_code": "risk_acceptable", "reason": factories.REASON}
    hashes = {"artefact_sha256": review.artefact_sha256, "recipe_sha256": review.recipe_sha256}
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(review=review, decided_by=steward, **said, **hashes)
    assert Involvement.objects.filter(review=review, user=steward).exists()


# --- on exactly these bytes, once --------------------------------------------------------------------------------


def test_a_decision_on_another_hash_is_no_decision(review, officer):
    refused = Api(officer).post(f"reviews/{review.pk}/decisions", verdict("0" * 64))
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    review.refresh_from_db()
    assert review.state in WAITING


def test_of_two_officers_at_once_one_decides_and_the_other_is_told(review, officer):
    second = Api(factories.officer("second"))
    Api(officer).post(f"reviews/{review.pk}/opening")
    assert second.get(f"reviews/{review.pk}").json()["officer"] == "officer"
    assert Api(officer).post(f"reviews/{review.pk}/decisions", verdict(review.artefact_sha256)).status_code == 201
    late = second.post(f"reviews/{review.pk}/decisions", verdict(review.artefact_sha256, verdict="reject", reason_code="risk_too_high"))
    assert late.status_code == 409
    assert Copy.objects.count() == 1


def test_a_decision_sent_twice_with_one_key_is_recorded_once(review, officer):
    caller, said = Api(officer), verdict(review.artefact_sha256)
    first = caller.post(f"reviews/{review.pk}/decisions", said, **{HEADER: "d-1"})
    again = caller.post(f"reviews/{review.pk}/decisions", said, **{HEADER: "d-1"})
    assert (again.status_code, again.json()) == (201, first.json())
    assert caller.post(f"reviews/{review.pk}/decisions", {**said, "reason": "Something else entirely."}, **{HEADER: "d-1"}).status_code == 422
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "perhaps"}, {"reason": "short"}, {"reason": " " * 20}, {"reason_code": "risk_too_high"}, {"reason_code": "none"},
        {"artefact_sha256": "abc"}, {"artefact_sha256": None}, {"verdict": None}, {"colour": "red"}, {"reason": "a\0bcdefghijkl"},
    ],
)  # fmt: skip
def test_a_decision_that_does_not_say_what_and_why_is_refused(review, officer, wrong):
    refused = Api(officer).post(f"reviews/{review.pk}/decisions", verdict(review.artefact_sha256, **wrong))
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"].removeprefix("/") in wrong


@pytest.mark.parametrize(("outcome", "code", "state"), [("return", "more_protection", "returned"), ("reject", "risk_too_high", "rejected")])
def test_what_is_not_approved_is_not_published(review, officer, outcome, code, state):
    Api(officer).post(f"reviews/{review.pk}/decisions", verdict(review.artefact_sha256, verdict=outcome, reason_code=code))
    assert Api(officer).get(f"reviews/{review.pk}").json()["state"] == state
    assert not Copy.objects.exists()
    assert Api().get("datasets/survey/records").status_code == 404


def test_a_submission_is_taken_back_before_it_is_decided_and_not_after(review, steward, officer):
    assert Api(steward).post(f"reviews/{review.pk}/withdrawal").json()["state"] == "withdrawn"
    assert Api(officer).post(f"reviews/{review.pk}/decisions", verdict(review.artefact_sha256)).status_code == 409
    again = Api(steward).post(f"runs/{review.run_id}/submission", {}).json()["id"]
    assert Api(steward).post(f"runs/{review.run_id}/submission", {}).status_code == 409
    assert Api(officer).post(f"reviews/{again}/decisions", verdict(review.artefact_sha256)).status_code == 201
    assert Api(steward).post(f"reviews/{again}/withdrawal").status_code == 409


def test_the_queue_is_longest_waiting_first_and_other_lists_newest_first(review, officer, steward):
    later = factories.review(factories.run(factories.version(review.dataset)))
    caller = Api(officer)
    assert [r["id"] for r in caller.get("reviews", state="waiting").json()["results"]] == [review.pk, later.pk]
    assert [r["id"] for r in Api(steward).get("reviews").json()["results"]] == [later.pk, review.pk]
    assert [r["id"] for r in caller.get("reviews", state="approved").json()["results"]] == []
    assert caller.get("reviews", state="lost").status_code == 400


def test_the_review_shows_the_budget_after_the_release_and_earlier_ones(steward, officer):
    factories.publication("counted", recipe=factories.DP_TABLE)
    dataset = factories.Dataset.objects.get(slug="counted")
    waiting = factories.review(factories.run(factories.version(dataset), recipe=factories.DP_TABLE))
    shown = Api(officer).get(f"reviews/{waiting.pk}").json()
    assert (shown["budget"]["spent"]["epsilon"], shown["budget"]["left"]["epsilon"]) == ("2", "8")
    assert len(shown["earlier_releases"]) == 1
    assert [entry["action"] for entry in shown["record"]] == ["run.requested", "review.submitted"]


# --- stopping ----------------------------------------------------------------------------------------------------

ROUTES = (
    "datasets/survey/records", "datasets/survey/releases/1/records", "datasets/survey/releases/1", "datasets/survey/exports/csv",
    "datasets/survey/exports/parquet", "datasets/survey/releases/1/exports/parquet", "datasets/survey/releases/1/exports/jsonl",
)  # fmt: skip


@pytest.fixture
def release(steward, officer):
    return factories.publication("survey", by=steward, officer_=officer)


@pytest.mark.parametrize("how", ["suspension", "withdrawal"])
def test_a_stopped_release_is_gone_everywhere_at_once_even_for_those_who_hold_it(release, officer, how):
    anyone = Api()
    tags = {route: anyone.get(route)["ETag"] for route in ROUTES}
    following = anyone.get("datasets/survey/records?limit=5").json()["next_cursor"]
    stopped = Api(officer).post(f"releases/{release.pk}/{how}", STOP)
    assert (stopped.status_code, stopped.json()["tombstone"]["reason"]) == (200, STOP["reason"])
    for route in (*ROUTES, f"datasets/survey/records?limit=5&cursor={following}"):
        held = {"If-None-Match": tags.get(route, "*"), "Range": "bytes=0-9"}
        gone = anyone.client.get(f"/api/v1/{route}", headers=held)
        assert (gone.status_code, gone["Cache-Control"], "ETag" in gone) == (410, "no-store", False), route
        said = gone.json()
        assert (said["code"], said["reason"], said["state"]) == ("withdrawn", STOP["reason"], stopped.json()["state"])
        assert "11110" not in body(gone).decode()
    assert Api(factories.user("dev", "developer")).get("datasets/survey/records").status_code == 410


def test_a_stopped_release_leaves_a_tombstone_where_it_was_listed(release, officer):
    before = Api().get("datasets/survey/releases")["ETag"]
    Api(officer).post(f"releases/{release.pk}/suspension", STOP)
    listed = Api().client.get("/api/v1/datasets/survey/releases", headers={"If-None-Match": before})
    assert listed.status_code == 200
    entry = listed.json()["results"][0]
    assert (entry["state"], entry["tombstone"]["reason"], entry["links"]) == ("suspended", STOP["reason"], None)
    shown = Api().get("datasets/survey").json()
    assert (shown["available"], shown["latest_release"], shown["tombstone"]["state"]) == (False, None, "suspended")
    assert Api().get("register").json()["results"][0]["state"] == "suspended"
    assert Api().get("datasets").json()["results"][0]["available"] is False


def test_the_tombstone_of_an_old_release_names_the_one_to_use_instead(release, officer):
    newer = factories.publication("survey", rows={"district": ["11110"] * 10, "age": ["[20, 40)"] * 10, "answer": ["no"] * 10})
    Api(officer).post(f"releases/{release.pk}/withdrawal", STOP)
    gone = Api().get("datasets/survey/releases/1/records").json()
    assert gone["instead"] == f"/api/v1/datasets/survey/releases/{newer.number}"
    assert Api().get("datasets/survey/records").status_code == 200


def test_a_withdrawn_file_is_removed_and_a_withdrawal_is_for_good(release, officer, rung, django_capture_on_commit_callbacks):
    path = factories.stored(release)
    with django_capture_on_commit_callbacks(execute=True):
        assert Api(officer).post(f"releases/{release.pk}/withdrawal", STOP).status_code == 200
    assert ("publishing.remove_withdrawn", release.pk) in rung
    publishing.remove_withdrawn(release.pk)  # what a worker does: the web process may not write there
    assert not path.exists()
    for how in ("suspension", "withdrawal"):
        assert Api(officer).post(f"releases/{release.pk}/{how}", STOP).status_code == 409


@pytest.mark.parametrize("said", [{}, {"reason": "short"}, {"reason": "x" * 2001}, {"reason": 5}, {"why": STOP["reason"]}, [], None])
def test_stopping_takes_a_sentence(release, officer, said):
    answer = Api(officer).call("post", f"releases/{release.pk}/suspension", said if said is not None else b"null")
    assert answer.status_code == 422
    assert Api().get("datasets/survey/records").status_code == 200
