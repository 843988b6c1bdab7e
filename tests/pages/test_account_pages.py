"""Signing in, keys, and the auditor's trail."""

from __future__ import annotations

import pytest

from catalog.audit.services import Verification
from catalog.people.models import ApiKey
from catalog.people.services import find_key
from tests import factories
from tests.pages.html import Page


def parsed(response, status=200):
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


@pytest.fixture
def minji(people):
    return factories.user("minji", "steward", organisation=people.home, password=factories.PASSWORD)


def sign_in(client, **changes):
    return client.post("/login", {"username": "minji", "password": factories.PASSWORD, **changes})


def test_somebody_who_signs_in_comes_to_their_own_work(client, minji):
    parsed(client.get("/login"))
    assert sign_in(client)["Location"] == "/steward"


def test_a_wrong_password_is_said_without_saying_which_of_the_two_was_wrong(client, minji):
    wrong = parsed(sign_in(client, password="wrong"), 422).text
    assert wrong == parsed(sign_in(client, username="nobody"), 422).text
    assert "The name or the password is not right" in wrong


def test_passwords_cannot_be_tried_at_leisure(client, minji):
    answers = [sign_in(client, password="wrong") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 2
    assert "There were too many attempts. Wait 1 second" in parsed(answers[-1], 429).text
    assert answers[-1]["Retry-After"] == "1"
    assert sign_in(client).status_code == 429, "the right password is not looked at either"
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil.example"])
def test_signing_in_or_choosing_a_language_never_leads_to_another_site(client, minji, next_):
    assert sign_in(client, next=next_)["Location"] == "/steward"
    assert client.get("/language", {"set": "ko", "next": next_})["Location"] == "/"


def test_an_unknown_language_is_not_there(client, db):
    assert client.get("/language", {"set": "xx"}).status_code == 404


def test_the_language_of_an_account_is_that_of_its_pages(client, minji):
    minji.language = "ko"
    minji.save(update_fields=["language"])
    sign_in(client)
    assert "로그아웃" in parsed(client.get("/account")).text


def test_signing_out_takes_a_post(client, minji):
    sign_in(client)
    assert client.get("/logout").status_code == 405
    client.post("/logout")
    assert client.get("/account")["Location"].startswith("/login")


def test_a_key_is_shown_once_and_can_be_revoked(people, signed_in):
    client = signed_in(people.developer)
    parsed(client.get("/account"))
    made = client.post("/account", {"name": "for my map", "scopes": ["read"], "days": "30"})
    page = parsed(made, 201)
    key = ApiKey.objects.get()
    secret = next(word for word in page.text.split() if word.startswith(f"od_{key.prefix}_"))
    assert find_key(secret) == key
    assert made["Cache-Control"] == "private, no-store"
    assert secret not in parsed(client.get("/account")).text
    client.post(f"/account/keys/{key.pk}/revoke")
    assert "revoked" in parsed(client.get("/account")).text


def test_a_key_gets_no_scope_beyond_the_roles_of_its_owner(people, signed_in):
    page = parsed(signed_in(people.developer).post("/account", {"name": "sly", "scopes": ["reviews:decide"], "days": "30"}), 422)
    assert "decide on reviews" not in page.text
    assert not ApiKey.objects.exists()


def test_somebody_elses_key_cannot_be_revoked(people, signed_in):
    factories.key(people.developer)
    assert signed_in(people.stranger).post(f"/account/keys/{ApiKey.objects.get().pk}/revoke").status_code == 404


def test_the_trail_is_searched_and_verified_by_auditors_only(client, people, signed_in, survey):
    auditor = signed_in(people.auditor)
    page = parsed(auditor.get("/trail", {"action": "publication.published"}))
    assert "1 entry" in page.text
    assert "The trail is whole." in parsed(auditor.post("/trail")).text
    assert signed_in(people.steward).get("/trail").status_code == 403
    assert client.get("/trail")["Location"].startswith("/login")


def test_a_trail_that_was_tampered_with_is_said_with_its_place(people, signed_in, monkeypatch):
    monkeypatch.setattr("catalog.audit.services.verify", lambda: Verification(False, 7, 0, 3, "its content was changed"))
    text = parsed(signed_in(people.auditor).post("/trail")).text
    assert "tampered" in text
    assert "entry 3" in text
    assert "its content was changed" in text
