"""Accounts, roles, mandates and keys."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from catalog.audit.errors import Conflict, Invalid, NotAllowed
from catalog.audit.models import TrailEntry
from catalog.people import policies, services
from catalog.people.models import ApiKey, OfficerMandate, Organisation, User
from catalog.people.roles import SCOPE_ROLES, SCOPES, Role

PASSWORD = "a long sentence for tests"


def tomorrow():
    return timezone.now() + timedelta(days=1)


def last_action() -> str:
    return TrailEntry.objects.latest("seq").action


def test_every_role_is_a_group(db):
    assert set(Group.objects.values_list("name", flat=True)) >= {str(role) for role in Role}


def test_the_operator_makes_a_user_and_the_trail_tells(city):
    user = services.create_user(
        by=None, username="lee", password=PASSWORD, roles=["steward"], organisation=city, language="ko"
    )
    assert policies.roles_of(user) == ("steward",)
    assert user.check_password(PASSWORD)
    entry = TrailEntry.objects.latest("seq")
    assert (entry.action, entry.actor_name, entry.detail) == (
        "user.created",
        "system",
        {"roles": ["steward"], "username": "lee", "organisation": "city"},
    )


@pytest.mark.parametrize("password", ["kimchi", "lee-lee-lee"])
def test_a_weak_password_is_refused_without_repeating_it(db, password):
    with pytest.raises(Invalid) as refused:
        services.create_user(by=None, username="lee", password=password)
    assert not User.objects.exists()
    assert refused.value.problems
    assert password not in str([problem.as_dict() for problem in refused.value.problems])


@pytest.mark.parametrize(
    "wrong", [{"roles": ["king"]}, {"username": "no spaces!"}, {"language": "xx"}], ids=["role", "name", "language"]
)
def test_an_account_with_something_unknown_is_refused(db, wrong):
    with pytest.raises(Invalid):
        services.create_user(by=None, **{"username": "lee", "password": PASSWORD, **wrong})


def test_a_name_is_given_once_whatever_its_case(make_user):
    make_user("Kim")
    with pytest.raises(Conflict):
        services.create_user(by=None, username="kim", password=PASSWORD)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_only_administrators_manage_people(make_user, city, role):
    someone, other = make_user("someone", role), make_user("other", "officer")
    for change in (
        lambda: services.create_user(by=someone, username="lee", password=PASSWORD),
        lambda: services.create_organisation(by=someone, slug="x", name="X"),
        lambda: services.grant_role(by=someone, user=other, role="auditor"),
        lambda: services.withdraw_role(by=someone, user=other, role="officer"),
        lambda: services.give_mandate(by=someone, user=other, organisation=city),
        lambda: services.withdraw_mandate(by=someone, user=other, organisation=city),
    ):
        with pytest.raises(NotAllowed):
            change()
    assert not policies.can_manage_people(someone)
    assert policies.roles_of(other) == ("officer",)


def test_an_administrator_gives_roles_and_mandates_to_others_but_not_to_themselves(make_user, city):
    boss, other = make_user("boss", "administrator"), make_user("other")
    services.grant_role(by=boss, user=other, role="officer")
    services.give_mandate(by=boss, user=other, organisation=city)
    assert policies.can_decide_for(other, city)
    with pytest.raises(NotAllowed):
        services.grant_role(by=boss, user=boss, role="officer")
    with pytest.raises(NotAllowed):
        services.give_mandate(by=boss, user=boss, organisation=city)
    assert not policies.can_grant(boss, boss)
    assert policies.can_grant(boss, other)


def test_a_role_or_mandate_that_was_withdrawn_is_gone_at_once(make_user, city):
    officer = make_user("officer", "officer")
    services.give_mandate(by=None, user=officer, organisation=city)
    seen_before = User.objects.get(pk=officer.pk)
    assert policies.can_decide_for(seen_before, city)
    services.withdraw_mandate(by=None, user=officer, organisation=city)
    assert (policies.can_decide_for(seen_before, city), last_action()) == (False, "user.mandate_withdrawn")
    services.give_mandate(by=None, user=officer, organisation=city)
    services.withdraw_role(by=None, user=officer, role="officer")
    assert (policies.can_decide_for(seen_before, city), last_action()) == (False, "user.role_withdrawn")


def test_a_mandate_is_for_officers_and_given_once(make_user, city):
    with pytest.raises(Invalid):
        services.give_mandate(by=None, user=make_user("kim", "steward"), organisation=city)
    officer = make_user("lee", "officer")
    first = services.give_mandate(by=None, user=officer, organisation=city)
    assert services.give_mandate(by=None, user=officer, organisation=city) == first
    assert TrailEntry.objects.filter(action="user.mandate_given").count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        OfficerMandate.objects.create(user=officer, organisation=city)


def test_a_superuser_has_no_role_by_being_one(make_user, city):
    root = make_user("root", is_superuser=True, is_staff=True)
    assert policies.roles_of(root) == ()
    assert not any(policies.has_role(root, role) for role in Role)
    assert not policies.can_manage_people(root)


def test_a_closed_account_has_no_role(make_user, city):
    user = make_user("kim", "administrator", is_active=False)
    assert (policies.roles_of(user), policies.can_manage_people(user)) == ((), False)


def test_nobody_has_no_role(city):
    nobody = AnonymousUser()
    asked = (
        policies.can_manage_people(nobody),
        policies.can_read_trail(nobody),
        policies.can_read_ledger(nobody),
        policies.can_act_for(nobody, city),
        policies.can_decide_for(nobody, city),
    )
    assert asked == (False,) * 5


def test_a_steward_acts_for_their_own_organisation_only(make_user, city):
    other = Organisation.objects.create(slug="bus", name="Buses")
    steward = make_user("kim", "steward", organisation=city)
    assert policies.can_act_for(steward, city)
    assert not policies.can_act_for(steward, other)
    assert not policies.can_act_for(make_user("lee", "officer", organisation=city), city)


READERS = {
    "trail": (policies.can_read_trail, {"auditor", "lead_officer"}),
    "ledger": (policies.can_read_ledger, {"auditor", "lead_officer", "officer", "steward"}),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("what", READERS)
def test_who_reads_trail_and_ledger(make_user, what, role):
    can_read, readers = READERS[what]
    assert can_read(make_user("kim", role)) is (role in readers)


def test_a_key_is_shown_once_and_kept_as_a_hash(make_user):
    user = make_user()
    key, secret = services.issue_key(by=user, user=user, name="laptop", scopes=["read"], expires_at=tomorrow())
    assert key.hash == hashlib.sha256(secret.encode()).hexdigest()
    kept = str(ApiKey.objects.values().get()) + str(list(TrailEntry.objects.values()))
    assert secret not in kept
    assert secret.rsplit("_", 1)[1] not in kept
    assert len(secret.split("_", 2)[2]) == 43  # 256 bits in base64url
    assert services.find_key(secret) == key


def test_two_keys_are_never_alike(make_user):
    user = make_user()
    made = {
        services.issue_key(by=user, user=user, name="k", scopes=["read"], expires_at=tomorrow())[1] for _ in range(20)
    }
    assert len(made) == 20


def test_what_is_nearly_a_key_finds_none(make_user):
    user = make_user()
    _, secret = services.issue_key(by=user, user=user, name="k", scopes=["read"], expires_at=tomorrow())
    mark, prefix, random = secret.split("_", 2)
    for wrong in ("", mark, f"{mark}_{prefix}_", f"{mark}_{prefix}_{random[:-1]}", f"{mark}_{prefix}_{random}x"):
        assert services.find_key(wrong) is None
    for wrong in (f"xx_{prefix}_{random}", f"{mark}__{random}", secret + "é", "\x00", secret * 10, secret.upper()):
        assert services.find_key(wrong) is None


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "root"]])
def test_a_key_needs_scopes_that_exist(make_user, scopes):
    user = make_user()
    with pytest.raises(Invalid):
        services.issue_key(by=user, user=user, name="k", scopes=scopes, expires_at=tomorrow())


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_key_ends_and_not_too_late(make_user, days):
    user = make_user()
    with pytest.raises(Invalid):
        services.issue_key(
            by=user, user=user, name="k", scopes=["read"], expires_at=timezone.now() + timedelta(days=days)
        )


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("role", Role)
def test_a_key_carries_no_scope_beyond_its_owners_roles(make_user, scope, role):
    needed = SCOPE_ROLES[scope]
    assert policies.can_issue_key(user := make_user("kim", role), user, [scope]) is (needed is None or role in needed)


def test_nobody_makes_a_key_for_somebody_else_not_even_an_administrator(make_user):
    boss, officer = make_user("boss", "administrator"), make_user("officer", "officer")
    with pytest.raises(NotAllowed):
        services.issue_key(by=boss, user=officer, name="k", scopes=["read"], expires_at=tomorrow())


def test_a_key_is_revoked_by_its_owner_or_an_administrator(make_user):
    owner, boss, stranger = make_user("owner"), make_user("boss", "administrator"), make_user("stranger", "officer")
    for by in (owner, boss):
        key, _ = services.issue_key(by=owner, user=owner, name="k", scopes=["read"], expires_at=tomorrow())
        with pytest.raises(NotAllowed):
            services.revoke_key(by=stranger, key=key)
        services.revoke_key(by=by, key=key)
        when = key.revoked_at
        services.revoke_key(by=by, key=key)
        assert key.revoked_at == when is not None
    assert TrailEntry.objects.filter(action="key.revoked").count() == 2


def test_the_database_refuses_a_key_that_ends_before_it_starts(make_user):
    with pytest.raises(IntegrityError):
        ApiKey.objects.create(user=make_user(), name="k", prefix="p", hash="h", expires_at=timezone.now())


def test_the_command_reads_the_password_from_standard_input(city, monkeypatch, capsys):
    monkeypatch.delenv("CREATE_USER_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", StringIO(PASSWORD + "\n"))
    call_command("create_user", "lee", "--role", "officer", "--organisation", "city", "--mandate", "city")
    user = User.objects.get()
    assert user.check_password(PASSWORD)
    assert policies.can_decide_for(user, city)
    assert PASSWORD not in capsys.readouterr().out


def test_the_command_reads_the_password_from_the_environment(city, monkeypatch):
    monkeypatch.setenv("CREATE_USER_PASSWORD", PASSWORD)
    call_command("create_user", "lee")
    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.parametrize(
    ("arguments", "password"),
    [(["lee"], ""), (["lee"], "short"), (["lee", "--organisation", "none"], PASSWORD), (["l!"], PASSWORD)],
)
def test_the_command_refuses_and_leaves_nothing(db, monkeypatch, arguments, password):
    monkeypatch.setenv("CREATE_USER_PASSWORD", password)
    with pytest.raises(CommandError):
        call_command("create_user", *arguments)
    assert not User.objects.exists()


def test_a_mandate_for_somebody_who_is_no_officer_undoes_the_account(city, monkeypatch):
    monkeypatch.setenv("CREATE_USER_PASSWORD", PASSWORD)
    with pytest.raises(CommandError):
        call_command("create_user", "lee", "--role", "steward", "--mandate", "city")
    assert not User.objects.exists()


def test_the_command_makes_an_organisation_once(db):
    call_command("create_organisation", "bus", "Buses", "--name-ko", "버스")
    assert Organisation.objects.get().name_ko == "버스"
    for again in (["bus", "Buses"], ["no slug/", "x"]):
        with pytest.raises(CommandError):
            call_command("create_organisation", *again)
