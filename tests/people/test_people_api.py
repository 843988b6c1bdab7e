"""Logging in, one's account, one's keys: over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog.audit.models import TrailEntry
from catalog.people.models import ApiKey, User
from catalog.people.services import issue_key

PASSWORD = "a long sentence for tests"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def key_of(make_user):
    """A user, a key of theirs, and its secret."""

    def make(*scopes: str, name: str = "kim", roles: tuple[str, ...] = ()) -> tuple[User, ApiKey, str]:
        user = make_user(name, *roles)
        ends = timezone.now() + timedelta(days=1)
        return user, *issue_key(by=user, user=user, name="k", scopes=scopes or ["read"], expires_at=ends)

    return make


def log_in(client: Client, username: str = "kim", password: str = PASSWORD):
    return client.post("/api/v1/session", {"username": username, "password": password}, content_type="application/json")


def test_a_name_and_a_password_open_a_session(make_user, city, client):
    make_user("kim", "steward", organisation=city, language="ko")
    body = log_in(client).json()
    assert len(body.pop("csrf_token")) > 30
    assert body.pop("failed_attempts") is None
    assert body == {
        "username": "kim",
        "name": "kim",
        "language": "ko",
        "organisation": {"slug": "city", "name": "City"},
        "roles": ["steward"],
        "mandates": [],
    }
    assert client.get("/api/v1/me").json() == body


@pytest.mark.parametrize(("name", "password"), [("kim", "wrong"), ("nobody", PASSWORD), ("kim", PASSWORD + " ")])
def test_a_wrong_name_and_a_wrong_password_look_alike(make_user, client, name, password):
    make_user("kim")
    answer = log_in(client, name, password)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_credentials")
    assert answer.json()["detail"] == "The name or the password is not right."
    assert password not in answer.text


def test_a_closed_account_cannot_log_in(make_user, client):
    make_user("kim", is_active=False)
    assert log_in(client).status_code == 401


def test_a_form_of_another_site_cannot_log_anybody_in(make_user, client):
    make_user("kim")
    answer = client.post("/api/v1/session", {"username": "kim", "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_logging_out_ends_the_session(make_user, client):
    make_user("kim")
    log_in(client)
    assert client.delete("/api/v1/session").status_code == 204
    assert client.get("/api/v1/me").status_code == 401


def test_a_session_without_the_csrf_token_changes_nothing(make_user):
    make_user("kim")
    client = Client(enforce_csrf_checks=True)
    token = log_in(client).json()["csrf_token"]
    asked = {"name": "k", "scopes": ["read"], "expires_at": (timezone.now() + timedelta(days=1)).isoformat()}
    refused = client.post("/api/v1/keys", asked, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert not ApiKey.objects.exists()
    made = client.post("/api/v1/keys", asked, content_type="application/json", headers={"X-CSRFToken": token})
    assert made.status_code == 201


def test_a_key_is_made_over_the_api_and_works(make_user, client):
    client.force_login(make_user("kim"))
    ends = (timezone.now() + timedelta(days=30)).isoformat()
    made = client.post(
        "/api/v1/keys", {"name": "k", "scopes": ["read"], "expires_at": ends}, content_type="application/json"
    )
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert made["Location"] == f"/api/v1/keys/{made.json()['id']}"
    assert Client().get("/api/v1/me", headers=bearer(secret)).json()["username"] == "kim"
    listed = client.get("/api/v1/keys").json()["results"]
    assert [key["id"] for key in listed] == [made.json()["id"]]
    assert not {"secret", "hash"} & set(listed[0])


def test_a_key_shown_once_is_not_shown_again_to_the_same_idempotency_key(make_user, client):
    client.force_login(make_user("kim"))
    ends = (timezone.now() + timedelta(days=30)).isoformat()
    asked = {"name": "k", "scopes": ["read"], "expires_at": ends}
    answers = [
        client.post("/api/v1/keys", asked, content_type="application/json", headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["code"] == "answer_not_kept"
    assert ApiKey.objects.count() == 1
    secret = answers[0].json()["secret"]
    assert secret not in str(list(User.objects.get().idempotent_answers.values()))


@pytest.mark.parametrize(
    ("wrong", "status", "pointer"),
    [
        ({"scopes": ["root"]}, 422, "/scopes/0"),
        ({"scopes": []}, 422, "/scopes"),
        ({"scopes": "read"}, 422, "/scopes"),
        ({"expires_at": "soon"}, 422, "/expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422, "/expires_at"),
        ({"name": "x" * 101}, 422, "/name"),
        ({"name": "nul \x00"}, 422, "/name"),
        ({"nmae": "misspelt"}, 422, "/nmae"),
        ({"scopes": ["reviews:decide"]}, 403, None),
    ],
)
def test_a_key_that_cannot_be_made_says_which_member_is_wrong(make_user, client, wrong, status, pointer):
    client.force_login(make_user("kim"))
    asked = {"name": "k", "scopes": ["read"], "expires_at": (timezone.now() + timedelta(days=1)).isoformat(), **wrong}
    answer = client.post("/api/v1/keys", asked, content_type="application/json")
    assert answer.status_code == status
    assert [found.get("pointer") for found in answer.json()["errors"]] == ([pointer] if pointer else [])
    assert not ApiKey.objects.exists()


def test_a_key_can_make_no_key_and_end_none(key_of, client):
    _, key, secret = key_of("read")
    for call in (client.post, client.delete):
        address = "/api/v1/keys" if call == client.post else f"/api/v1/keys/{key.pk}"
        answer = call(address, {}, content_type="application/json", headers=bearer(secret))
        assert answer.status_code == 403
    assert ApiKey.objects.get().revoked_at is None


def test_keys_of_others_are_not_there(make_user, key_of, client):
    _, key, _ = key_of("read", name="owner")
    client.force_login(make_user("stranger", "administrator"))
    assert client.get("/api/v1/keys").json()["results"] == []
    assert client.get(f"/api/v1/keys/{key.pk}").status_code == 404
    assert client.delete(f"/api/v1/keys/{key.pk}").status_code == 404


def test_a_revoked_key_opens_nothing_from_that_moment(key_of, client):
    user, key, secret = key_of("read")
    client.force_login(user)
    assert client.delete(f"/api/v1/keys/{key.pk}").status_code == 204
    answer = Client().get("/api/v1/me", headers=bearer(secret))
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_credentials")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_an_expired_key_and_a_key_of_a_closed_account_open_nothing(key_of):
    _, _, secret = key_of("read")
    ApiKey.objects.update(created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now())
    assert Client().get("/api/v1/me", headers=bearer(secret)).status_code == 401
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert Client().get("/api/v1/me", headers=bearer(secret)).status_code == 200
    User.objects.update(is_active=False)
    assert Client().get("/api/v1/me", headers=bearer(secret)).status_code == 401


@pytest.mark.parametrize("secret", ["", "x", "od_x", "od_000000000000_" + "a" * 43, "od__", "od_é_x"])
def test_a_wrong_key_is_refused_and_never_taken_for_nobody(db, client, secret):
    answer = client.get("/api/v1/me", headers=bearer(secret.encode().decode("latin-1")))
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_credentials")


def test_the_use_of_a_key_is_noted_but_not_at_every_request(key_of, client):
    _, key, secret = key_of("read")
    client.get("/api/v1/me", headers=bearer(secret))
    key.refresh_from_db()
    first = key.last_used_at
    client.get("/api/v1/me", headers=bearer(secret))
    key.refresh_from_db()
    assert key.last_used_at == first is not None


def test_the_trail_is_read_by_auditors_only(key_of, make_user, client):
    _, _, secret = key_of("trail:read", roles=("auditor",))
    body = client.get("/api/v1/trail?action=key.issued&count=true", headers=bearer(secret)).json()
    assert (body["total"], body["results"][0]["action"], body["results"][0]["actor"]) == (1, "key.issued", "kim")
    verification = client.get("/api/v1/trail/verification", headers=bearer(secret)).json()
    assert (verification["reason"], verification["entries"]) == ("", TrailEntry.objects.count())
    exported = client.get("/api/v1/trail/export", headers=bearer(secret)).getvalue()
    assert exported.count(b"\n") == TrailEntry.objects.count()
    client.force_login(make_user("officer", "officer"))
    for address in ("/api/v1/trail", "/api/v1/trail/verification", "/api/v1/trail/export"):
        assert client.get(address).status_code == 403
