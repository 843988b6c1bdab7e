"""People leave: accounts are closed at once, in one piece, and never the last administrator's by mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.people import leaving, policies, services
from catalog.people.models import ApiKey, User
from catalog.people.roles import Role
from tests.live.platform import own_database

ROOT = Path(__file__).resolve().parents[2]
WHY = "Left the city on Friday."


@pytest.fixture
def boss(make_user):
    return make_user("boss", "administrator")


@pytest.fixture
def leaver(make_user, city):
    """An officer and steward with a mandate, two keys and an open page."""
    user = make_user("lee", "officer", "steward", organisation=city)
    services.give_mandate(by=None, user=user, organisation=city)
    return user


def key_of(user: User) -> str:
    return services.issue_key(by=user, user=user, name="k", scopes=["read"], expires_at=timezone.now() + timedelta(days=1))[1]


def page_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def actions() -> list[str]:
    return list(TrailEntry.objects.order_by("seq").values_list("action", flat=True))


def test_a_closed_account_holds_nothing_any_more_and_the_trail_tells_why(boss, leaver, city):
    key_of(leaver), key_of(leaver)
    before = len(actions())
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    leaver.refresh_from_db()
    assert not leaver.is_active
    assert not leaver.groups.exists() and not leaver.mandates.exists()
    assert not leaver.api_keys.filter(revoked_at__isnull=True).exists()
    assert sorted(actions()[before:]) == sorted(
        ["user.closed", "key.revoked", "key.revoked", "user.mandate_withdrawn", "user.role_withdrawn", "user.role_withdrawn"]
    )
    entry = TrailEntry.objects.get(action="user.closed")
    assert (entry.actor, entry.subject_id, entry.detail) == (boss, str(leaver.pk), {"reason": WHY, "sessions": 0})


def test_an_open_page_and_a_key_are_refused_at_their_next_request(boss, leaver):
    page, secret = page_of(leaver), key_of(leaver)
    bearer = {"Authorization": f"Bearer {secret}"}
    assert (page.get("/account").status_code, page.get("/api/v1/me").status_code) == (200, 200)
    assert Client().get("/api/v1/me", headers=bearer).status_code == 200
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    assert page.get("/account")["Location"].startswith("/login")
    assert page.get("/api/v1/me").status_code == 401
    assert Client().get("/api/v1/me", headers=bearer).status_code == 401


def test_a_session_from_before_does_not_come_back_when_the_account_is_opened_again(boss, leaver):
    page, others = page_of(leaver), page_of(boss)
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    leaving.reopen_account(by=boss, user=leaver)
    assert page.get("/api/v1/me").status_code == 401
    assert others.get("/api/v1/me").status_code == 200
    assert Session.objects.count() == 1


def test_who_was_signing_in_at_the_moment_of_the_closing_is_not_signed_in_later(boss, leaver):
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    late = page_of(leaver)  # the password was right a moment before
    leaving.reopen_account(by=boss, user=leaver)
    assert late.get("/api/v1/me").status_code == 401


def test_no_key_is_made_by_a_request_that_the_closing_overtook(boss, leaver):
    seen_before = User.objects.get(pk=leaver.pk)
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    with pytest.raises(Conflict, match="closed"):
        key_of(seen_before)
    assert not ApiKey.objects.exists()


def test_a_request_that_is_under_way_meets_the_missing_role(boss, leaver, city):
    seen_before = User.objects.get(pk=leaver.pk)
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    assert seen_before.is_active
    assert not policies.has_role(seen_before, *Role)
    assert not policies.can_decide_for(seen_before, city)


def test_an_account_that_is_opened_again_may_nothing_until_it_is_given_something(boss, leaver, city):
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    leaving.reopen_account(by=boss, user=leaver)
    leaver.refresh_from_db()
    assert leaver.is_active and policies.roles_of(leaver) == ()
    assert actions()[-1] == "user.reopened"
    services.grant_role(by=boss, user=leaver, role="auditor")
    assert policies.roles_of(leaver) == ("auditor",)


def test_nothing_is_given_to_a_closed_account(boss, leaver, city):
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    for give in (
        lambda: services.grant_role(by=boss, user=leaver, role="auditor"),
        lambda: services.give_mandate(by=boss, user=leaver, organisation=city),
    ):
        with pytest.raises(Conflict, match="closed"):
            give()


def test_closing_twice_and_opening_what_is_open_change_nothing(boss, leaver):
    leaving.close_account(by=boss, user=leaver, reason=WHY)
    told = len(actions())
    with pytest.raises(Conflict):
        leaving.close_account(by=boss, user=leaver, reason=WHY)
    with pytest.raises(Conflict):
        leaving.reopen_account(by=boss, user=boss)
    assert len(actions()) == told


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
def test_closing_takes_a_reason(boss, leaver, reason):
    with pytest.raises(Invalid):
        leaving.close_account(by=boss, user=leaver, reason=reason)
    assert User.objects.get(pk=leaver.pk).is_active


def test_what_fails_half_way_leaves_the_account_as_it_was(boss, leaver, monkeypatch):
    def broken(**kwargs):
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(services, "end_mandate", broken)
    told = len(actions())
    with pytest.raises(RuntimeError):
        leaving.close_account(by=boss, user=leaver, reason=WHY)
    leaver = User.objects.get(pk=leaver.pk)
    assert leaver.is_active and set(policies.roles_of(leaver)) == {"officer", "steward"}
    assert len(actions()) == told


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_only_administrators_end_accounts_and_others_keys(make_user, leaver, boss, role):
    someone = make_user("someone", role)
    key_of(leaver)
    for end in (
        lambda: leaving.close_account(by=someone, user=leaver, reason=WHY),
        lambda: leaving.reopen_account(by=someone, user=leaver),
        lambda: leaving.revoke_keys_of(by=someone, user=leaver),
    ):
        with pytest.raises(NotAllowed):
            end()
    assert not policies.can_close(someone, leaver)
    assert ApiKey.objects.get().revoked_at is None


def test_one_ends_ones_own_keys_and_an_administrator_anybodys(boss, leaver):
    for by in (leaver, boss):
        key_of(leaver), key_of(leaver)
        assert leaving.revoke_keys_of(by=by, user=leaver) == 2
        assert leaving.revoke_keys_of(by=by, user=leaver) == 0
    assert actions().count("key.revoked") == 4


# --- the last administrator ------------------------------------------------------------------------------------------


def test_the_last_administrator_stays(boss, make_user):
    make_user("gone", "administrator", is_active=False)
    with pytest.raises(Conflict, match="last administrator"):
        leaving.close_account(by=boss, user=boss, reason=WHY)
    with pytest.raises(Conflict, match="last administrator"):
        services.withdraw_role(by=boss, user=boss, role="administrator")
    assert not policies.can_close(boss, boss)
    assert not policies.can_withdraw_role(boss, boss, "administrator")
    assert policies.can_manage_people(boss)


def test_one_of_two_administrators_may_go_by_themselves_or_by_the_other(boss, make_user):
    for name in ("second", "third"):
        make_user(name, "administrator")
    assert policies.can_close(boss, boss)
    leaving.close_account(by=boss, user=User.objects.get(username="second"), reason=WHY)
    leaving.close_account(by=boss, user=boss, reason=WHY)
    with pytest.raises(NotAllowed):  # closed, though the object in hand does not know it
        leaving.close_account(by=boss, user=User.objects.get(username="third"), reason=WHY)


def test_other_roles_of_the_last_administrator_can_be_taken(boss):
    services.grant_role(by=None, user=boss, role="auditor")
    services.withdraw_role(by=boss, user=boss, role="auditor")
    assert policies.roles_of(boss) == ("administrator",)


def test_the_operator_can_close_even_the_last_administrators_account(boss):
    leaving.close_account(by=None, user=boss, reason="The password was seen by somebody.")
    assert not User.objects.filter(is_active=True).exists()


def test_two_administrators_who_remove_each_other_at_once_leave_one(tmp_path):
    """In a process of its own, with a database that two connections really share."""
    keys = {"DATA_DIR": str(tmp_path), "SECRET_KEY": "x" * 50, "TRAIL_CHECKPOINT_KEY": "k", "PYTHONPATH": str(ROOT)}
    with own_database(tmp_path) as database:
        done = subprocess.run(
            [sys.executable, str(ROOT / "tests/people/removers.py")], env={**os.environ, **keys, **database}, cwd=ROOT,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {"left": [1] * 10, "refused": [1] * 10}


# --- a role that is withdrawn while a page is open -------------------------------------------------------------------


def test_a_role_that_is_withdrawn_while_a_page_is_open_is_gone_at_the_next_request(boss, make_user):
    auditor = make_user("auditor", "auditor")
    page = page_of(auditor)
    assert (page.get("/trail").status_code, page.get("/api/v1/trail").status_code) == (200, 200)
    services.withdraw_role(by=boss, user=auditor, role="auditor")
    assert (page.get("/trail").status_code, page.get("/api/v1/trail").status_code) == (403, 403)


def test_what_is_not_held_is_not_withdrawn_in_the_trail(boss, leaver, city):
    services.withdraw_mandate(by=boss, user=leaver, organisation=city)
    told = len(actions())
    services.withdraw_role(by=boss, user=leaver, role="auditor")
    services.withdraw_mandate(by=boss, user=leaver, organisation=city)
    services.grant_role(by=boss, user=leaver, role="officer")
    assert len(actions()) == told


# --- the command line ------------------------------------------------------------------------------------------------


def said(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_the_operator_does_all_of_it_on_the_command_line(leaver, city):
    key_of(leaver)
    assert "lee no longer decides for city" in said("withdraw_mandate", "lee", "city")
    assert "lee decides for city" in said("give_mandate", "lee", "city")
    assert "auditor" in said("grant_role", "lee", "auditor")
    assert "no longer" in said("withdraw_role", "lee", "auditor")
    assert "Revoked 1" in said("revoke_keys", "lee")
    assert "lee\tcity\tofficer,steward\tcity\tnever signed in" in said("list_people")
    assert "Closed the account lee" in said("close_account", "lee", "--reason", WHY)
    assert said("list_people").strip().endswith("closed")
    assert "again" in said("reopen_account", "lee")


@pytest.mark.parametrize(
    "command",
    [
        ("close_account", "nobody", "--reason", WHY), ("close_account", "lee"), ("close_account", "lee", "--reason", " "), ("reopen_account", "lee"),
        ("grant_role", "lee", "king"), ("give_mandate", "lee", "nowhere"), ("revoke_keys", "nobody"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_cannot_be_carried_out_says_so(leaver, command):
    with pytest.raises(CommandError):
        call_command(*command)
    assert User.objects.get(username="lee").is_active
