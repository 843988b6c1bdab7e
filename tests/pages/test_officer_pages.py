"""What an officer sees and decides; and how a release is stopped."""

from __future__ import annotations

import pytest

from catalog.review.models import Decision
from catalog.review.selectors import Flag
from tests import factories
from tests.pages.html import Page

WHY = "The noise covers every single person, and the sample shows nothing else."


def parsed(response, status=200):
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


@pytest.fixture
def officer(people, signed_in):
    return signed_in(people.officer)


def verdict(review, **changes):
    return {
        "verdict": "approve", "reason_code": "risk_acceptable", "reason": WHY, "conditions": "", "artefact_sha256": review.artefact_sha256, **changes,
    }  # fmt: skip


def test_the_queue_shows_what_waits(officer, under_review):
    page = parsed(officer.get("/reviews"))
    assert f"/reviews/{under_review.pk}" in page.links
    assert "Differential privacy · ε 1" in page.text


def test_the_page_of_a_review_has_claim_budget_sample_and_record(officer, under_review):
    page = parsed(officer.get(f"/reviews/{under_review.pk}"))
    for said in ("Publish 6 rows, “Survey, counted”.", "charged already", "ε 9, ", "For the planners.", "submitted for review", "11140", under_review.artefact_sha256):
        assert said in page.text


def test_red_flags_come_before_everything_else_with_the_figure_behind_them(officer, under_review, monkeypatch):
    monkeypatch.setattr("catalog.review.selectors.red_flags", lambda review, to=None: [Flag("stop", "contract_expired", "2025-12-31")])
    text = parsed(officer.get(f"/reviews/{under_review.pk}")).text
    assert 0 < text.index("It ends on 2025-12-31") < text.index("Risk and usefulness")


def test_a_decision_is_recorded_and_bound_to_the_bytes_on_the_page(officer, under_review):
    officer.post(f"/reviews/{under_review.pk}/opening")
    officer.post(f"/reviews/{under_review.pk}/decision", verdict(under_review))
    decision = Decision.objects.get()
    assert (decision.verdict, decision.artefact_sha256) == ("approve", under_review.artefact_sha256)
    page = parsed(officer.get(f"/reviews/{under_review.pk}"))
    assert WHY in page.text
    assert "decided or withdrawn already" in page.text


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"reason": "ok"}, 422, "Say why in a sentence"),
        ({"reason_code": "risk_too_high"}, 422, "reason code"),
        ({"verdict": ""}, 422, "verdict"),
        ({"verdict": "publish"}, 422, "verdict"),
        ({"artefact_sha256": "0" * 64}, 409, "SHA-256 differs"),
        ({"reason": "x" * 6000}, 422, "Say why"),
    ],
)
def test_a_decision_with_a_fault_is_not_recorded_and_the_words_are_kept(officer, under_review, changes, status, said):
    page = parsed(officer.post(f"/reviews/{under_review.pk}/decision", verdict(under_review, **changes)), status)
    assert said in page.text
    assert not Decision.objects.exists()
    if "reason" not in changes:
        assert WHY in page.text


def test_nobody_decides_on_what_they_had_a_hand_in(people, signed_in, under_review):
    people.steward.groups.add(*people.officer.groups.all())
    people.steward.mandates.create(organisation=people.home)
    both = signed_in(people.steward)
    assert f"/reviews/{under_review.pk}" not in parsed(both.get("/reviews")).links
    page = parsed(both.post(f"/reviews/{under_review.pk}/decision", verdict(under_review)), 403)
    assert "somebody else must decide" in page.text
    assert not Decision.objects.exists()


def test_an_officer_without_a_mandate_here_cannot_decide(signed_in, under_review):
    other = signed_in(factories.officer("other", of=factories.organisation("elsewhere", "Elsewhere")))
    assert "no mandate" in parsed(other.post(f"/reviews/{under_review.pk}/decision", verdict(under_review)), 403).text


def test_reviews_are_closed_to_the_public_and_to_developers(client, people, signed_in, under_review):
    for address in ("/reviews", f"/reviews/{under_review.pk}"):
        assert client.get(address)["Location"].startswith("/login")
        assert signed_in(people.developer).get(address).status_code == 403
    assert signed_in(people.officer).get("/reviews/99999999999999999999999").status_code == 404


def test_one_officer_stops_a_release_at_once(officer, client, counted):
    assert "Stop this release" in parsed(officer.get("/datasets/people-counted")).text
    parsed(officer.post("/datasets/people-counted/releases/1/stop", {"how": "suspend", "reason": "short"}), 422)
    officer.post("/datasets/people-counted/releases/1/stop", {"how": "suspend", "reason": "A district was mislabelled."})
    assert client.get("/datasets/people-counted").status_code == 410
    page = parsed(officer.get("/datasets/people-counted/releases/1"), 410)
    assert "Withdraw for good" in page.text
    assert "Suspend" not in page.text


def test_a_stranger_cannot_stop_a_release(people, signed_in, client, counted):
    answer = signed_in(people.stranger).post("/datasets/people-counted/releases/1/stop", {"how": "withdraw", "reason": "Because I like to."})
    assert answer.status_code == 403
    assert client.get("/datasets/people-counted").status_code == 200


def test_pages_of_people_who_are_signed_in_are_stored_nowhere(officer, under_review):
    assert officer.get("/reviews")["Cache-Control"] == "private, no-store"
