"""Single sign-on against a small provider on this machine: discovery, tokens, keys; and all that it must not let in."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount, SocialApp
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.people import second_factor, single_sign_on
from catalog.people.models import User

KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
SUBJECT = "f3b0c442-98fc"


class FakeProvider:
    """What it answers with next can be bent: ``claims`` are laid over the right ones."""

    def __init__(self, url: str) -> None:
        self.url, self.claims, self.key, self.algorithm = url, {}, KEY, "RS256"
        self.issuer, self.nonce, self.challenge, self.asked = url, "", "", {}

    def answer(self, path: str, form: dict[str, list[str]]) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys", "userinfo_endpoint": f"{self.url}/userinfo",
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }  # fmt: skip
        if path == "/keys":
            return {"keys": [{**jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "1", "alg": "RS256", "use": "sig"}]}
        if path == "/token":
            self.asked = {name: values[0] for name, values in form.items()}
            verifier = self.asked.get("code_verifier", "")
            challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
            if self.asked.get("client_secret") != "s3cret" or challenge != self.challenge:
                return {"error": "invalid_client"}
            return {"access_token": "a", "token_type": "Bearer", "id_token": self.token()}
        return None

    def token(self) -> str:
        now = int(time.time())
        right = {"iss": self.url, "aud": "opendata", "sub": SUBJECT, "iat": now, "exp": now + 60, "nonce": self.nonce,
                 "email": "kim@example.org", "email_verified": True}  # fmt: skip
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        if self.algorithm == "none":
            return jwt.encode(claims, None, algorithm="none", headers={"kid": "1"})
        key = "s3cret" * 10 if self.algorithm.startswith("HS") else self.key
        return jwt.encode(claims, key, algorithm=self.algorithm, headers={"kid": "1"})


@pytest.fixture
def provider(settings, monkeypatch) -> Iterator[FakeProvider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = made.answer(urlsplit(self.path).path, parse_qs(self.rfile.read(length).decode()))
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        do_POST = do_GET

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = FakeProvider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = made.url, "opendata", "s3cret"
        settings.OIDC_NAME = "City ID"
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def set_out(client: Client, provider: FakeProvider, **query: str) -> dict[str, str]:
    """What the provider is asked when somebody starts."""
    answer = client.get("/login/sso", query)
    assert answer.status_code == 302, answer.text
    assert answer["Location"].startswith(f"{provider.url}/authorize?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}
    provider.nonce, provider.challenge = asked["nonce"], asked["code_challenge"]
    return asked


def sign_on(client: Client, provider: FakeProvider, **query: str):
    """All the way there and back."""
    asked = set_out(client, provider, **query)
    return client.get("/login/sso/callback", {"code": "c", "state": asked["state"]})


def inside(client: Client) -> bool:
    return client.get("/api/v1/me").status_code == 200


@pytest.fixture
def kim(make_user, provider) -> User:
    user = make_user("kim", "steward", email="kim@example.org")
    single_sign_on.link_identity(by=None, user=user, subject=SUBJECT)
    return user


def test_somebody_who_is_linked_signs_in(kim, provider, client):
    assert "City ID" in client.get("/login").text
    asked = set_out(client, provider)
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"].endswith("/login/sso/callback")
    assert client.get("/login/sso/callback", {"code": "c", "state": asked["state"]})["Location"] == "/steward"
    assert client.get("/api/v1/me").json()["username"] == "kim"


def test_the_provider_leads_on_to_where_one_wanted_to_go_but_never_to_another_site(kim, provider):
    for wanted in ("/register", "https://evil.example/"):
        client = Client()
        sign_on(client, provider, next=wanted)
        assert inside(client)


def test_nothing_that_the_provider_tells_of_somebody_is_kept(kim, provider, client):
    sign_on(client, provider)
    kept = str(list(SocialAccount.objects.values())) + str(list(TrailEntry.objects.values()))
    assert inside(client)
    assert "example.org" not in kept
    assert SUBJECT not in kept


def test_somebody_whom_nobody_has_linked_gets_no_account_and_none_by_their_address(make_user, provider, client):
    make_user("kim", "steward", email="kim@example.org")
    answer = sign_on(client, provider)
    assert (answer.status_code, inside(client)) == (403, False)
    assert "Ask an administrator to link yours" in answer.text
    assert list(User.objects.values_list("username", flat=True)) == ["kim"]
    assert not SocialAccount.objects.exists()


def test_a_closed_account_stays_closed(kim, provider, client):
    kim.is_active = False
    kim.save()
    assert (sign_on(client, provider).status_code, inside(client)) == (403, False)


BENT = {
    "for another site": {"aud": "another"},
    "by another issuer": {"iss": "http://127.0.0.1:1"},
    "expired": {"exp": 1},
    "with another nonce": {"nonce": "stale"},
    "without a nonce": {"nonce": None},
    "of nobody": {"sub": None},
    "of no text": {"sub": 7},
}


@pytest.mark.parametrize("claims", BENT.values(), ids=BENT)
def test_a_token_that_is_not_for_us_and_now_lets_nobody_in(kim, provider, client, claims):
    provider.claims = claims
    assert (sign_on(client, provider).status_code, inside(client)) == (403, False)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_no_key_pair_has_signed_lets_nobody_in(kim, provider, client, algorithm):
    provider.algorithm = algorithm
    assert (sign_on(client, provider).status_code, inside(client)) == (403, False)


def test_a_token_signed_with_another_key_lets_nobody_in(kim, provider, client):
    provider.key = OTHER_KEY
    assert (sign_on(client, provider).status_code, inside(client)) == (403, False)


def test_a_provider_that_calls_itself_otherwise_is_not_asked(kim, provider, client):
    provider.issuer = "http://127.0.0.1:1"
    assert client.get("/login/sso").status_code == 403


def test_a_state_that_this_browser_did_not_get_lets_nobody_in(kim, provider, client):
    asked = set_out(Client(), provider)
    answer = client.get("/login/sso/callback", {"code": "c", "state": asked["state"]})
    assert (answer.status_code, inside(client)) == (403, False)


def test_a_state_is_good_once(kim, provider, client):
    asked = set_out(client, provider)
    client.get("/login/sso/callback", {"code": "c", "state": asked["state"]})
    client.post("/logout")
    assert client.get("/login/sso/callback", {"code": "c", "state": asked["state"]}).status_code == 403


@pytest.mark.parametrize("query", [{}, {"error": "access_denied"}, {"error": "x", "state": "y"}, {"state": "y"}])
def test_a_sign_in_that_was_broken_off_is_said_plainly(kim, provider, client, query):
    set_out(client, provider)
    answer = client.get("/login/sso/callback", query)
    assert answer.status_code == 403
    assert "Not signed in." in answer.text


def test_a_provider_that_is_down_is_said_plainly(kim, provider, client, settings):
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    assert client.get("/login/sso").status_code == 403


def test_without_configuration_there_is_no_such_door(make_user, client, settings):
    assert settings.OIDC_ISSUER == ""
    assert (client.get("/login/sso").status_code, client.get("/login/sso/callback").status_code) == (404, 404)
    assert "/login/sso" not in client.get("/login").text


def test_a_row_in_the_database_adds_no_provider(kim, provider, client, settings):
    SocialApp.objects.create(provider="openid_connect", provider_id="oidc", name="x", client_id="x", settings={"server_url": "http://127.0.0.1:1"})
    assert sign_on(client, provider).status_code == 302
    settings.OIDC_ISSUER = ""
    assert client.get("/login/sso").status_code == 404


# --- the second factor ---------------------------------------------------------------------------------------------


@pytest.fixture
def officer(with_app, provider, demanded):
    user, code = with_app("oscar", "officer")
    single_sign_on.link_identity(by=None, user=user, subject=SUBJECT)
    return user, code


@pytest.mark.parametrize("claims", [{}, {"amr": ["pwd", "mfa"]}, {"acr": "gold"}])
def test_the_second_factor_is_asked_for_all_the_same(officer, provider, client, claims):
    provider.claims = claims
    assert sign_on(client, provider)["Location"].startswith("/login/code")
    assert not inside(client)
    client.post("/login/code", {"code": officer[1]()})
    assert inside(client)


@pytest.mark.parametrize(("claims", "whole"), [({"amr": ["pwd", "mfa"]}, True), ({"acr": "gold"}, True), ({"amr": ["pwd"]}, False), ({"amr": "mfa"}, False), ({"acr": "tin"}, False), ({}, False)])
def test_a_provider_that_is_trusted_for_it_vouches_for_the_second_factor(officer, provider, client, settings, claims, whole):
    settings.OIDC_TRUST_SECOND_FACTOR, settings.OIDC_SECOND_FACTOR_ACR = True, ["gold"]
    provider.claims = claims
    sign_on(client, provider)
    assert inside(client) is whole


# --- linking -------------------------------------------------------------------------------------------------------


def test_administrators_link_others_and_the_trail_tells(make_user, provider):
    boss, other, kim = make_user("boss", "administrator"), make_user("other", "officer"), make_user("kim")
    for by, user in ((boss, boss), (other, kim)):
        with pytest.raises(NotAllowed):
            single_sign_on.link_identity(by=by, user=user, subject=SUBJECT)
    single_sign_on.link_identity(by=boss, user=kim, subject=SUBJECT)
    assert (TrailEntry.objects.latest("seq").action, TrailEntry.objects.latest("seq").actor_name) == ("user.identity_linked", "boss")
    with pytest.raises(Conflict):
        single_sign_on.link_identity(by=boss, user=other, subject=SUBJECT)
    with pytest.raises(Invalid):
        single_sign_on.link_identity(by=boss, user=kim, subject="")


def test_a_new_link_replaces_the_old_one_and_an_ended_one_lets_nobody_in(kim, provider):
    single_sign_on.link_identity(by=None, user=kim, subject="another")
    assert sign_on(Client(), provider).status_code == 403
    provider.claims = {"sub": "another"}
    assert sign_on(Client(), provider).status_code == 302
    single_sign_on.unlink_identity(by=None, user=kim)
    assert sign_on(Client(), provider).status_code == 403


def test_the_same_subject_of_another_provider_is_somebody_else(kim, provider, settings):
    claims = {"sub": SUBJECT}
    assert single_sign_on.account_of(claims) == kim
    settings.OIDC_ISSUER = "https://another.example"
    with pytest.raises(single_sign_on.NotSignedOn):
        single_sign_on.account_of(claims)


def test_one_administrator_does_not_link_and_reset_the_same_account(make_user, provider, with_app):
    boss = make_user("boss", "administrator")
    oscar, _ = with_app("oscar", "officer")
    single_sign_on.link_identity(by=boss, user=oscar, subject=SUBJECT)
    with pytest.raises(NotAllowed):
        second_factor.reset_second_factor(by=boss, user=oscar)


def test_where_the_providers_second_factor_is_trusted_only_the_operator_links_officers(make_user, provider, demanded, settings):
    settings.OIDC_TRUST_SECOND_FACTOR = True
    boss, oscar, kim = make_user("boss", "administrator"), make_user("oscar", "officer"), make_user("kim", "steward")
    with pytest.raises(NotAllowed):
        single_sign_on.link_identity(by=boss, user=oscar, subject=SUBJECT)
    single_sign_on.link_identity(by=boss, user=kim, subject=SUBJECT)
    single_sign_on.link_identity(by=None, user=oscar, subject="oscar's")


def test_the_operator_links_by_command(make_user, provider, capsys):
    make_user("kim")
    call_command("link_identity", "kim", SUBJECT)
    assert SocialAccount.objects.get().user.username == "kim"
    call_command("link_identity", "kim", "--end")
    assert not SocialAccount.objects.exists()
    for wrong in (["nobody", SUBJECT], ["kim"]):
        with pytest.raises(CommandError):
            call_command("link_identity", *wrong)
