"""``manage.py setup_demo``: one command for all accounts, safe to repeat, and never in production."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from catalog.audit.models import TrailEntry
from catalog.audit.services import verify
from catalog.ledger.models import Population
from catalog.people.models import Organisation, User
from catalog.people.policies import can_act_for, can_decide_for, roles_of
from catalog.people.second_factor import use_code
from opendata.demo import accounts

pytestmark = pytest.mark.django_db
WORDS = {
    account.username: f"a long sentence of {account.role} {place}" for place, account in enumerate(accounts.ACCOUNTS)
}


def set_up(monkeypatch: pytest.MonkeyPatch, order: str | None = None) -> str:
    said = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(accounts.order(WORDS) if order is None else order))
    call_command("setup_demo", stdout=said)
    return said.getvalue()


def test_everybody_of_the_story_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set_up(monkeypatch) == "2 organisations, 7 accounts, 2 populations\n"
    for account in accounts.ACCOUNTS:
        user = authenticate(username=account.username, password=WORDS[account.username])
        assert isinstance(user, User)
        assert roles_of(user) == (account.role,)
        for organisation in Organisation.objects.all():
            assert can_act_for(user, organisation) == (
                account.role == "steward" and organisation.slug == account.organisation
            )
            assert can_decide_for(user, organisation) == (organisation.slug in account.mandates)
    for population in accounts.POPULATIONS:
        assert Population.objects.get(slug=population.slug).epsilon_cap == int(population.epsilon)


def test_doing_it_again_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch)
    before = (list(User.objects.values_list("pk", "password")), TrailEntry.objects.count())
    assert set_up(monkeypatch) == "2 organisations, 7 accounts, 2 populations\n"
    assert (list(User.objects.values_list("pk", "password")), TrailEntry.objects.count()) == before


def test_what_an_interrupted_start_left_out_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch)
    User.objects.get(username="olga").mandates.all().delete()
    Population.objects.all().delete()
    set_up(monkeypatch)
    assert can_decide_for(User.objects.get(username="olga"), Organisation.objects.get(slug="mobility"))
    assert Population.objects.count() == 2


def test_the_operators_acts_are_in_the_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch)
    actions = set(TrailEntry.objects.values_list("action", flat=True))
    assert {"organisation.created", "user.created", "user.mandate_given", "population.created"} <= actions
    assert not any(
        word in json.dumps(list(TrailEntry.objects.values_list("detail", flat=True))) for word in WORDS.values()
    )
    verify()


def test_officers_of_the_story_have_a_second_factor_where_it_is_demanded(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Any) -> None:
    ways = accounts.ways(tmp_path)
    order = accounts.order(WORDS, ways.secrets)
    set_up(monkeypatch, order)
    assert not Authenticator.objects.exists(), "the setting switches it off"
    settings.SECOND_FACTOR = "required"
    for _ in range(2):
        set_up(monkeypatch, order)
    assert {factor.user.username for factor in Authenticator.objects.filter(type="totp")} == set(ways.secrets)
    assert use_code(User.objects.get(username="olga"), ways.code("olga")) is not None


def test_production_refuses_it(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.OPENDATA_MODE = "production"
    with pytest.raises(CommandError, match="embedded set-up only"):
        set_up(monkeypatch)
    assert not User.objects.exists()


@pytest.mark.parametrize("order", ["", "{", "[]", "{}", '{"organisations": [{}], "accounts": [], "populations": []}'])
def test_an_order_that_cannot_be_read_is_one_line(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        set_up(monkeypatch, order)


def test_a_weak_password_is_refused_without_quoting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORDS, "sora", "short-pw")
    with pytest.raises(CommandError) as refused:
        set_up(monkeypatch)
    assert "short-pw" not in str(refused.value)
