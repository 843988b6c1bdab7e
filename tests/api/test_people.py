"""Administrators make, change and close accounts over the API: signed in, never with a key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from catalog.audit.models import TrailEntry
from catalog.people.models import IdempotentAnswer, User
from catalog.people.roles import Role
from catalog.people.services import issue_key
from tests import factories

JSON = "application/json"
PASSWORD = factories.PASSWORD
NEW = {"username": "lee", "password": PASSWORD, "organisation": "city-hall", "roles": ["officer"]}


@pytest.fixture
def home(db):
    return factories.organisation()


@pytest.fixture
def boss(home):
    return factories.user("boss", "administrator")


@pytest.fixture
def page(boss):
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def lee(home):
    return factories.officer("lee", of=home)


def url(person, part=""):
    return f"/api/v1/people/{person.pk}{part}"


def test_an_account_is_made_and_read(page, home):
    made = page.post("/api/v1/people", NEW, content_type=JSON)
    assert made.status_code == 201
    body = made.json()
    assert made["Location"] == f"/api/v1/people/{body['id']}"
    assert (body["username"], body["roles"], body["organisation"]["slug"], body["active"]) == ("lee", ["officer"], "city-hall", True)
    assert PASSWORD not in made.text
    assert page.get(made["Location"]).json() == body
    assert [person["username"] for person in page.get("/api/v1/people").json()["results"]] == ["boss", "lee"]


def test_a_repeated_request_makes_one_account_and_no_hash_of_its_password_is_kept(page, home):
    answers = [page.post("/api/v1/people", NEW, content_type=JSON, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert User.objects.filter(username="lee").count() == 1
    again = {**NEW, "password": "quite another sentence"}
    assert page.post("/api/v1/people", again, content_type=JSON, headers={"Idempotency-Key": "one"}).status_code == 201
    assert PASSWORD not in str(list(IdempotentAnswer.objects.values()))


@pytest.mark.parametrize(
    ("wrong", "status", "pointer"),
    [
        ({"password": "short"}, 422, "/password"), ({"roles": ["king"]}, 422, "/roles/0"), ({"organisation": "nowhere"}, 422, "/organisation"),
        ({"username": "no spaces!"}, 422, "/username"), ({"username": "boss"}, 409, None), ({"rolls": []}, 422, "/rolls"), ({"language": "xx"}, 422, "/language"),
    ],
)  # fmt: skip
def test_an_account_that_cannot_be_made_says_which_member_is_wrong(page, home, wrong, status, pointer):
    answer = page.post("/api/v1/people", {**NEW, **wrong}, content_type=JSON)
    assert answer.status_code == status
    pointers = [found.get("pointer") for found in answer.json()["errors"]]
    assert pointers == ([pointer] if pointer else [])
    assert User.objects.count() == 1


def test_roles_and_mandates_are_given_and_taken(page, home):
    lee = factories.user("lee", organisation=home)
    assert page.put(url(lee, "/roles/officer")).json()["roles"] == ["officer"]
    assert page.put(url(lee, "/mandates/city-hall")).json()["mandates"] == ["city-hall"]
    assert page.delete(url(lee, "/mandates/city-hall")).json()["mandates"] == []
    assert page.delete(url(lee, "/roles/officer")).json()["roles"] == []
    assert page.put(url(lee, "/mandates/city-hall")).status_code == 422  # no officer
    for part in ("/roles/king", "/mandates/nowhere"):
        assert page.put(url(lee, part)).status_code == page.delete(url(lee, part)).status_code == 404


def test_nobody_gives_to_themselves_and_the_last_administrator_stays(page, boss):
    assert page.put(url(boss, "/roles/officer")).status_code == 403
    for answer in (page.delete(url(boss, "/roles/administrator")), page.post(url(boss, "/closure"), {"reason": "Tired."}, content_type=JSON)):
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert page.get("/api/v1/people").status_code == 200


def test_an_account_is_closed_and_opened_again(page, lee):
    closed = page.post(url(lee, "/closure"), {"reason": "Left."}, content_type=JSON)
    assert (closed.status_code, closed.json()["active"], closed.json()["roles"], closed.json()["mandates"]) == (200, False, [], [])
    assert page.post(url(lee, "/closure"), {"reason": "Left."}, content_type=JSON).status_code == 409
    opened = page.post(url(lee, "/reopening"))
    assert (opened.json()["active"], opened.json()["roles"]) == (True, [])
    assert page.post(url(lee, "/reopening")).status_code == 409
    assert page.post(url(lee, "/closure"), {}, content_type=JSON).status_code == 422


def test_somebodys_keys_are_seen_without_their_secrets_and_ended(page, lee):
    made = [
        issue_key(by=lee, user=lee, name=f"k{n}", scopes=["read"], expires_at=timezone.now() + timedelta(days=1)) for n in range(3)
    ]  # fmt: skip
    listed = page.get(url(lee, "/keys"))
    assert [key["name"] for key in listed.json()["results"]] == ["k2", "k1", "k0"]
    assert not any(secret in listed.text for _, secret in made)
    assert page.delete(url(lee, f"/keys/{made[0][0].pk}")).status_code == 204
    assert page.delete(url(lee, f"/keys/{10**6}")).status_code == 404
    assert page.delete(url(lee, "/keys")).status_code == 204
    for _, secret in made:
        assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    assert TrailEntry.objects.filter(action="key.revoked", actor__username="boss").count() == 3


def test_a_key_of_one_person_is_not_among_those_of_another(page, boss, lee):
    key, _ = issue_key(by=lee, user=lee, name="k", scopes=["read"], expires_at=timezone.now() + timedelta(days=1))
    assert page.delete(url(boss, f"/keys/{key.pk}")).status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


def test_open_work_is_listed_by_name(page, home):
    steward = factories.steward(of=home)
    dataset = factories.dataset(steward, "trips")
    assert page.get(url(steward, "/open-work")).json()["results"][0] | {"since": ""} == {"kind": "dataset", "id": dataset.pk, "name": "trips", "since": ""}


def test_a_dataset_is_handed_over(page, home):
    dataset = factories.dataset(factories.steward(of=home), "trips")
    factories.steward("heir", of=home)
    handed = page.put("/api/v1/datasets/trips/steward", {"steward": "heir"}, content_type=JSON)
    assert (handed.status_code, handed.json()) == (200, {"slug": "trips", "steward": "heir"})
    dataset.refresh_from_db()
    assert dataset.steward.username == "heir"
    for wrong in ("nobody", "boss", "heir"):
        answer = page.put("/api/v1/datasets/trips/steward", {"steward": wrong}, content_type=JSON)
        assert (answer.status_code, [found["pointer"] for found in answer.json()["errors"]]) == (422, ["/steward"])


ADDRESSES = (
    ("get", ""), ("post", ""), ("get", "/{id}"), ("post", "/{id}/closure"), ("post", "/{id}/reopening"), ("put", "/{id}/roles/auditor"),
    ("delete", "/{id}/roles/officer"), ("put", "/{id}/mandates/city-hall"), ("delete", "/{id}/mandates/city-hall"), ("get", "/{id}/keys"),
    ("delete", "/{id}/keys"), ("delete", "/{id}/keys/1"), ("get", "/{id}/open-work"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "part"), ADDRESSES, ids=[f"{m} {p}" for m, p in ADDRESSES])
def test_no_key_manages_people_not_even_an_administrators(boss, lee, method, part):
    _, secret = issue_key(by=boss, user=boss, name="k", scopes=["read"], expires_at=timezone.now() + timedelta(days=1))
    body = {} if method == "get" else {"data": {}, "content_type": JSON}
    answer = getattr(Client(), method)(f"/api/v1/people{part.format(id=lee.pk)}", headers={"Authorization": f"Bearer {secret}"}, **body)
    assert (answer.status_code, "API key" in answer.json()["detail"]) == (403, True)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_nobody_else_learns_even_who_is_there(lee, role):
    client = Client()
    client.force_login(factories.user("someone", role))
    for part in ("", f"/{lee.pk}", "/999999"):
        assert client.get(f"/api/v1/people{part}").status_code == 403
