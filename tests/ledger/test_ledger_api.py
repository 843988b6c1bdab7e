"""The ledger over the API: readable by those who answer for it, by nobody else."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from catalog.ledger import services
from catalog.people.services import issue_key


@pytest.fixture
def signed_in(make_user):
    def client(*roles: str) -> Client:
        client = Client()
        client.force_login(make_user("-".join(roles) or "nobody", *roles))
        return client

    return client


@pytest.mark.parametrize("role", ["officer", "lead_officer", "auditor", "steward"])
def test_those_who_answer_for_the_budget_read_it(population, charge, signed_in, role):
    charge("0.25", "1e-7", subject=("run", "3#1"))
    answer = signed_in(role).get("/api/v1/populations/card-holders/ledger")
    assert answer.status_code == 200
    body = answer.json()
    assert body["population"]["balance"] == {
        "cap": {"epsilon": "1", "delta": "0.000001"},
        "spent": {"epsilon": "0.25", "delta": "0.0000001"},
        "left": {"epsilon": "0.75", "delta": "0.0000009"},
    }
    assert "loss distributions" in body["composition"]
    (spending,) = body["results"]
    assert (spending["epsilon"], spending["subject_type"], spending["subject_id"]) == ("0.25", "run", "3#1")
    assert spending["by"] == "system"


@pytest.mark.parametrize("role", ["developer", "administrator"])
@pytest.mark.parametrize("address", ["/api/v1/populations", "/api/v1/populations/card-holders/ledger"])
def test_others_do_not(population, signed_in, role, address):
    answer = signed_in(role).get(address)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize("address", ["/api/v1/populations", "/api/v1/populations/card-holders/ledger"])
def test_nobody_unknown_does(population, client, address):
    answer = client.get(address)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_a_key_needs_the_scope(population, make_user, client):
    user = make_user("auditor", "auditor")
    ends = timezone.now() + timedelta(days=1)
    for scope, status in (("read", 403), ("ledger:read", 200)):
        _, secret = issue_key(by=user, user=user, name="k", scopes=[scope], expires_at=ends)
        answer = client.get("/api/v1/populations", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == status


def test_a_population_that_is_not_there_is_a_404(signed_in, city):
    assert signed_in("auditor").get("/api/v1/populations/none/ledger").status_code == 404


def test_the_ledger_is_paged_newest_first(population, charge, signed_in):
    for _ in range(5):
        charge("0.1")
    client, seen, address = signed_in("auditor"), [], "/api/v1/populations/card-holders/ledger?limit=2&count=true"
    while address:
        body = client.get(address).json()
        assert body["total"] == 5
        seen += [row["id"] for row in body["results"]]
        address = body["next"]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 5


def test_populations_are_listed_with_their_balance(population, city, signed_in):
    services.create_population(
        by=None, slug="riders", name="Riders", owner=city, epsilon_cap=Decimal(2), delta_cap=Decimal(0)
    )
    body = signed_in("officer").get("/api/v1/populations").json()
    assert [(row["slug"], row["owner"], row["balance"]["left"]["epsilon"]) for row in body["results"]] == [
        ("card-holders", "city", "1"),
        ("riders", "city", "2"),
    ]
