"""A POST that is sent twice creates once."""

from __future__ import annotations

from datetime import timedelta

import plumbing_urls
import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from catalog.people.models import IdempotentAnswer, Organisation, User
from catalog.people.tasks import forget_answers

pytestmark = [pytest.mark.urls("plumbing_urls"), pytest.mark.django_db]


def post(client: Client, key: str | None = "one", name: str = "bus", address: str = "/api/v1/things"):
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post(address, {"name": name}, content_type="application/json", headers=headers)


@pytest.fixture
def steward(with_key) -> Client:
    return with_key("datasets:write")


def test_the_second_request_gets_the_first_ones_answer_and_creates_nothing(steward):
    first, second = post(steward), post(steward)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert first["Location"] == second["Location"]
    assert (first.get("Idempotent-Replayed"), second["Idempotent-Replayed"]) == (None, "true")
    assert Organisation.objects.count() == 1


def test_without_a_key_every_request_creates(steward):
    assert [post(steward, key=None).status_code for _ in range(2)] == [201, 201]
    assert Organisation.objects.count() == 2


def test_the_same_content_written_in_another_order_is_the_same_request(steward):
    for body in ('{"name":"bus"}', ' { "name" : "bus" } '):
        headers = {"Idempotency-Key": "one"}
        steward.post("/api/v1/things", body, content_type="application/json", headers=headers)
    assert Organisation.objects.count() == 1


def test_the_same_key_for_another_request_is_refused(steward):
    post(steward)
    for other in (post(steward, name="tram"), post(steward, address="/api/v1/things?q=1")):
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Organisation.objects.count() == 1


def test_a_request_whose_twin_is_still_at_work_is_told_so(steward, user):
    post(steward)
    IdempotentAnswer.objects.update(status=None, body="")
    response = post(steward)
    assert (response.status_code, response.json()["code"]) == (409, "request_in_progress")
    assert Organisation.objects.count() == 1


def test_a_request_that_was_refused_may_be_mended_and_sent_again(steward):
    assert post(steward, name="much too long a name").status_code == 422
    assert post(steward, name="bus").status_code == 201


def test_a_request_that_failed_on_our_side_may_be_sent_again(steward, monkeypatch):
    monkeypatch.setattr(plumbing_urls.ThingsView, "fail", 1)
    steward.raise_request_exception = False
    assert [post(steward).status_code for _ in range(3)] == [500, 201, 201]
    assert Organisation.objects.count() == 1


def test_keys_of_two_users_do_not_meet(steward, with_key):
    other = with_key("datasets:write", owner=User.objects.create(username="lee"))
    assert [post(steward).status_code, post(other, name="tram").status_code] == [201, 201]
    assert Organisation.objects.count() == 2


def test_a_key_may_be_used_anew_after_a_day(steward):
    post(steward)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert post(steward, name="tram").status_code == 201
    assert Organisation.objects.count() == 2


def test_answers_are_forgotten_after_their_day(steward):
    post(steward, key="old")
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    post(steward, key="new")
    forget_answers()
    assert list(IdempotentAnswer.objects.values_list("key", flat=True)) == ["new"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "a\tb", "é"])
def test_a_key_that_cannot_be_one_is_refused(steward, key):
    response = post(steward, key=key)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_idempotency_key")
    assert not Organisation.objects.exists()


def test_who_may_not_create_may_not_replay(steward, with_key, client):
    post(steward)
    assert post(with_key("read")).status_code == 403
    assert post(client).status_code == 401


def test_the_database_lets_one_claim_a_key(user):
    said = {"user": user, "key": "one", "method": "POST", "path": "/", "request_sha256": "0"}
    IdempotentAnswer.objects.create(**said)
    with pytest.raises(IntegrityError), transaction.atomic():
        IdempotentAnswer.objects.create(**said)
