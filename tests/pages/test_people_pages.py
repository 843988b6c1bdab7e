"""The administrator's pages: who is here, what each may do, and how they leave."""

from __future__ import annotations

import pytest

from catalog.people.models import User
from catalog.review import services as reviews
from tests import factories
from tests.pages.html import Page


def parsed(response, status=200):
    assert response.status_code == status, response.content.decode()[-500:]
    page = Page(response.content.decode())
    assert page.faults == []
    return page


@pytest.fixture
def boss(people):
    return factories.user("boss", "administrator", password=factories.PASSWORD)


@pytest.fixture
def desk(boss, signed_in):
    return signed_in(boss)


def test_an_administrator_who_signs_in_comes_to_the_accounts(client, boss):
    assert client.post("/login", {"username": "boss", "password": factories.PASSWORD})["Location"] == "/people"
    page = parsed(client.get("/people"))
    assert "/people" in page.links
    assert all(name in page.text for name in ("steward", "officer", "auditor", "developer", "stranger", "boss"))


def test_nobody_else_is_shown_the_way_there(people, signed_in):
    for user in (people.steward, people.officer, people.auditor, people.developer):
        client = signed_in(user)
        assert "/people" not in parsed(client.get("/account")).links
        assert parsed(client.get("/people"), 403)


def test_an_account_is_made(desk, people):
    parsed(desk.get("/people/new"))
    asked = {"username": "lee", "password": factories.PASSWORD, "organisation": "city-hall", "roles": ["steward", "auditor"], "language": "ko"}
    made = desk.post("/people/new", asked)
    lee = User.objects.get(username="lee")
    assert made["Location"] == f"/people/{lee.pk}"
    page = parsed(desk.get(made["Location"]))
    assert "The account is made." in page.text and "data steward" in page.text
    assert (lee.organisation, lee.language) == (people.home, "ko")


def test_what_is_wrong_with_a_new_account_is_said_and_the_password_is_not_sent_back(desk, people):
    page = desk.post("/people/new", {"username": "lee", "password": "short-word", "language": "en"})
    assert "too short" in parsed(page, 422).text
    assert "short-word" not in page.content.decode()
    assert parsed(desk.post("/people/new", {"username": "steward", "password": factories.PASSWORD, "language": "en"}), 409)


def test_roles_and_mandates_are_given_and_taken(desk, people):
    who = people.developer
    assert "mandate" not in parsed(desk.get(f"/people/{who.pk}")).text.lower().replace("mandates and keys", "").replace("no mandate", "")
    desk.post(f"/people/{who.pk}/roles", {"give": "officer"})
    assert "privacy officer" in parsed(desk.get(f"/people/{who.pk}")).text
    desk.post(f"/people/{who.pk}/mandates", {"give": "city-hall"})
    assert who.mandates.get().organisation == people.home
    desk.post(f"/people/{who.pk}/mandates", {"take": "city-hall"})
    desk.post(f"/people/{who.pk}/roles", {"take": "officer"})
    assert not who.mandates.exists() and set(who.groups.values_list("name", flat=True)) == {"developer"}
    for part, wrong in (("roles", {"give": "king"}), ("roles", {}), ("mandates", {"give": "nowhere"}), ("mandates", {})):
        assert parsed(desk.post(f"/people/{who.pk}/{part}", wrong), 422)


def test_the_last_administrator_is_told_why_they_stay(desk, boss):
    page = parsed(desk.get(f"/people/{boss.pk}"))
    assert "Give the role to somebody else first" in page.text
    assert f"/people/{boss.pk}/closure" not in page.links
    assert "last administrator" in parsed(desk.post(f"/people/{boss.pk}/closure", {"reason": "Tired."}), 409).text
    assert parsed(desk.post(f"/people/{boss.pk}/roles", {"take": "administrator"}), 409)


def test_a_leaver_is_closed_and_what_is_open_is_shown_and_handed_over(desk, people, signed_in, under_review):
    leaver, open_page = people.steward, signed_in(people.steward)
    factories.steward("heir", of=people.home)
    factories.key(leaver)
    assert open_page.get("/steward").status_code == 200
    page = parsed(desk.get(f"/people/{leaver.pk}"))
    assert "submission that waits" in page.text and "heir" in page.text
    parsed(desk.post(f"/people/{leaver.pk}/closure", {"reason": " "}), 422)
    after = parsed(desk.post(f"/people/{leaver.pk}/closure", {"reason": "Left on Friday."}, follow=True))
    assert "The account is closed." in after.text and "waiting" in after.text
    assert open_page.get("/steward")["Location"].startswith("/login")
    desk.post(f"/people/{leaver.pk}/datasets/waiting/steward", {"steward": "heir"})
    under_review.dataset.refresh_from_db()
    assert under_review.dataset.steward.username == "heir"
    assert parsed(desk.post(f"/people/{leaver.pk}/datasets/waiting/steward", {"steward": "nobody"}), 422)
    assert "open again" in parsed(desk.post(f"/people/{leaver.pk}/reopening", follow=True)).text


def test_an_officer_who_leaves_puts_back_what_was_in_hand(desk, people, under_review):
    reviews.open_review(by=people.officer, review=under_review)
    assert "review in hand" in parsed(desk.get(f"/people/{people.officer.pk}")).text
    desk.post(f"/people/{people.officer.pk}/closure", {"reason": "Left."})
    under_review.refresh_from_db()
    assert under_review.state == "submitted"


def test_keys_are_shown_without_their_secrets_and_ended(desk, people):
    secrets = [factories.key(people.developer) for _ in range(2)]
    address = f"/people/{people.developer.pk}"
    page = desk.get(address)
    assert not any(secret in page.content.decode() for secret in secrets)
    first = people.developer.api_keys.first()
    assert desk.post(f"{address}/keys/{first.pk}/revocation").status_code == 302
    assert desk.post(f"/people/{people.officer.pk}/keys/{first.pk}/revocation").status_code == 404
    assert "Revoke all keys" not in parsed(desk.get(address)).text  # one is left
    assert "revoked" in parsed(desk.post(f"{address}/keys/revocation", follow=True)).text
    assert not people.developer.api_keys.filter(revoked_at__isnull=True).exists()


def test_a_name_cannot_put_anything_into_the_page(desk, people):
    User.objects.filter(pk=people.developer.pk).update(username="<script>alert(1)</script>")
    for address in ("/people", f"/people/{people.developer.pk}"):
        assert "<script>alert" not in desk.get(address).content.decode()


@pytest.mark.parametrize("language", ["ko", "zh-hans"])
def test_the_pages_speak_the_readers_language(desk, people, language):
    desk.cookies["django_language"] = language
    for address in ("/people", "/people/new", f"/people/{people.steward.pk}"):
        page = parsed(desk.get(address))
        assert page.language == language
        assert not any(word in page.text for word in ("Account", "Roles", "Make an", "Open work", "Last signed in"))
