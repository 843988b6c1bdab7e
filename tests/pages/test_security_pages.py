"""The pages of signing in and of one's own security, step by step as somebody goes through them."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator

from catalog.people import second_factor
from catalog.people.services import create_user, grant_role
from tests import factories
from tests.pages.html import Page

LANGUAGES = ["en", "ko", "zh-hans"]


def parsed(response, status=200):
    assert response.status_code == status
    page = Page(response.content.decode())
    assert page.faults == []
    return page


@pytest.fixture
def oscar(people, settings):
    settings.SECOND_FACTOR = "required"
    return factories.user("oscar", "officer", mandates=[people.home], password=factories.PASSWORD)


def sign_in(client, name="oscar", **more):
    return client.post("/login", {"username": name, "password": factories.PASSWORD, **more})


def secret_on(page: Page) -> str:
    return "".join(re.search(r"((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})", page.text).group(1).split())


def enrol(client) -> tuple[str, Page]:
    secret = secret_on(parsed(client.get("/account/security/app")))
    return secret, parsed(client.post("/account/security/app", {"code": second_factor.code_of_now(secret)}), 201)


def test_an_officer_adds_an_app_at_the_first_sign_in_keeps_the_codes_and_is_in(client, oscar):
    answer = sign_in(client, next="/register")
    assert answer["Location"] == "/account/security/app?next=%2Fregister"
    page = parsed(client.get(answer["Location"]))
    assert "Until you have added one" in page.text
    assert "<svg" in client.get(answer["Location"]).text
    assert client.get("/reviews")["Location"] == "/login/code?next=%2Freviews"
    assert client.get("/login/code?next=%2Freviews")["Location"] == "/account/security/app?next=%2Freviews"
    secret = secret_on(parsed(client.get("/account/security/app")))
    assert "Not added." in parsed(client.post("/account/security/app", {"code": "000000"}), 422).text
    made = client.post("/account/security/app", {"code": second_factor.code_of_now(secret), "next": "/register"})
    page = parsed(made, 201)
    assert made["Cache-Control"] == "private, no-store"
    assert len(re.findall(r"\b\d{4} \d{4}\b", page.text)) == 10
    assert "/register" in page.links
    assert client.get("/reviews").status_code == 200
    assert not re.search(r"\b\d{4} \d{4}\b", parsed(client.get("/account/security")).text)


def test_the_second_step_leads_to_where_one_wanted_to_go(client, oscar):
    sign_in(client)
    secret, _ = enrol(client)
    Authenticator.objects.filter(type="totp").update(data={"secret": Authenticator.objects.get(type="totp").data["secret"]})
    client.post("/logout")
    answer = sign_in(client, next="/register")
    assert answer["Location"] == "/login/code?next=%2Fregister"
    page = parsed(client.get(answer["Location"]))
    assert "The password of oscar is right" in page.text
    assert "second factor" in client.get("/api/v1/me").json()["detail"]
    assert "not right" in parsed(client.post("/login/code", {"code": "000000", "next": "/register"}), 422).text
    from django.core.cache import cache

    cache.clear()  # allauth remembers the code of a moment ago, which enrolled the app
    answer = client.post("/login/code", {"code": second_factor.code_of_now(secret), "next": "/register"})
    assert answer["Location"] == "/register"


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_second_step_never_leads_to_another_site(client, oscar, next_):
    assert sign_in(client, next=next_)["Location"] == "/account/security/app"
    secret = secret_on(parsed(client.get("/account/security/app")))
    made = client.post("/account/security/app", {"code": second_factor.code_of_now(secret), "next": next_})
    assert next_ not in made.text


def test_whoever_has_a_factor_cannot_go_round_it_by_adding_another(client, oscar):
    second_factor.add_app(by=None, user=oscar, secret="A" * 32)
    sign_in(client)
    for path in ("/account/security/app", "/account/security/passkey", "/account/security"):
        assert client.get(path)["Location"].startswith("/login/code")


def test_changing_factors_asks_for_the_password_again_after_a_while(people, signed_in):
    user = factories.user("minji", "steward", organisation=people.home, password=factories.PASSWORD)
    client = signed_in(user)  # a session that nobody has typed a password in
    for path in ("/account/security/app", "/account/security/passkey"):
        assert client.get(path)["Location"].startswith("/account/security/confirm")
    for path in ("/account/security/app", "/account/security/recovery-codes", "/account/security/factors/1/remove"):
        assert client.post(path)["Location"].startswith("/account/security/confirm")
    assert "Not confirmed." in parsed(client.post("/account/security/confirm", {"password": "wrong"}), 422).text
    answer = client.post("/account/security/confirm", {"password": factories.PASSWORD, "next": "/account/security/app"})
    assert answer["Location"] == "/account/security/app"
    parsed(client.get("/account/security/app"))


def test_somebody_without_a_password_is_told_to_sign_in_again(people, signed_in):
    page = parsed(signed_in(people.steward).get("/account/security/confirm"))
    assert "This account has no password" in page.text


def test_factors_are_listed_and_removed_but_not_the_last_that_a_role_demands(client, people, settings):
    minji = factories.user("minji", "steward", organisation=people.home, password=factories.PASSWORD)
    sign_in(client, "minji")
    enrol(client)
    page = parsed(client.get("/account/security"))
    assert "App that shows codes" in page.text
    assert "10 recovery codes are left" in page.text
    factor = second_factor.factors_of(minji).get()
    settings.SECOND_FACTOR = "required"
    grant_role(by=None, user=minji, role="officer")
    assert "your roles demand it" in parsed(client.get("/account/security")).text
    client.post(f"/account/security/factors/{factor.pk}/remove")
    assert "Not removed" in parsed(client.get("/account/security")).text
    settings.SECOND_FACTOR = "optional"
    client.post(f"/account/security/factors/{factor.pk}/remove")
    assert "The second factor was removed." in parsed(client.get("/account/security")).text
    assert not second_factor.enrolled(minji)


def test_new_recovery_codes_are_shown_once(client, people):
    factories.user("minji", "steward", organisation=people.home, password=factories.PASSWORD)
    sign_in(client, "minji")
    _, first = enrol(client)
    second = parsed(client.post("/account/security/recovery-codes"), 201)
    codes = [set(re.findall(r"\b\d{4} \d{4}\b", page.text)) for page in (first, second)]
    assert len(codes[1]) == 10
    assert not codes[0] & codes[1]


def test_a_passkey_page_says_what_it_needs_and_asks_the_browser_in_plain_json(client, oscar):
    sign_in(client)
    page = client.get("/account/security/passkey")
    parsed_faults(page)
    assert '"challenge"' in page.text
    assert "Passkeys need JavaScript" in page.text
    assert "Not added." in client.post("/account/security/passkey", {"credential": "{}"}).text


def parsed_faults(response) -> None:
    """As ``parsed``, but a block of JSON is no script: browsers run none of it, and the policy lets it be."""
    faults = Page(re.sub(r'<script id="[\w-]+" type="application/json">.*?</script>', "", response.text)).faults
    assert faults == []


@pytest.mark.parametrize("answer", ["", "{", "[]", "null", "{}", '{"id": "x", "response": {}}', "x" * 30_000])
def test_a_passkey_that_is_none_signs_nobody_in(client, oscar, answer):
    client.get("/login/passkey")
    refused = client.post("/login/passkey", {"credential": answer})
    assert refused.status_code == 422
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/login", "/password/forgotten", "/account/security/app", "/account/security/confirm"])
def test_pages_at_the_door_are_sound_in_every_language(client, oscar, language, path):
    if path.startswith("/account"):
        sign_in(client)
    client.get("/language", {"set": language})
    assert parsed(client.get(path)).language == language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/account", "/account/security", "/account/security/password"])
def test_pages_of_ones_own_security_are_sound_in_every_language(client, people, language, path):
    factories.user("minji", "steward", organisation=people.home, password=factories.PASSWORD)
    sign_in(client, "minji")
    client.get("/language", {"set": language})
    assert parsed(client.get(path)).language == language


def test_the_policy_of_content_stays_strict(client, oscar):
    sign_in(client)
    for path in ("/login", "/account/security/app", "/account/security/passkey", "/login/passkey"):
        policy = client.get(path)["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "script-src 'self' " not in policy


def test_a_made_up_account_named_in_create_user_can_go_through_it_all(client, settings, db):
    settings.SECOND_FACTOR = "required"
    create_user(by=None, username="boss", password=factories.PASSWORD, roles=["administrator"])
    assert sign_in(client, "boss")["Location"] == "/account/security/app"
